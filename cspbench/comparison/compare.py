"""Comparison of two runs, case by case: exact figures exactly, latencies through the yardstick.

Absolute times of two runs are never compared. Each case's time is taken as a ratio to the frozen
yardstick, turn by turn within its run, and the ratios of the two runs are compared over launches.
If even these would mislead, latencies are withheld with a reason and only exact figures compare.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from ..plan.case import Mode
from ..records.gate import LATENCY, Gate
from ..records.run import Run
from ..verdicts.judge import Criterion, judge
from ..verdicts.stats import Difference, t_quantile, welch
from . import readers
from .deciding import deciding_notes
from .energies import energy_notes
from .excerpt import CaseExcerpt, Excerpt, excerpt
from .result import (
    Change,
    Comparison,
    Discrepancy,
    compared_case,
    exact_changes,
    judged_change,
    one_sided_case,
    overall_verdict,
    unjudged_change,
)
from .trained import trained_changes

_TRAINING = "training"  # trainings are not compared if runs differ in this circumstance
_MISLEADS = ("device", "cores", "threads", "allocator", "yardstick", "torch", "CUDA", "cache")
"""Latencies are not compared if runs differ in one of these circumstances."""

Cases = Mapping[Hashable, CaseExcerpt]


def compare(
    baseline: Run | Path | str, candidate: Run | Path | str, *, gate: Gate | None = None
) -> Comparison:
    """The changes from ``baseline`` to ``candidate`` that exceed the thresholds of ``gate``.

    Each side is a run, a run folder or one of its two files, a saved report or pull request
    comment, or pytest-benchmark's JSON. The threshold of latency is raised to the noise floor
    between runs if that of either machine is known. Raises `CspbenchError` for a side that cannot
    be read.
    """
    return _compare(_excerpt(baseline), _excerpt(candidate), gate or Gate())


def _excerpt(source: Run | Path | str) -> Excerpt:
    return excerpt(source) if isinstance(source, Run) else readers.read(Path(source))


def _compare(baseline: Excerpt, candidate: Excerpt, gate: Gate) -> Comparison:
    before, after = _by_identity(baseline, candidate)
    discrepancies = tuple(_discrepancies(baseline, candidate))
    misleading = [discrepancy.what for discrepancy in discrepancies if discrepancy.misleads]
    latencies = _latency_changes(baseline, candidate, (before, after), misleading, gate)
    trained = trained_changes(
        (before, after),
        alike=all(discrepancy.what != _TRAINING for discrepancy in discrepancies),
    )
    measured = _exact_in(before) & _exact_in(after)
    cases = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            cases.append(one_sided_case(old, new))
        else:
            timed = {LATENCY: latencies[key]} if old.timed and new.timed else {}
            exact = exact_changes(old, new, gate, measured)
            cases.append(compared_case(new, {**exact, **trained[key], **timed}))
    return Comparison(
        verdict=overall_verdict(cases),
        discrepancies=discrepancies,
        cases=tuple(cases),
        failed=tuple(case.key or case.name for case in after.values() if case.failed),
        notes=(
            *_contention_notes(baseline, candidate),
            *deciding_notes(baseline, candidate, latencies.values()),
            *energy_notes(
                (f"{new.name} ({new.mode})", before[key].energy_j, new.energy_j)
                for key, new in after.items()
                if key in before
            ),
        ),
    )


def _by_identity(baseline: Excerpt, candidate: Excerpt) -> tuple[Cases, Cases]:
    """The cases of both sides by key, or by name and mode if a side is a table without keys."""
    sides = (baseline.cases, candidate.cases)
    has_keys = all(case.key for side in sides for case in side)

    def identity(case: CaseExcerpt) -> Hashable:
        return case.key if has_keys else ("".join(case.name.split()), case.mode)

    before, after = ({identity(case): case for case in side} for side in sides)
    return before, after


def _exact_in(cases: Cases) -> set[str]:
    """The names of the exact figures that a side has for any case; it measured no others."""
    return {name for case in cases.values() for name in case.exact}


def _latency_changes(
    baseline: Excerpt,
    candidate: Excerpt,
    sides: tuple[Cases, Cases],
    misleading: Sequence[str],
    gate: Gate,
) -> dict[Hashable, Change]:
    """The change in latency of every case that both runs have, judged together."""
    before, after = sides
    differences: dict[Hashable, Difference] = {}
    criteria: dict[Hashable, Criterion] = {}
    changes: dict[Hashable, Change] = {}
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            continue
        if reason := _why_withheld(old, new, misleading):
            ratio = None if misleading else _ratio_of_times(old, new)
            changes[key] = unjudged_change(
                reason, baseline=old.latency_s, candidate=new.latency_s, ratio=ratio
            )
            continue
        if old.yardsticks == new.yardsticks:
            changes[key] = _same_samples(old)
            continue
        differences[key] = welch(_logs(old), _logs(new))
        floor = _floor(baseline, candidate, old.mode, len(old.yardsticks), len(new.yardsticks))
        criteria[key] = Criterion(threshold=max(gate.threshold(new.entry, LATENCY), floor))
    for key, verdict in judge(differences, criteria).items():
        means = _mean(before[key]), _mean(after[key])
        runs = not (before[key].failed or after[key].failed)
        changes[key] = judged_change(verdict, means, runs=runs)
    return changes


def _ratio_of_times(old: CaseExcerpt, new: CaseExcerpt) -> float | None:
    """The ratio of two latencies of tools that have no yardstick, to be shown, not judged."""
    if old.yardsticks or new.yardsticks or old.latency_s is None or new.latency_s is None:
        return None
    return new.latency_s / old.latency_s


def _same_samples(case: CaseExcerpt) -> Change:
    """The change between a run and a report of the same run: none."""
    mean = _mean(case)
    return Change(
        baseline=mean,
        candidate=mean,
        ratio=1.0,
        interval=None,
        verdict="same",
        reason="the very same samples",
    )


def _mean(case: CaseExcerpt) -> float:
    return math.exp(math.fsum(_logs(case)) / len(case.yardsticks))


def _logs(case: CaseExcerpt) -> list[float]:
    return [math.log(ratio) for ratio in case.yardsticks]


def _why_withheld(old: CaseExcerpt, new: CaseExcerpt, misleading: Sequence[str]) -> str:
    for side, case in (("baseline", old), ("candidate", new)):
        if not case.yardsticks and case.latency_s is not None:
            return f"the {side} has times without a yardstick: rounded ones, or of one process"
    if misleading:
        return f"withheld, as the runs differ in {', '.join(misleading)}"
    for side, case in (("baseline", old), ("candidate", new)):
        if not case.yardsticks:
            return f"the {side} has no times: {case.missing or 'none were saved'}"
    return ""


def _floor(
    baseline: Excerpt,
    candidate: Excerpt,
    mode: Mode,
    baseline_launches: int,
    candidate_launches: int,
) -> float:
    """The noise floor between two runs: the higher of both machines', 0 if neither is known."""
    spread = max(side.between_runs.get(mode, 0.0) for side in (baseline, candidate))
    launches = baseline_launches + candidate_launches
    if not spread or launches < 3:
        return 0.0
    error = spread * math.sqrt(1 / baseline_launches + 1 / candidate_launches)
    return math.expm1(t_quantile(0.975, launches - 2) * error)


def _discrepancies(baseline: Excerpt, candidate: Excerpt) -> Iterator[Discrepancy]:
    timed = any(case.timed for side in (baseline, candidate) for case in side.cases)
    for circumstance, old in baseline.made.items():
        new = candidate.made.get(circumstance)
        if new is not None and old != new:
            misleads = timed and circumstance in _MISLEADS
            yield Discrepancy(what=circumstance, baseline=old, candidate=new, misleads=misleads)


def _contention_notes(baseline: Excerpt, candidate: Excerpt) -> Iterator[str]:
    for side, run in (("baseline", baseline), ("candidate", candidate)):
        if run.contended:
            yield (
                f"{run.contended} of {run.launches} launches of the {side} were contended: "
                "others ran on its cores"
            )
