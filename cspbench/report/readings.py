"""The readings of one case that a report shows, from its record."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from ..plan.case import FORMS, batch_of, is_gpu
from ..records.base import Failure, Samples
from ..records.deployment import Deployment
from ..records.gradient_terms import Structure
from ..records.lines import Latency, Stage
from ..records.quantities import QUANTITIES
from ..records.quantity import Quantity
from ..records.run import Record, RunInfo
from ..records.trainings import Reading as GradientReading
from ..units import decibels_text, is_wide, percent_text
from ..verdicts.energy import by_counter, by_power, call_energy, distance, mean_power
from ..verdicts.launches import CaseLaunches
from ..verdicts.over_seeds import over_seeds
from ..verdicts.roofline import Roofline
from ..verdicts.stats import Estimate, latency_estimate, tukey_outliers

Reading = int | float | str | Estimate | Failure | None
"""A value, a word or an estimate; a failure if it is missing; None if it does not apply."""

NOT_MEASURED = "not measured"
FAILED = "failed"

_ON_GPU = ("host_latency", "graph_latency", "launch_overhead")
_REACHED = ("flops_per_s", "roof_share", "roof")
_ENERGIES = ("energy", "power_energy", "energy_distance", "power", "idle_power")


def case_readings(
    record: Record, launches: CaseLaunches, stages: Sequence[Stage]
) -> dict[str, Reading]:
    """The readings of one case by quantity; None for quantities that the run does not measure.

    The ratio of latencies and the verdict on it, which need other cases, are left out.
    """
    accuracy = record.case.accuracy
    return {
        "top1": accuracy.top1 if accuracy else None,
        **{
            quantity.key: _measured(record, quantity, stages)
            for quantity in QUANTITIES
            if quantity.stage
        },
        "outputs": _outputs(record, stages),
        **_flow(record, stages),
        **_trained(record, stages),
        **_latency(record, launches.count, stages),
        **_energy(record, stages),
    }


def roofline_readings(
    record: Record, latency: Reading, info: RunInfo | None = None
) -> dict[str, Reading]:
    """The readings of a case's roofline; None of what a run does not measure.

    Without a run there are no ceilings, so that only the traffic's own reading is left.
    """
    stages = info.stages if info else ()
    readings: dict[str, Reading]
    if record.traffic is None:
        return dict.fromkeys(("intensity", *_REACHED), missing_reading(record, "traffic", stages))
    work = record.traffic.total
    readings = dict.fromkeys(_REACHED)
    readings["intensity"] = work.flops / work.moved_bytes if work.moved_bytes else 0.0
    if info is None or "latency" not in stages:
        return readings
    if not isinstance(latency, Estimate):
        return {**readings, **dict.fromkeys(_REACHED, latency)}
    readings["flops_per_s"] = work.flops / latency.value
    roofline = Roofline.of(record, info.ceilings)
    if roofline is None:
        reason = Failure(reason="no ceilings of the device were measured")
        return {**readings, "roof_share": reason, "roof": reason}
    at = roofline.call(latency.value)
    return {**readings, "roof_share": at.share, "roof": at.roof}


def telling_interval(estimate: Estimate) -> tuple[float, float] | None:
    """The ends of the interval of a time or a ratio; None if there is none or it `is_wide`."""
    low, high = estimate.low, estimate.high
    if low is None or high is None or is_wide(low, high):
        return None
    return low, high


def missing_reading(record: Record, stage: Stage, stages: Sequence[Stage]) -> Failure | None:
    """Why there is no reading of ``stage``; None if the run does not measure it."""
    if stage not in stages:
        return None
    for failure in record.failures:
        if failure.stage == stage:
            return Failure(reason=f"{FAILED}: {failure.cause}")
    return Failure(reason=f"{FAILED} before" if record.has_failed else NOT_MEASURED)


def _measured(record: Record, quantity: Quantity, stages: Sequence[Stage]) -> Reading:
    """The field of a measurement; None if the quantity does not exist for the case."""
    measurement = record.measurements.get(quantity.stage)
    if measurement is not None:
        reading: Reading = getattr(measurement, quantity.key)
        return reading
    case = record.case
    exists = {
        "": True,
        "gpu": is_gpu(case.device),
        "compiled": case.form.startswith("compiled"),
        "deployed": case.form != FORMS[0],
    }
    return missing_reading(record, quantity.stage, stages) if exists[quantity.only] else None


def _outputs(record: Record, stages: Sequence[Stage]) -> Reading:
    """Whether a form's outputs are eager's, or how far off they are; None of an eager module."""
    if record.case.form == FORMS[0]:
        return None
    made = record.deployment
    return outputs_text(made) if made else missing_reading(record, "deployment", stages)


def outputs_text(made: Deployment) -> str:
    """Whether the outputs of a form are those of the eager module, or how far off they are."""
    if made.error is None:
        return "not compared"
    if made.is_equal:
        return "equal"
    off = f"off by {percent_text(made.error)}"
    return off if made.sqnr_db is None else f"{decibels_text(made.sqnr_db)}, {off}"


def _flow(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    """The reading of the flow across cuts; without cuts, ``shared_terms`` does not apply."""
    terms = record.gradient_terms
    if terms is None:
        return {"cuts": missing_reading(record, "gradient_terms", stages)}
    cuts: dict[str, Reading] = {"cuts": cuts_text(terms.structure)}
    return cuts if terms.structure.splits else {**cuts, "shared_terms": None}


def cuts_text(structure: Structure) -> str:
    """Whether the flow of gradients between the parts of cut tensors is truncated or shared."""
    truncated = sum(split.truncated for split in structure.splits)
    number = len(structure.splits)
    if not number:
        return "no cut"
    text = f"{truncated} of {number} truncated"
    if number == 1:
        text = "truncated" if truncated else "shared"
    # Terms may be shared behind an operator that could not be followed.
    return f"{text}, not all followed" if truncated and structure.unfollowed else text


TRAINED: Mapping[str, tuple[int, Callable[[GradientReading], float | None]]] = {
    "parts_cka": (-1, lambda reading: reading.parts_cka),
    "parts_cka_start": (0, lambda reading: reading.parts_cka),
    "control_cka": (-1, lambda reading: reading.control_cka),
    "mean_cka": (-1, lambda reading: reading.mean_cka),
    "parts_directions": (-1, lambda reading: reading.parts_directions),
    "relative_rank": (-1, lambda reading: reading.relative_rank),
    "accuracy": (-1, lambda reading: reading.accuracy),
}
"""For each column, the index of a training's reading and the function that reads the figure."""


