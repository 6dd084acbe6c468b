"""What a report derives from a run: one `Row` a case, every reading a number or a reason.

No pandas and nothing to draw with here; tables, frames and plots all start from these rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..plan.case import Case, Mode, is_gpu
from ..plan.labels import names as names_of
from ..records.gradient_terms import Structure
from ..records.lines import (
    EXACT,
    EXACT_COUNTS,
    EXACT_PEAKS,
    EXACT_TERMS,
    Failure,
    Latency,
    Samples,
    Stage,
)
from ..records.run import Record, Run
from ..records.trainings import Reading as Gradients
from ..records.trainings import Training
from ..verdicts.judge import Answer, Verdict
from ..verdicts.over_seeds import over_seeds
from ..verdicts.stats import Estimate, latency_estimate, tukey_outliers
from ..verdicts.within_run import difference, samples, verdicts

Reading = int | float | str | Estimate | Failure | None
"""A value, a word, an estimate, why there is none, or None where it does not apply."""

AGAINST_REFERENCE: dict[Answer, str] = {
    "better": "faster",
    "worse": "slower",
    "same": "same",
    "undecided": "undecided",
}
"""Verdicts as they are said of an entry beside the reference."""

_ALLOCATED = ("peak_alloc_bytes",)
_ALLOCATED_ON_GPU = ("peak_requested_bytes", "peak_reserved_bytes", "baseline_alloc_bytes")
_COMPILED = ("compile_s",)
_ON_GPU = ("host_latency", "graph_latency", "launch_overhead")

NOT_MEASURED = "not measured"
FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One case with all that is derived from its record.

    ``name`` is its label, made unique among the cases of its mode; ``place`` counts entries in
    suite order and is shared by the modes of one entry. ``ratios`` are of the exact figures to
    those of ``reference`` (its name; None where the suite sets none). ``verdict`` is on its latency
    against the reference's, all cases of the run judged together. ``latencies`` are of the launches
    that count, ``left_out`` of the others; ``samples`` are the seconds per iteration of those that
    count, by launch.
    """

    record: Record
    name: str
    place: int
    reference: str | None
    is_reference: bool
    readings: Mapping[str, Reading]
    ratios: Mapping[str, float | None]
    verdict: Verdict | None
    latencies: Sequence[Latency]
    left_out: Sequence[Latency]
    samples: Mapping[int, Samples]

    @property
    def mode(self) -> Mode:
        """The case's mode."""
        return self.record.case.mode

    @property
    def latency(self) -> Estimate | None:
        """Seconds per call, None where there is none."""
        return estimate(self.readings["latency"])

    @property
    def ratio(self) -> Estimate | None:
        """Latency over the reference's; None for the reference itself, and where it is missing."""
        return estimate(self.readings["latency_ratio"])


def rows(run: Run) -> tuple[Row, ...]:
    """The rows of a run, in suite order."""
    by_key = {record.case.key: record for record in run.records}
    reference_keys = {record.case.reference for record in run.records} - {None}
    names = names_of([record.case for record in run.records])
    places: dict[str, int] = {}
    measured = {key: _readings(record, run.info.stages) for key, record in by_key.items()}
    verdict_by_key = verdicts(run)
    table = []
    for record in run.records:
        case = record.case
        place = places.setdefault(_identity(case), len(places))
        reference = by_key.get(case.reference) if case.reference else None
        readings = dict(measured[case.key])
        verdict = verdict_by_key.get(case.key)
        if "latency" in run.info.stages:
            readings["latency_ratio"] = _latency_ratio(record, reference, verdict, names)
        readings |= _verdict(verdict)
        reference_readings = measured[reference.case.key] if reference else {}
        table.append(
            Row(
                record=record,
                name=names[case.key],
                place=place,
                reference=names[reference.case.key] if reference else None,
                is_reference=case.key in reference_keys,
                readings=readings,
                ratios={
                    key: _exact_ratio(readings[key], reference_readings.get(key)) for key in EXACT
                },
                verdict=verdict,
                latencies=record.latencies,
                left_out=record.left_out,
                samples=samples(record),
            )
        )
    return tuple(table)


