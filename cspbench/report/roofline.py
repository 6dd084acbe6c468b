"""Where a case and its modules stand below the roofs of their device."""

from collections.abc import Iterable, Sequence
from statistics import median

from ..records.base import Failure
from ..records.ceilings import Ceilings
from ..records.run import Record, RunInfo
from ..records.traffic import ModuleTraffic, Operator
from ..verdicts.roofline import Position, ceilings_for, position
from ..verdicts.stats import Estimate
from .readings import Reading, missing_reading

_TIMED = ("flops_per_s", "roof_share", "roof")
_READINGS = ("intensity", *_TIMED)


def call_position(
    record: Record, seconds: float | None, every: Sequence[Ceilings]
) -> Position | None:
    """Where a case stands whose call takes ``seconds``.

    None without its time, its traffic or the ceilings of its device and precision, which are
    looked for in ``every``.
    """
    ceilings = _ceilings(record, every)
    if record.traffic is None or ceilings is None or not seconds:
        return None
    return position(record.traffic.operators, seconds, ceilings, record.case.precision)


def roofline_readings(
    record: Record, latency: Reading, info: RunInfo | None = None
) -> dict[str, Reading]:
    """The readings of a case's roofline; None of what a run does not measure.

    Without a run there are no ceilings, so that only the traffic's own reading is left.
    """
    stages = info.stages if info else ()
    missing = missing_reading(record, "traffic", stages)
    readings: dict[str, Reading] = dict.fromkeys(_READINGS, missing)
    if record.traffic is None:
        return readings
    work = record.traffic.total
    readings = dict.fromkeys(_READINGS)
    readings["intensity"] = work.flops / work.moved_bytes if work.moved_bytes else 0.0
    if info is None or "latency" not in stages:
        return readings
    if not isinstance(latency, Estimate):
        return {**readings, **dict.fromkeys(_TIMED, latency)}
    readings["flops_per_s"] = work.flops / latency.value
    found = call_position(record, latency.value, info.ceilings)
    if found is None:
        reason = Failure(reason="no ceilings of the device were measured")
        return {**readings, "roof_share": reason, "roof": reason}
    return {**readings, "roof_share": found.share, "roof": found.roof}


def own_positions(record: Record, every: Sequence[Ceilings]) -> dict[str, Position]:
    """Where each module stands with what ran directly in it, by path.

    Without those that moved nothing or took no time, and empty without the times of modules.
    """
    return _positions(record, every, with_children=False)


def total_positions(record: Record, every: Sequence[Ceilings]) -> dict[str, Position]:
    """Where each module stands with all that ran in it and in the modules that it holds."""
    return _positions(record, every, with_children=True)


def _positions(
    record: Record, every: Sequence[Ceilings], *, with_children: bool
) -> dict[str, Position]:
    ceilings = _ceilings(record, every)
    if record.traffic is None or ceilings is None:
        return {}
    own = {module.path: tuple(_operators(module)) for module in record.traffic.modules}
    times = _self_times(record)
    found = {}
    for path in times:
        held = [other for other in times if _holds(path, other)] if with_children else [path]
        operators = [operator for other in held for operator in own.get(other, ())]
        seconds = sum(times[other] for other in held)
        if operators and seconds > 0:
            found[path] = position(operators, seconds, ceilings, record.case.precision)
    return found


def _ceilings(record: Record, every: Sequence[Ceilings]) -> Ceilings | None:
    return ceilings_for(every, record.case.device, record.case.precision)


def _operators(module: ModuleTraffic) -> Iterable[Operator]:
    yield from module.forward
    yield from module.backward


def _self_times(record: Record) -> dict[str, float]:
    """Seconds of each module by path, without its children, median over profiles."""
    seconds: dict[str, list[float]] = {}
    for times in record.module_times:
        for module in times.modules:
            seconds.setdefault(module.path, []).append(module.self_s)
    return {path: median(values) for path, values in seconds.items()}


def _holds(path: str, other: str) -> bool:
    """Whether the module ``path`` is ``other``, or holds it."""
    return not path or other == path or other.startswith(f"{path}.")
