"""Comparison of two revisions that took turns in one run (`ab`)."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ..plan.labels import case_name
from ..records.gate import LATENCY
from ..records.machine import Environment
from ..records.run import SIDES, Record, Run, Settings
from ..verdicts.judge import Verdict
from ..verdicts.launches import CaseLaunches, is_contended, is_throttled, launches_by_case
from ..verdicts.stats import half_width
from ..verdicts.within_run import verdicts
from .deciding import of_revisions
from .energies import energy_notes
from .excerpt import CaseExcerpt, case_excerpt, device_text, energy_j, why_missing
from .outputs import ComparedCase, compared_outputs
from .result import (
    CaseComparison,
    Change,
    Comparison,
    Setup,
    compared_case,
    exact_changes,
    judged_change,
    one_sided_case,
    overall_verdict,
    unjudged_change,
)
from .sides import is_absent, labels_of, without_side

_DISTURBED = (
    (is_contended, "contended: other processes used their cores or GPU"),
    (is_throttled, "throttled: heat or power held the clocks down"),
)


def in_turns(run: Run) -> Comparison:
    """The changes from baseline to candidate in ``run`` that exceed the thresholds of its gate.

    Ratios are taken turn by turn, without the yardstick; latencies are in seconds.
    """
    launches = launches_by_case(run)
    judged = verdicts(run, launches)
    pairs = list(_pairs(run))
    cases = [_compare(run, pair, launches, judged) for pair in pairs]
    latencies = [case.latency for case in cases if case.latency is not None]
    shared = [pair for pair in pairs if not any(is_absent(record) for record in pair.records)]
    outputs = compared_outputs(
        [ComparedCase(label=pair.label, baseline=pair.old, candidate=pair.new) for pair in shared]
    )
    return Comparison(
        verdict=overall_verdict(cases),
        discrepancies=(),
        cases=tuple(cases),
        failed=tuple(pair.new.case.key for pair in pairs if pair.has_failed),
        notes=(
            *outputs.notes,
            *energy_notes((pair.name, energy_j(pair.old), energy_j(pair.new)) for pair in shared),
        ),
        warnings=(*outputs.warnings, *_disturbed(run)),
        outputs=outputs.summary,
        different_outputs=outputs.different,
        setup=_setup(run, cases),
        gate=run.info.gate,
        deciding=of_revisions(run, latencies),
        in_turns=True,
    )


class _Pair(msgspec.Struct, frozen=True):
    """The records of a case on both sides, and its label without a side."""

    old: Record
    new: Record
    label: str

    @property
    def records(self) -> tuple[Record, Record]:
        return self.old, self.new

    @property
    def name(self) -> str:
        return case_name(self.label, self.new.case.mode)

    @property
    def has_failed(self) -> bool:
        """Whether the candidate failed, or no revision has the case."""
        return all(map(is_absent, self.records)) or any(
            failure.cause != "absent" for failure in self.new.failures
        )


def _pairs(run: Run) -> Iterator[_Pair]:
    records = {record.case.key: record for record in run.records}
    labels = labels_of(record.case for record in run.records)
    for candidate in run.records:
        baseline = records.get(candidate.case.reference or "")
        if baseline is not None:
            yield _Pair(baseline, candidate, labels[candidate.case.key])


def _compare(
    run: Run,
    pair: _Pair,
    launches: Mapping[str, CaseLaunches],
    judged: Mapping[str, Verdict],
) -> CaseComparison:
    old, new = pair.records
    before, after = (
        _side_excerpt(record, pair.label, launches[record.case.key]) for record in pair.records
    )
    if is_absent(old) != is_absent(new):
        return one_sided_case(None if is_absent(old) else before, None if is_absent(new) else after)
    change = unjudged_change("not measured: no launch of both sides was completed")
    if verdict := judged.get(new.case.key):
        seconds = before.latency_s or 0.0, after.latency_s or 0.0
        runs = not (old.has_failed or new.has_failed)
        change = judged_change(
            verdict, seconds, more_launches=verdict.more_launches if runs else None
        )
    elif failed := [
        (side, record)
        for side, record in zip(SIDES, pair.records, strict=True)
        if record.has_failed
    ]:
        side, record = failed[0]
        change = unjudged_change(f"{side}: {why_missing(record, 'latency')}")
    exact: dict[str, Change] = exact_changes(before, after, run.info.gate)
    return compared_case(after, {**exact, LATENCY: change})


def _side_excerpt(record: Record, label: str, launches: CaseLaunches) -> CaseExcerpt:
    plain = msgspec.structs.replace(record, case=without_side(record.case))
    return case_excerpt(plain, label, launches, {})


def _disturbed(run: Run) -> Iterator[str]:
    for is_disturbed, words in _DISTURBED:
        if number := sum(map(is_disturbed, run.launches)):
            was = "was" if number == 1 else "were"
            yield f"{number} of {len(run.launches)} launches {was} {words}."


def _setup(run: Run, cases: Sequence[CaseComparison]) -> Setup:
    settings: Settings = run.info.settings
    environment: Environment = run.info.environment
    device, threads = device_text(run.info), str(settings.threads)
    torch = environment.packages.get("torch", "")
    number = len(run.launches)
    return Setup(
        commits=(run.info.revisions.get(SIDES[0], ""), run.info.revisions.get(SIDES[1], "")),
        device=(device, device),
        threads=(threads, threads),
        torch=(torch, torch),
        launches=(number, number),
        noise_floor=_noise_floor(run, cases),
    )


def _noise_floor(run: Run, cases: Sequence[CaseComparison]) -> tuple[float, float] | None:
    """The lowest and highest by the mode and launches of each case; None if none is known."""
    if run.info.noise_floor is None:
        return None
    spreads = run.info.noise_floor.in_turns
    floors = [
        floor
        for case in cases
        if case.latency and case.latency.launches and case.mode in spreads
        if (floor := half_width(spreads[case.mode], case.latency.launches)) is not None
    ]
    return (min(floors), max(floors)) if floors else None