def by_mode(table: Iterable[Row]) -> dict[Mode, list[Row]]:
    """The rows of each mode that occurs, modes in order of appearance."""
    groups: dict[Mode, list[Row]] = {}
    for row in table:
        groups.setdefault(row.mode, []).append(row)
    return groups


def latency_ratio(numerator: Row, denominator: Row) -> Estimate | None:
    """The ratio of two cases by the launches that both took part in, None without any."""
    log_ratios = difference(numerator.record, denominator.record)
    return log_ratios.estimate() if log_ratios else None


def estimate(reading: Reading) -> Estimate | None:
    """The reading where it is an estimate."""
    return reading if isinstance(reading, Estimate) else None


def _identity(case: Case) -> str:
    return case.key.removesuffix(f" {case.mode}")


def _readings(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    """All but the ratio and the verdict; None for what the run does not measure."""
    accuracy = record.case.accuracy
    return {
        "top1": accuracy.top1 if accuracy else None,
        "latency_ratio": None,
        **_fields(record, "counts", stages, EXACT_COUNTS, record.counts),
        **_fields(record, "tensor_peak", stages, EXACT_PEAKS, record.tensor_peak),
        **_allocated(record, stages),
        **_fields(record, "graph", stages, ("graph_bytes",), record.graph),
        **_fields(record, "resident", stages, ("peak_rss_bytes",), record.resident),
        **_terms(record, stages),
        **_trained(record, stages),
        **_latency(record, stages),
    }


def _fields(
    record: Record, stage: Stage, stages: Sequence[Stage], names: Sequence[str], part: object
) -> dict[str, Reading]:
    if part is None:
        return dict.fromkeys(names, _missing(record, stage, stages))
    return {name: getattr(part, name) for name in names}


def _allocated(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    """None for what only a GPU, or only a compiled module, has."""
    names, absent = list(_ALLOCATED), [*_ALLOCATED_ON_GPU, *_COMPILED]
    if is_gpu(record.case.device):
        names += _ALLOCATED_ON_GPU
    if record.case.compiler:
        names += _COMPILED
    found = _fields(record, "allocated", stages, names, record.allocated)
    return dict.fromkeys(absent) | found


def _terms(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    found = _fields(record, "gradient_terms", stages, EXACT_TERMS, record.gradient_terms)
    structure = record.gradient_terms.structure if record.gradient_terms else None
    missing = _missing(record, "gradient_terms", stages)
    reuse: Reading = structure.reuse if structure else missing
    if structure and not structure.splits:
        found["shared_terms"] = None
    return {**found, "reuse": reuse, "cuts": cuts_text(structure) if structure else missing}


def cuts_text(structure: Structure) -> str:
    """How the flow of gradients stands between the parts of what is cut by channels."""
    truncated = sum(split.truncated for split in structure.splits)
    number = len(structure.splits)
    if not number:
        return "no cut"
    text = f"{truncated} of {number} truncated"
    if number == 1:
        text = "truncated" if truncated else "shared"
    # An operator that could not be followed may hide what is shared behind it.
    return f"{text}, not all followed" if truncated and structure.unfollowed else text


TRAINED: Mapping[str, tuple[int, Callable[[Gradients], float | None]]] = {
    "parts_cka": (-1, lambda reading: reading.parts_cka),
    "parts_cka_start": (0, lambda reading: reading.parts_cka),
    "control_cka": (-1, lambda reading: reading.control_cka),
    "mean_cka": (-1, lambda reading: reading.mean_cka),
    "parts_directions": (-1, lambda reading: reading.parts_directions),
    "relative_rank": (-1, lambda reading: reading.relative_rank),
    "accuracy": (-1, lambda reading: reading.accuracy),
}
"""By column: which reading of a training, and what of it."""


def _trained(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    trainings: Sequence[Training] = record.trainings
    terms = record.gradient_terms
    if not trainings:
        missing = _missing(record, "training", stages)
        if terms and not terms.is_block and missing is not None:
            missing = Failure(reason="it returns no feature map (N, C, H, W) to train on")
        return dict.fromkeys(TRAINED, missing)
    return {
        key: _over_seeds([value(training.readings[place]) for training in trainings])
        for key, (place, value) in TRAINED.items()
    }


def _over_seeds(values: Sequence[float | None]) -> Reading:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Failure(reason="one feature map makes no pair")
    return over_seeds(known)


def _latency(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    names = ("latency", "images_per_s", "first_call", "outliers")
    not_on_gpu: dict[str, Reading] = dict.fromkeys(_ON_GPU)
    if not record.latencies:
        return dict.fromkeys(names, _missing(record, "latency", stages)) | not_on_gpu
    latency = _estimate([line.samples_s for line in record.latencies])
    if isinstance(latency, Failure):
        return dict.fromkeys(names, latency) | not_on_gpu
    return {
        "latency": latency,
        "images_per_s": record.case.input_shape[0] / latency.value,
        "first_call": median(line.first_call_s for line in record.latencies),
        "outliers": sum(tukey_outliers(line.samples_s) for line in record.latencies),
        **_on_gpu(record.latencies, latency),
    }


def _on_gpu(latencies: Sequence[Latency], latency: Estimate) -> dict[str, Reading]:
    """The same work by the host's clock, and as a graph; None where it was not timed so."""
    readings: dict[str, Reading] = dict.fromkeys(_ON_GPU)
    if hosts := [line.host_samples_s for line in latencies if line.host_samples_s]:
        readings["host_latency"] = _estimate(hosts)
    graphs = [line.graph_samples_s for line in latencies if line.graph_samples_s]
    if refusals := [graph for graph in graphs if isinstance(graph, Failure)]:
        return readings | {"graph_latency": refusals[0], "launch_overhead": refusals[0]}
    replays = [graph for graph in graphs if not isinstance(graph, Failure)]
    replayed = _estimate(replays) if replays else None
    overhead: Reading = replayed if isinstance(replayed, Failure) else None
    if isinstance(replayed, Estimate):
        overhead = max(0.0, 1 - replayed.value / latency.value)
    return readings | {"graph_latency": replayed, "launch_overhead": overhead}


def _estimate(launches: Sequence[Samples]) -> Estimate | Failure:
    try:
        return latency_estimate(launches)
    except ValueError:
        return Failure(reason="a sample is not a positive time")


def _latency_ratio(
    record: Record, reference: Record | None, verdict: Verdict | None, names: Mapping[str, str]
) -> Reading:
    if reference is None:
        return None if record.case.reference is None else Failure(reason="no reference in this run")
    if not samples(record):
        return _missing(record, "latency", ("latency",))
    if reference is record:
        return 1.0
    if verdict is None:
        return Failure(reason=f"no launch shared with {names[reference.case.key]}")
    return verdict.ratio


def _verdict(verdict: Verdict | None) -> dict[str, Reading]:
    """Nothing where there is no ratio: the ratio's own reading says why."""
    if verdict is None:
        return dict.fromkeys(("verdict", "p", "permutation_p", "detectable"))
    return {
        "verdict": AGAINST_REFERENCE[verdict.answer],
        "p": verdict.p,
        "permutation_p": verdict.permutation_p,
        "detectable": verdict.detectable,
    }


def _exact_ratio(own: Reading, beside: Reading) -> float | None:
    if isinstance(own, int) and isinstance(beside, int):
        return own / beside if beside else 1.0 if own == 0 else None
    return None


def _missing(record: Record, stage: Stage, stages: Sequence[Stage]) -> Failure | None:
    """Why there is no reading of ``stage``; None where the run does not measure it."""
    if stage not in stages:
        return None
    for failure in record.failures:
        if failure.stage == stage:
            return Failure(reason=f"{FAILED}: {failure.cause}")
    return Failure(reason=f"{FAILED} before" if record.failures else NOT_MEASURED)
