"""Comparison of two runs, case by case: exact figures exactly, latencies through the yardstick.

No case's absolute times are compared. Each case's time is taken as a ratio to the frozen
yardstick, turn by turn within its run, and launches of the two runs are compared in which the
machine was in the same state, as the yardstick tells. If even these would mislead, latencies are
withheld with a reason and only exact figures compare.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean

from ..plan.case import Mode
from ..plan.labels import case_name
from ..records.gate import LATENCY, THRESHOLD_BETWEEN_RUNS, Gate
from ..records.run import Run, Side
from ..text import listing
from ..verdicts.judge import Criterion, Verdict, judge
from ..verdicts.matching import Matched, matched
from ..verdicts.stats import exp, t_quantile
from . import readers
from .deciding import between_runs
from .energies import energy_notes
from .excerpt import CaseExcerpt, Excerpt
from .result import (
    Change,
    Comparison,
    Discrepancy,
    Setup,
    compared_case,
    exact_changes,
    judged_change,
    one_sided_case,
    overall_verdict,
    unjudged_change,
)
from .states import matching_notes, state_warnings, yardstick_ratios
from .trained import trained_changes

_TRAINING = "training"  # trainings are not compared if runs differ in this circumstance
_MISLEADS = ("device", "cores", "threads", "allocator", "yardstick", "torch", "CUDA", "cache")
"""Latencies are not compared if runs differ in one of these circumstances."""

_WANDER = 0.006
"""What identical code differs by from run to run, beyond its launches.

A standard deviation of logarithms, from the trials of `bench/fidelity.py`.
"""

Cases = Mapping[Hashable, CaseExcerpt]


def compare(
    baseline: Run | Path | str, candidate: Run | Path | str, *, gate: Gate | None = None
) -> Comparison:
    """The changes from ``baseline`` to ``candidate`` that exceed the thresholds of ``gate``.

    Each side is a run, a run folder or one of its two files, a saved report or pull request
    comment, or pytest-benchmark's JSON. A run of two revisions, or its comment, stands for its
    baseline as ``baseline`` and for its candidate as ``candidate``. The threshold of latency is
    raised to the noise floor between runs, which is 2.5% or, if `doctor` measured a higher one,
    that. Raises `CspbenchError` for a side that cannot be read.
    """
    sides = _excerpt(baseline, "baseline"), _excerpt(candidate, "candidate")
    return _compare(*sides, gate or Gate())


def _excerpt(source: Run | Path | str, side: Side) -> Excerpt:
    if isinstance(source, Run):
        return readers.of_run(source, side)
    return readers.read(Path(source), side)


def _compare(baseline: Excerpt, candidate: Excerpt, gate: Gate) -> Comparison:
    before, after = _by_identity(baseline, candidate)
    discrepancies = tuple(_discrepancies(baseline, candidate))
    misleading = [discrepancy.what for discrepancy in discrepancies if discrepancy.misleads]
    outcomes = {
        key: _outcome(old, after[key], misleading) for key, old in before.items() if key in after
    }
    pairs = {key: pair for key, pair in outcomes.items() if isinstance(pair, Matched)}
    latencies = {key: change for key, change in outcomes.items() if isinstance(change, Change)}
    latencies |= _judged(pairs, baseline, candidate, (before, after), gate)
    states = [((before[key], after[key]), pair) for key, pair in pairs.items()]
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
            *matching_notes(states),
            *energy_notes(
                (case_name(new.name, new.mode), before[key].energy_j, new.energy_j)
                for key, new in after.items()
                if key in before
            ),
        ),
        warnings=(*_contended(baseline, candidate), *state_warnings(states)),
        setup=_setup(baseline, candidate, _noise_floor(baseline, candidate, before, pairs)),
        gate=gate,
        deciding=between_runs(baseline, candidate, latencies.values()),
    )


def _setup(baseline: Excerpt, candidate: Excerpt, noise_floor: tuple[float, float] | None) -> Setup:
    def both(*names: str) -> tuple[str, str]:
        """The first of the circumstances ``names`` that each side says."""
        before, after = (
            next((side.made[name] for name in names if name in side.made), "")
            for side in (baseline, candidate)
        )
        return before, after

    return Setup(
        commits=both("commit of the models", "commit"),
        device=both("device"),
        threads=both("threads"),
        torch=both("torch"),
        launches=(baseline.launches, candidate.launches),
        noise_floor=noise_floor,
    )


def _noise_floor(
    baseline: Excerpt, candidate: Excerpt, before: Cases, pairs: Mapping[Hashable, Matched]
) -> tuple[float, float] | None:
    """The lowest and the highest of all cases whose latencies are compared."""
    floors = [
        _floor(baseline, candidate, before[key].mode, *pair.launches) for key, pair in pairs.items()
    ]
    return (min(floors), max(floors)) if floors else None


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


def _outcome(old: CaseExcerpt, new: CaseExcerpt, misleading: Sequence[str]) -> Matched | Change:
    """A case's launches in both runs; its change in latency where there is nothing to judge."""
    if reason := _why_withheld(old, new, misleading):
        ratio = None if misleading else _ratio_of_times(old, new)
        return unjudged_change(reason, baseline=old.latency_s, candidate=new.latency_s, ratio=ratio)
    if old.yardsticks == new.yardsticks:
        return _same_samples(old)
    return matched(yardstick_ratios(old, new), yardstick_ratios(new, old), wander=_WANDER)


