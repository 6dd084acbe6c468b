"""What would decide the undecided latencies of two runs, and how long that takes."""

import re
from collections.abc import Iterable, Iterator
from statistics import median_high

from ..units import seconds_text
from .excerpt import Excerpt
from .result import Change

WORTH_WAITING = 100
"""More launches than these, of a run or a side, are not asked for."""

_COMMIT = re.compile(r"[0-9a-f]{12}")
_SUITE = re.compile(r"[\w./:,]+")  # not a word that a shell would take for something else


def deciding_notes(
    baseline: Excerpt, candidate: Excerpt, latencies: Iterable[Change]
) -> Iterator[str]:
    """A sentence on how to decide those ``latencies`` that are undecided, if any is."""
    undecided = [
        change for change in latencies if change.verdict == "undecided" and change.is_judged
    ]
    if not undecided:
        return
    more_launches = [change.more_launches for change in undecided if change.more_launches]
    ways = []
    if more_launches and median_high(more_launches) <= WORTH_WAITING:
        ways.append(_launches(baseline, candidate, median_high(more_launches)))
    if revisions := _in_turns(baseline, candidate):
        ways.append(revisions)
    if ways:
        number = f"{len(undecided)} undecided latenc{'y' if len(undecided) == 1 else 'ies'}"
        yield f"What decides the {number}: {'; or '.join(ways)}."


def _launches(baseline: Excerpt, candidate: Excerpt, more_launches: int) -> str:
    launches = max(baseline.launches, candidate.launches) + more_launches
    launch_s = max(baseline.launch_s, candidate.launch_s)
    duration = f", about {seconds_text(launches * launch_s)} each" if launch_s else ""
    return f"run both again with --launches {launches}{duration}"


def _in_turns(baseline: Excerpt, candidate: Excerpt) -> str | None:
    """The command that lets both revisions take turns; None if they are not known."""
    name = "commit of the models" if "commit of the models" in candidate.made else "commit"
    revisions = [side.made.get(name, "") for side in (baseline, candidate)]
    suite = candidate.made.get("suite", "")
    if revisions[0] == revisions[1] or not all(map(_COMMIT.fullmatch, revisions)):
        return None
    if not _SUITE.fullmatch(suite):
        return None
    command = f"python -m cspbench ab {' '.join(revisions)} {suite} --no-merge-base"
    return f"let the two revisions take turns, which takes a minute: {command}"
