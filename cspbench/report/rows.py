"""The rows of a report: one for each case, with its readings and verdict.

Tables, frames and plots are all made from these rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..plan.case import Case, Mode
from ..plan.labels import REFERENCE_MARK
from ..plan.labels import names as names_of
from ..records.base import Failure, Samples
from ..records.deployment import Deployment
from ..records.lines import Latency
from ..records.measurements import EXACT
from ..records.run import Record, Run
from ..units import decibels_text
from ..verdicts.judge import Answer, Verdict
from ..verdicts.launches import CaseLaunches, launches_by_case
from ..verdicts.stats import Estimate
from ..verdicts.turns import difference
from ..verdicts.within_run import verdicts
from .readings import Reading, case_readings, missing_reading, roofline_readings

AGAINST_REFERENCE: dict[Answer, str] = {
    "better": "faster",
    "worse": "slower",
    "same": "same",
    "undecided": "undecided",
}
"""The words for verdicts on an entry against the reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One case with all that is derived from its record.

    ``name`` is its label, unique among the cases of its mode; ``place`` numbers entries in suite
    order and is shared by the modes of one entry. ``reference`` is the name of its reference, None
    if the suite sets none; ``ratios`` are those of exact figures to the reference's. ``verdict`` is
    on its latency against the reference's, with all cases of the run judged together. ``is_form``:
    its reference is the same entry in another form. ``latencies`` are of the launches that count,
    ``left_out`` of the others; ``samples`` are the seconds per iteration of the launches that
    count, by launch.
    """

    record: Record
    name: str
    place: int
    reference: str | None
    is_reference: bool
    is_form: bool
    readings: Mapping[str, Reading]
    ratios: Mapping[str, float | None]
    verdict: Verdict | None
    latencies: Sequence[Latency]
    left_out: Sequence[Latency]
    samples: Mapping[int, Samples]

    @property
    def mode(self) -> Mode:
        """The mode of the case."""
        return self.record.case.mode

    @property
    def title(self) -> str:
        """The name, marked if it is that of the reference."""
        return f"{self.name}{REFERENCE_MARK}" if self.is_reference else self.name

    @property
    def latency(self) -> Estimate | None:
        """The latency in seconds per call; None if it is missing."""
        return estimate(self.readings["latency"])

    @property
    def ratio(self) -> Estimate | None:
        """The latency over the reference's; None for the reference itself and if it is missing."""
        return estimate(self.readings["latency_ratio"])


def rows(run: Run) -> tuple[Row, ...]:
    """The rows of a run, in suite order."""
    by_key = {record.case.key: record for record in run.records}
    reference_keys = {
        record.case.reference
        for record in run.records
        if not _is_form(record.case, by_key.get(record.case.reference or ""))
    }
    names = names_of([record.case for record in run.records])
    places: dict[str, int] = {}
    launches = launches_by_case(run)
    measured = {
        key: case_readings(record, launches[key], run.info.stages) for key, record in by_key.items()
    }
    verdict_by_key = verdicts(run, launches)
    table = []
    for record in run.records:
        case = record.case
        place = places.setdefault(_identity(case), len(places))
        reference = by_key.get(case.reference) if case.reference else None
        verdict = verdict_by_key.get(case.key)
        ratio: Reading = None
        if "latency" in run.info.stages:
            ratio = _latency_ratio(record, reference, launches[case.key], verdict, names)
        readings = {
            **measured[case.key],
            "latency_ratio": ratio,
            **_verdict(verdict, record.deployment),
            **roofline_readings(record, measured[case.key]["latency"], run.info),
        }
        reference_readings = measured[reference.case.key] if reference else {}
        table.append(
            Row(
                record=record,
                name=names[case.key],
                place=place,
                reference=names[reference.case.key] if reference else None,
                is_reference=case.key in reference_keys,
                is_form=_is_form(case, reference),
                readings=readings,
                ratios={
                    key: _exact_ratio(readings[key], reference_readings.get(key)) for key in EXACT
                },
                verdict=verdict,
                latencies=launches[case.key].count,
                left_out=launches[case.key].left_out,
                samples=launches[case.key].samples,
            )
        )
    return tuple(table)


def row_alone(record: Record) -> Row:
    """The row of a record that belongs to no run: all its launches count, none has a reference."""
    case = record.case
    stages = [*record.measurements, *(failure.stage for failure in record.failures)]
    launches = CaseLaunches(count=record.latencies)
    timed = ["latency"] if record.latencies else []
    readings = case_readings(record, launches, [*stages, *timed])
    return Row(
        record=record,
        name=names_of([case])[case.key],
        place=0,
        reference=None,
        is_reference=False,
        is_form=False,
        readings={
            **readings,
            "latency_ratio": None,
            **_verdict(None, None),
            **roofline_readings(record, readings["latency"]),
        },
        ratios=dict.fromkeys(EXACT),
        verdict=None,
        latencies=launches.count,
        left_out=launches.left_out,
        samples=launches.samples,
    )


def by_mode(table: Iterable[Row]) -> dict[Mode, list[Row]]:
    """The rows of each mode, in order of appearance."""
    groups: dict[Mode, list[Row]] = {}
    for row in table:
        groups.setdefault(row.mode, []).append(row)
    return groups


def latency_ratio(numerator: Row, denominator: Row) -> Estimate | None:
    """The ratio of two cases over launches that both took part in; None without any."""
    log_ratios = difference(numerator.samples, denominator.samples)
    return log_ratios.estimate() if log_ratios else None


def estimate(reading: Reading) -> Estimate | None:
    """The reading if it is an estimate, else None."""
    return reading if isinstance(reading, Estimate) else None


def _is_form(case: Case, reference: Record | None) -> bool:
    """Whether the reference of ``case`` is the same entry in another form."""
    return reference is not None and reference.case.form != case.form


def _identity(case: Case) -> str:
    return case.key.removesuffix(f" {case.mode}")


def _latency_ratio(
    record: Record,
    reference: Record | None,
    launches: CaseLaunches,
    verdict: Verdict | None,
    names: Mapping[str, str],
) -> Reading:
    if reference is None:
        return None if record.case.reference is None else Failure(reason="no reference in this run")
    if not launches.count:
        return missing_reading(record, "latency", ("latency",))
    if reference is record:
        return 1.0
    if verdict is None:
        return Failure(reason=f"no launch shared with {names[reference.case.key]}")
    return verdict.ratio


def _verdict(verdict: Verdict | None, made: Deployment | None) -> dict[str, Reading]:
    """The readings of a verdict; None without one, as the reading of the ratio says why.

    A form that computes something else is not called faster without saying so.
    """
    if verdict is None:
        return dict.fromkeys(("verdict", "p", "permutation_p", "detectable"))
    return {
        "verdict": AGAINST_REFERENCE[verdict.answer] + _other_outputs(made),
        "p": verdict.p,
        "permutation_p": verdict.permutation_p,
        "detectable": verdict.detectable,
    }


def _other_outputs(made: Deployment | None) -> str:
    """What follows the verdict on a form whose outputs are not eager's; '' if they are."""
    if made is None or made.is_equal:
        return ""
    if made.error is None:
        return ", outputs not compared"
    return ", other outputs" if made.sqnr_db is None else f" at {decibels_text(made.sqnr_db)}"


def _exact_ratio(figure: Reading, reference: Reading) -> float | None:
    if isinstance(figure, int) and isinstance(reference, int):
        return figure / reference if reference else 1.0 if figure == 0 else None
    return None