def _trained(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    trainings = record.trainings
    terms = record.gradient_terms
    if not trainings:
        missing = missing_reading(record, "training", stages)
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


def _latency(
    record: Record, latencies: Sequence[Latency], stages: Sequence[Stage]
) -> dict[str, Reading]:
    names = ("latency", "images_per_s", "first_call", "outliers")
    not_on_gpu: dict[str, Reading] = dict.fromkeys(_ON_GPU)
    if not latencies:
        return dict.fromkeys(names, missing_reading(record, "latency", stages)) | not_on_gpu
    latency = _estimate([line.samples_s for line in latencies])
    batch = batch_of(record.case)
    if isinstance(latency, Failure):
        return dict.fromkeys(names, latency) | not_on_gpu
    return {
        "latency": latency,
        "images_per_s": batch / latency.value if batch is not None else None,
        "first_call": median(line.first_call_s for line in latencies),
        "outliers": sum(tukey_outliers(line.samples_s) for line in latencies),
        **_on_gpu(latencies, latency),
    }


def _on_gpu(latencies: Sequence[Latency], latency: Estimate) -> dict[str, Reading]:
    """The latencies by the host's clock and as a graph; None if they were not measured."""
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


def _energy(record: Record, stages: Sequence[Stage]) -> dict[str, Reading]:
    """The energy of a call by both ways, their distance, and mean powers."""
    energy = record.energy
    if energy is None:
        return dict.fromkeys(_ENERGIES, missing_reading(record, "energy", stages))
    if isinstance(energy.windows, Failure):
        return dict.fromkeys(_ENERGIES, energy.windows)
    return {
        "energy": call_energy(energy, by_counter),
        "power_energy": call_energy(energy, by_power),
        "energy_distance": distance(energy),
        "power": mean_power(energy.windows),
        "idle_power": mean_power([energy.idle]) if energy.idle else None,
    }


def _estimate(launches: Sequence[Samples]) -> Estimate | Failure:
    try:
        return latency_estimate(launches)
    except ValueError:
        return Failure(reason="a sample is not a positive time")
