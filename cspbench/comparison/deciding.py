"""What would decide undecided latencies, and how long that takes."""

import math
import re
from collections.abc import Iterable
from statistics import median_high

from ..records.run import Run
from .excerpt import Excerpt
from .result import Change, Deciding

WORTH_WAITING = 100
"""More launches than these, of a run or a side, are not asked for."""

_COMMIT = re.compile(r"[0-9a-f]{12}")
_SUITE = re.compile(r"[\w./:,]+")  # not a word that a shell would take for something else
_BUDGET_STEP_S = 10


def between_runs(
    baseline: Excerpt, candidate: Excerpt, latencies: Iterable[Change]
) -> Deciding | None:
    """What would decide the undecided ``latencies`` of two runs; None if there are none.

    Those that cannot be compared between runs may be by revisions in turns.
    """
    changes = [change for change in latencies if change.verdict == "undecided" and change.is_judged]
    if not changes:
        return None
    undecided, more_launches = _undecided(changes)
    command = _in_turns(baseline, candidate)
    if not more_launches:
        return Deciding(undecided=undecided, command=command)
    launches = max(baseline.launches, candidate.launches) + median_high(more_launches)
    return Deciding(
        undecided=undecided,
        decided=_decided(more_launches),
        option=f"--launches {launches}",
        seconds=launches * max(baseline.launch_s, candidate.launch_s),
        command=command,
    )


def of_revisions(run: Run, latencies: Iterable[Change]) -> Deciding | None:
    """What would decide the undecided ``latencies`` of two revisions; None if there are none.

    A run with a budget gets a longer one, which buys launches in proportion.
    """
    changes = list(latencies)
    undecided, more_launches = _undecided(changes)
    if not undecided:
        return None
    if not more_launches:
        return Deciding(undecided=undecided)
    so_far = max(change.launches or 1 for change in changes)
    launches = so_far + median_high(more_launches)
    seconds = math.fsum(launch.seconds for launch in run.launches) * launches / so_far
    option, budget_s = f"--launches {launches}", run.info.settings.budget_s
    if budget_s is not None:
        seconds = _BUDGET_STEP_S * math.ceil(budget_s * launches / so_far / _BUDGET_STEP_S)
        option = f"--budget {seconds:g}"
    return Deciding(
        undecided=undecided, decided=_decided(more_launches), option=option, seconds=seconds
    )


def _undecided(latencies: Iterable[Change]) -> tuple[int, list[int]]:
    """The number of undecided latencies with an interval, and how many more launches each needs.

    There are none of the latter if most of them are more than are asked for.
    """
    undecided = [
        change for change in latencies if change.verdict == "undecided" and change.interval
    ]
    more_launches = [change.more_launches for change in undecided if change.more_launches]
    if more_launches and median_high(more_launches) > WORTH_WAITING:
        more_launches = []
    return len(undecided), more_launches


def _decided(more_launches: list[int]) -> int:
    """How many are decided by as many more launches as half of them need."""
    return sum(number <= median_high(more_launches) for number in more_launches)


def _in_turns(baseline: Excerpt, candidate: Excerpt) -> str:
    """The command that lets both revisions take turns; '' if they are not known."""
    name = "commit of the models" if "commit of the models" in candidate.made else "commit"
    revisions = [side.made.get(name, "") for side in (baseline, candidate)]
    suite = candidate.made.get("suite", "")
    if revisions[0] == revisions[1] or not all(map(_COMMIT.fullmatch, revisions)):
        return ""
    if not _SUITE.fullmatch(suite):
        return ""
    return f"python -m cspbench ab {' '.join(revisions)} {suite} --no-merge-base"
