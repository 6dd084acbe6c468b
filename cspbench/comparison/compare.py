"""Two runs, case by case: what is exact compares exactly, latency through the yardstick.

Absolute times of two runs never meet: each case's time is taken as a ratio to the frozen yardstick,
turn by turn, in its own run, and the two ratios are compared over launches. Where even that would
mislead, the latency is withheld and the reason said; the counts still compare.

Two revisions that took turns in one run (`ab`) need no yardstick.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from ..plan.case import Mode
from ..records.lines import Equivalence
from ..records.run import Record, Run
from ..verdicts.judge import ALPHA, Criterion, Verdict, judge
from ..verdicts.stats import Difference, paired, t_quantile, welch
from ..verdicts.within_run import threshold, verdicts
from . import readers as sources
from .pasted_report import CaseExcerpt, Excerpt, case_excerpt, excerpt
from .result import (
    ONE_SIDE,
    CaseComparison,
    Change,
    Comparison,
    Discrepancy,
    exact,
    judged,
    judged_case,
    one_sided,
    open_change,
    overall,
)
from .thresholds import LATENCY, Gate

SAME_SHARE = 0.05
"""What trainings measure is the same where it differs by less: similarities, ranks, accuracies."""

_TRAINING = "training"  # where runs differ in this circumstance, what was trained is not compared
_MISLEADS = ("device", "cores", "threads", "allocator", "yardstick", "torch", "CUDA", "cache")
"""Where runs differ in one of these, their latencies cannot be compared."""


def compare(
    baseline: Run | Path | str, candidate: Run | Path | str, *, gate: Gate | None = None
) -> Comparison:
    """What changed from ``baseline`` to ``candidate``, beyond the thresholds of ``gate``.

    Each is a run, its folder or one of the folder's files, a report or a comment that was saved of
    one, or results of pytest-benchmark. The threshold of latency is raised to the noise floor
    between runs where either machine's is known. Raises `CspbenchError` for what cannot be read.
    """
    return _compare(_excerpt(baseline), _excerpt(candidate), gate or Gate())


def _excerpt(given: Run | Path | str) -> Excerpt:
    return excerpt(given) if isinstance(given, Run) else sources.read(Path(given))


def _compare(baseline: Excerpt, candidate: Excerpt, gate: Gate) -> Comparison:
    before, after = _by_identity(baseline, candidate)
    discrepancies = tuple(_discrepancies(baseline, candidate))
    withheld = [one.what for one in discrepancies if one.misleads]
    latencies = _latencies(baseline, candidate, (before, after), withheld, gate)
    trained = _trained((before, after), alike=all(one.what != _TRAINING for one in discrepancies))
    cases = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            cases.append(one_sided(old, new))
        else:
            timed = {LATENCY: latencies[key]} if old.timed and new.timed else {}
            cases.append(judged_case(new, {**exact(old, new, gate), **trained[key], **timed}))
    return Comparison(
        verdict=overall(cases),
        discrepancies=discrepancies,
        cases=tuple(cases),
        failed=tuple(case.key or case.name for case in after.values() if case.failed),
        notes=tuple(_contention(baseline, candidate)),
    )


def in_turns(run: Run, gate: Gate | None = None) -> Comparison:
    """Two revisions that took turns in ``run``: the candidate against the baseline.

    Their latencies are seconds, their ratio is taken turn by turn.
    """
    rules = gate or Gate()
    by_key = {record.case.key: record for record in run.records}
    judged_now = verdicts(run, lambda record: rules.threshold(record.case.entry, LATENCY))
    cases: list[CaseComparison] = []
    notes: list[str] = []
    equal = 0
    for new in run.records:
        old = by_key.get(new.case.reference or "")
        if old is None:
            continue
        before, after = (_without_side(record) for record in (old, new))
        if any(one.cause == "absent" for record in (old, new) for one in record.failures):
            cases.append(one_sided(*(_present(r, e) for r, e in ((old, before), (new, after)))))
            continue
        change = open_change("no launch that both took part in")
        if verdict := judged_now.get(new.case.key):
            criterion = Criterion(
                threshold=threshold(
                    run, new, verdict.ratio.launches, rules.threshold(new.case.entry, LATENCY)
                )
            )
            change = judged(verdict, criterion, (before.latency_s or 0.0, after.latency_s or 0.0))
        elif failed := old.failures or new.failures:
            change = open_change(f"{failed[0].stage} failed: {failed[0].reason}")
        cases.append(judged_case(after, {**exact(before, after, rules), LATENCY: change}))
        if new.equivalence is not None and not new.equivalence.is_equal:
            notes.append(_unlike(after, new.equivalence))
        equal += new.equivalence is not None and new.equivalence.is_equal
    if equal:
        notes.insert(0, f"The outputs of {equal} of {len(cases)} cases are equal within rounding.")
    if contended := sum(launch.is_contended for launch in run.launches):
        notes.append(f"{contended} of {len(run.launches)} launches were contended.")
    if throttled := sum(launch.is_throttled for launch in run.launches):
        notes.append(f"{throttled} of {len(run.launches)} launches were throttled.")
    return Comparison(
        verdict=overall(cases),
        discrepancies=(),
        cases=tuple(cases),
        failed=tuple(
            record.case.key
            for record in run.records
            if record.case.side == "candidate"
            and any(one.cause != "absent" for one in record.failures)
        ),
        notes=tuple(notes),
        in_turns=True,
    )


def _without_side(record: Record) -> CaseExcerpt:
    case = record.case
    suffix = f" @ {case.side}"
    plain = msgspec.structs.replace(
        case, key=case.key.removesuffix(suffix), label=case.label.removesuffix(suffix)
    )
    return case_excerpt(msgspec.structs.replace(record, case=plain), plain.label, {})


def _present(record: Record, found: CaseExcerpt) -> CaseExcerpt | None:
    return None if any(one.cause == "absent" for one in record.failures) else found


def _unlike(case: CaseExcerpt, found: Equivalence) -> str:
    what = f"they cannot be compared: {found.reason}"
    if found.distance is not None:
        same = "the same weights" if found.weights == "shared" else "weights of the same seed"
        what = (
            f"with {same} by up to {found.distance:.3g} times what is tolerated "
            f"(rtol {found.rtol:g}, atol {found.atol:g})"
        )
    return f"The outputs of {case.name} ({case.mode}) differ: {what}."


def _by_identity(
    baseline: Excerpt, candidate: Excerpt
) -> tuple[dict[Any, CaseExcerpt], dict[Any, CaseExcerpt]]:
    """Cases by their key, or by name and mode where a side is a table that shows no more."""
    sides = (baseline.cases, candidate.cases)
    has_keys = all(case.key for side in sides for case in side)

    def identity(case: CaseExcerpt) -> object:
        return case.key if has_keys else ("".join(case.name.split()), case.mode)

    before, after = ({identity(case): case for case in side} for side in sides)
    return before, after


def _latencies(
    baseline: Excerpt,
    candidate: Excerpt,
    sides: tuple[Mapping[Any, CaseExcerpt], Mapping[Any, CaseExcerpt]],
    withheld: Sequence[str],
    gate: Gate,
) -> dict[Any, Change]:
    """The latency of every case that both runs have, all of them judged together."""
    before, after = sides
    differences: dict[Any, Difference] = {}
    criteria: dict[Any, Criterion] = {}
    changes: dict[Any, Change] = {}
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            continue
        if reason := _why_withheld(old, new, withheld):
            changes[key] = open_change(reason, baseline=old.latency_s, candidate=new.latency_s)
            continue
        if old.yardsticks == new.yardsticks:
            changes[key] = _of_one_run(old)
            continue
        differences[key] = welch(_logs(old), _logs(new))
        floor = _floor(baseline, candidate, old.mode, len(old.yardsticks), len(new.yardsticks))
        threshold = gate.threshold(new.entry, LATENCY)
        criteria[key] = Criterion(threshold=max(threshold, floor))
    for key, verdict in judge(differences, criteria).items():
        changes[key] = judged(verdict, criteria[key], (_mean(before[key]), _mean(after[key])))
    return changes


def _of_one_run(case: CaseExcerpt) -> Change:
    """The latency of a case beside itself: a run, and a report that was saved of it."""
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


def _trained(
    sides: tuple[Mapping[Any, CaseExcerpt], Mapping[Any, CaseExcerpt]], *, alike: bool
) -> dict[Any, dict[str, Change]]:
    """What trainings measured in both runs, means over seeds; all of it judged together.

    Paired where both have the same seeds. Nothing is better or worse: it is the same within
    `SAME_SHARE`, or has changed.
    """
    before, after = sides
    changes: dict[Any, dict[str, Change]] = {key: {} for key in before}
    differences: dict[Any, Difference] = {}  # by case and measure
    for key, old in before.items():
        new = after.get(key)
        if new is None or not (old.seeds and new.seeds):
            continue
        for name in dict.fromkeys([*old.trained, *new.trained]):
            values = old.trained.get(name, ()), new.trained.get(name, ())
            means = [fmean(side) if side else None for side in values]
            if not alike:
                reason = "withheld, as the runs differ in training"
                changes[key][name] = open_change(reason, baseline=means[0], candidate=means[1])
            elif None in means:
                changes[key][name] = open_change(
                    ONE_SIDE, baseline=means[0], candidate=means[1], verdict="changed"
                )
            elif old.seeds == new.seeds:
                pairs = zip(*values, strict=True)
                differences[key, name] = paired([b - a for a, b in pairs])
            else:
                differences[key, name] = welch(*values)
    criteria: dict[Any, Criterion] = dict.fromkeys(differences, Criterion(threshold=SAME_SHARE))
    found: Mapping[Any, Verdict] = judge(differences, criteria)
    for (key, name), verdict in found.items():
        found_one = differences[key, name]
        margin = found_one.margin()
        by = f"{found_one.log_ratio:+z.3f}" + ("" if margin is None else f" ± {margin:.3f}")
        changes[key][name] = open_change(
            f"a difference of {by}; the same within {SAME_SHARE:g}, changed where p (here "
            f"{verdict.p:.4f}) is below {ALPHA:g}",
            baseline=fmean(before[key].trained[name]),
            candidate=fmean(after[key].trained[name]),
            verdict="changed" if verdict.answer in {"worse", "better"} else verdict.answer,
        )
    return changes


def _logs(case: CaseExcerpt) -> list[float]:
    return [math.log(ratio) for ratio in case.yardsticks]


def _why_withheld(old: CaseExcerpt, new: CaseExcerpt, withheld: Sequence[str]) -> str:
    for where, case in (("baseline", old), ("candidate", new)):
        if not case.yardsticks and case.latency_s is not None:
            return f"the {where} has times without a yardstick: rounded ones, or of one process"
    if withheld:
        return f"withheld, as the runs differ in {', '.join(withheld)}"
    for where, case in (("baseline", old), ("candidate", new)):
        if not case.yardsticks:
            return f"the {where} has no times: {case.missing or 'none were saved'}"
    return ""


def _floor(baseline: Excerpt, candidate: Excerpt, mode: Mode, before: int, after: int) -> float:
    """The noise floor between such runs: the higher of both machines', 0 where none is known."""
    spread = max(side.between_runs.get(mode, 0.0) for side in (baseline, candidate))
    if not spread or before + after < 3:
        return 0.0
    error = spread * math.sqrt(1 / before + 1 / after)
    return math.expm1(t_quantile(0.975, before + after - 2) * error)


def _discrepancies(baseline: Excerpt, candidate: Excerpt) -> Iterable[Discrepancy]:
    timed = any(case.timed for side in (baseline, candidate) for case in side.cases)
    for what, old in baseline.made.items():
        new = candidate.made.get(what)
        if new is not None and old != new:
            misleads = timed and what in _MISLEADS
            yield Discrepancy(what=what, baseline=old, candidate=new, misleads=misleads)


def _contention(baseline: Excerpt, candidate: Excerpt) -> Iterable[str]:
    for where, side in (("baseline", baseline), ("candidate", candidate)):
        if side.contended:
            yield (
                f"{side.contended} of {side.launches} launches of the {where} were contended: "
                "others ran on its cores"
            )