def _judged(
    pairs: Mapping[Hashable, Matched],
    baseline: Excerpt,
    candidate: Excerpt,
    sides: tuple[Cases, Cases],
    gate: Gate,
) -> dict[Hashable, Change]:
    """The changes in latency of ``pairs``, judged together."""
    before, after = sides
    criteria: dict[Hashable, Criterion] = {}
    for key in pairs:
        floor = _floor(baseline, candidate, before[key].mode, *pairs[key].launches)
        threshold = gate.threshold(after[key].entry, LATENCY)
        criteria[key] = Criterion(threshold=max(threshold, floor))
    verdicts = judge({key: pair.difference for key, pair in pairs.items()}, criteria)
    return {
        key: judged_change(
            verdicts[key],
            (exp(pair.log_ratios[0]), exp(pair.log_ratios[1])),
            more_launches=_more_launches(verdicts[key], pair, (before[key], after[key])),
        )
        for key, pair in pairs.items()
    }


def _more_launches(
    verdict: Verdict, pair: Matched, cases: tuple[CaseExcerpt, CaseExcerpt]
) -> int | None:
    """The further launches of each run that should decide it; None if no number would.

    As many of them as now will meet a state of the machine that the other run has met.
    """
    can_tell = pair.has_like_state and not any(case.failed for case in cases)
    if verdict.more_launches is None or not can_tell:
        return None
    sides = [
        (len(case.yardsticks), len(unmatched))
        for case, unmatched in zip(cases, pair.unmatched, strict=True)
    ]
    return max(
        math.ceil(verdict.more_launches * launches / (launches - unmatched))
        for launches, unmatched in sides
    )


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
        reason="the same samples on both sides",
    )


def _mean(case: CaseExcerpt) -> float:
    return geometric_mean(case.yardsticks)


def _why_withheld(old: CaseExcerpt, new: CaseExcerpt, misleading: Sequence[str]) -> str:
    for side, case in (("baseline", old), ("candidate", new)):
        if not case.yardsticks and case.latency_s is not None:
            return (
                f"the {side} has no ratios to the yardstick, only times that are rounded or of one "
                "process: give a run folder or a report.md"
            )
    if misleading:
        return (
            f"not comparable, because the runs differ in {listing(misleading, len(misleading))}: "
            "measure both alike, or two revisions with ab"
        )
    for side, case in (("baseline", old), ("candidate", new)):
        if not case.yardsticks:
            return f"the {side} has no times: {case.missing or 'none were saved'}"
    return ""


def _floor(
    baseline: Excerpt,
    candidate: Excerpt,
    mode: Mode,
    baseline_launches: float,
    candidate_launches: float,
) -> float:
    """The noise floor between two runs: the higher of both machines', 2.5% at least."""
    spread = max(side.between_runs.get(mode, 0.0) for side in (baseline, candidate))
    launches = baseline_launches + candidate_launches
    if not spread or launches < 3:
        return THRESHOLD_BETWEEN_RUNS
    error = spread * math.sqrt(1 / baseline_launches + 1 / candidate_launches)
    return max(THRESHOLD_BETWEEN_RUNS, math.expm1(t_quantile(0.975, launches - 2) * error))


def _discrepancies(baseline: Excerpt, candidate: Excerpt) -> Iterator[Discrepancy]:
    timed = any(case.timed for side in (baseline, candidate) for case in side.cases)
    for circumstance, old in baseline.made.items():
        new = candidate.made.get(circumstance)
        if new is not None and old != new:
            misleads = timed and circumstance in _MISLEADS
            yield Discrepancy(what=circumstance, baseline=old, candidate=new, misleads=misleads)


def _contended(baseline: Excerpt, candidate: Excerpt) -> Iterator[str]:
    for side, run in (("baseline", baseline), ("candidate", candidate)):
        if run.contended:
            was = "was" if run.contended == 1 else "were"
            yield (
                f"{run.contended} of {run.launches} launches of the {side} {was} contended: "
                "other processes used their cores or GPU."
            )
