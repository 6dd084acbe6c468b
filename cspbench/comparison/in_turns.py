"""Comparison of two revisions that took turns in one run (`ab`)."""

from collections.abc import Iterator, Mapping
from itertools import chain

import msgspec

from ..records.gate import LATENCY
from ..records.lines import CaseFailure
from ..records.measurements import Equivalence, stage_of
from ..records.run import Record, Run
from ..verdicts.judge import Verdict
from ..verdicts.launches import CaseLaunches, is_contended, is_throttled, launches_by_case
from ..verdicts.within_run import verdicts
from .energies import energy_notes
from .excerpt import CaseExcerpt, case_excerpt, energy_j
from .result import (
    CaseComparison,
    Change,
    Comparison,
    compared_case,
    exact_changes,
    judged_change,
    one_sided_case,
    overall_verdict,
    unjudged_change,
)


def in_turns(run: Run) -> Comparison:
    """The changes from baseline to candidate in ``run`` that exceed the thresholds of its gate.

    Ratios are taken turn by turn, without the yardstick; latencies are in seconds.
    """
    launches = launches_by_case(run)
    judged = verdicts(run, launches)
    pairs = list(_pairs(run))
    cases = [_compare(run, pair, launches, judged) for pair in pairs]
    return Comparison(
        verdict=overall_verdict(cases),
        discrepancies=(),
        cases=tuple(cases),
        failed=tuple(
            new.case.key
            for old, new in pairs
            if (_is_absent(old) and _is_absent(new))
            or any(failure.cause != "absent" for failure in new.failures)
        ),
        notes=tuple(_notes(run, [pair for pair in pairs if not any(map(_is_absent, pair))])),
        in_turns=True,
    )


_Pair = tuple[Record, Record]  # baseline, candidate


def _pairs(run: Run) -> Iterator[_Pair]:
    records = {record.case.key: record for record in run.records}
    for candidate in run.records:
        baseline = records.get(candidate.case.reference or "")
        if baseline is not None:
            yield baseline, candidate


def _compare(
    run: Run,
    pair: _Pair,
    launches: Mapping[str, CaseLaunches],
    judged: Mapping[str, Verdict],
) -> CaseComparison:
    old, new = pair
    before, after = (_without_side(record, launches[record.case.key]) for record in pair)
    if _is_absent(old) != _is_absent(new):
        return one_sided_case(
            None if _is_absent(old) else before, None if _is_absent(new) else after
        )
    change = unjudged_change("no launch that both took part in")
    if verdict := judged.get(new.case.key):
        seconds = before.latency_s or 0.0, after.latency_s or 0.0
        runs = not (old.has_failed or new.has_failed)
        change = judged_change(
            verdict, seconds, more_launches=verdict.more_launches if runs else None
        )
    elif failures := [*filter(_is_fatal, old.failures), *filter(_is_fatal, new.failures)]:
        change = unjudged_change(f"{failures[0].stage} failed: {failures[0].reason}")
    exact: dict[str, Change] = exact_changes(before, after, run.info.gate)
    return compared_case(after, {**exact, LATENCY: change})


def _is_fatal(failure: CaseFailure) -> bool:
    return failure.is_fatal


def _is_absent(record: Record) -> bool:
    return any(failure.cause == "absent" for failure in record.failures)


def _without_side(record: Record, launches: CaseLaunches) -> CaseExcerpt:
    case = record.case
    suffix = f" @ {case.side}"
    plain = msgspec.structs.replace(
        case, key=case.key.removesuffix(suffix), label=case.label.removesuffix(suffix)
    )
    return case_excerpt(msgspec.structs.replace(record, case=plain), plain.label, launches, {})


def _notes(run: Run, pairs: list[_Pair]) -> Iterator[str]:
    yield from _output_notes(run, pairs)
    if contended := sum(map(is_contended, run.launches)):
        yield f"{contended} of {len(run.launches)} launches were contended."
    if throttled := sum(map(is_throttled, run.launches)):
        yield f"{throttled} of {len(run.launches)} launches were throttled."
    yield from energy_notes((_name(new), energy_j(old), energy_j(new)) for old, new in pairs)


def _output_notes(run: Run, pairs: list[_Pair]) -> Iterator[str]:
    """Sentences on the outputs of both sides: those that are equal, differ or hold NaN."""
    equivalences = [(new, new.equivalence) for _, new in pairs if new.equivalence is not None]
    equal = sum(equivalence.is_equal for _, equivalence in equivalences)
    if equal:
        yield f"The outputs of {equal} of {len(list(_pairs(run)))} cases are equal within rounding."
    for record, equivalence in equivalences:
        outputs = f"The outputs of {_name(record)}"
        if not equivalence.is_equal:
            yield f"{outputs} differ: {_difference(equivalence)}."
        if equivalence.nans:
            yield f"{outputs} are NaN on both sides in {equivalence.nans:,} elements."
    for record in chain.from_iterable(pairs):
        for failure in record.failures:
            if failure.stage == stage_of(Equivalence):
                yield (
                    f"The outputs of {_name(record)} could not be compared, as the "
                    f"{record.case.side}'s process ended: {failure.reason}."
                )


def _difference(equivalence: Equivalence) -> str:
    """What differs in the outputs of two sides."""
    if equivalence.distance is None:
        return f"they cannot be compared: {equivalence.reason}"
    weights = "the same weights" if equivalence.weights == "shared" else "weights of the same seed"
    size = (
        f"with {weights} by up to {equivalence.distance:.3g} times what is tolerated "
        f"(rtol {equivalence.rtol:g}, atol {equivalence.atol:g})"
    )
    if not equivalence.reason:
        return size
    has_size = equivalence.distance > 1 and equivalence.rtol > 0
    return f"{equivalence.reason}; {size}" if has_size else equivalence.reason


def _name(record: Record) -> str:
    """The label of a case without its side, and its mode."""
    case = record.case
    return f"{case.label.removesuffix(f' @ {case.side}')} ({case.mode})"
