"""The text of a record, as `show` prints it: layers, totals, peaks and whatever was measured."""

from collections.abc import Iterator, Mapping, Sequence

from ..choices import Depth
from ..plan.case import input_text
from ..plan.labels import plain
from ..records.base import Failure
from ..records.ceilings import Ceilings
from ..records.lines import CaseFailure
from ..records.measurements import Counts
from ..records.run import Record
from ..records.tensor_peak import TensorPeak
from ..units import bytes_text, count_text, exact_bytes_text
from ..verdicts.roofline import ceilings_for
from ..verdicts.stats import latency_estimate
from . import memory, module_table, module_times, roofline
from .columns import COLUMNS, MISSING, milliseconds
from .layout import FILE, Layout
from .memory import split_text
from .module_table import OUTPUT_SHAPE, count_columns
from .modules import module_rows
from .quoting import verbatim
from .words import MODE_TITLES, plural, printed_text

_Total = tuple[str, int | Failure, str]
"""The name of a total, its value, and what it counts."""


def text(
    records: Sequence[Record],
    layout: Layout = FILE,
    depth: Depth | None = None,
    ceilings: Sequence[Ceilings] = (),
) -> str:
    """The layers of the first record's model, then totals and the tensor peak of every record.

    The records are of one entry at one input, for example at inference and in training. ``depth``
    is that of `module_rows`; with ``ceilings`` of their device there are rooflines.
    """
    first = records[0]
    peaks = [record.tensor_peak.peak_tensor_bytes for record in records if record.tensor_peak]
    parts = [f"{plain(first.case.label)}, input {plain(input_text(first.case))}"]
    if first.counts is not None:
        parts += [_layers(first.counts, layout, depth), _totals(first.counts, records, layout)]
    for record in records:
        if record.tensor_peak:
            parts.append(_peak(record, record.tensor_peak, min(peaks), layout))
        parts.append(memory.text(record, layout, depth))
        parts += [module_times.text(record, layout, depth)] if record.module_times else []
        parts.append(_roofline(record, ceilings, layout, depth))
        parts.append(_others(record, layout))
        parts += [layout.filled(_failed(record, failure)) for failure in record.failures]
    if first.counts is not None:
        parts.append(_notes(first.counts, layout))
    parts += [layout.filled(f"It {plain(sentence)}") for sentence in first.alters]
    if words := printed_text(first.printed, verbatim):
        parts.append(layout.filled(f"It {words}"))
    return layout.page(parts)


def _roofline(
    record: Record, every: Sequence[Ceilings], layout: Layout, depth: Depth | None
) -> str:
    """The roofline by module; '' without traffic, times or ceilings."""
    ceilings = ceilings_for(every, record.case.device, record.case.precision)
    if ceilings is None or not (record.counts and record.traffic and record.module_times):
        return ""
    return roofline.text(record, record.counts, ceilings, layout, depth)


def _layers(counts: Counts, layout: Layout, depth: Depth | None) -> str:
    """A table of modules; parameters and MACs exclude those of modules with a row of their own."""
    rows = module_rows(counts.layers, depth)
    columns = [OUTPUT_SHAPE, *count_columns(counts)]
    notes = map(layout.filled, module_table.notes(rows))
    return "\n".join([module_table.text(rows, columns, layout), *notes])


def _totals(counts: Counts, records: Sequence[Record], layout: Layout) -> str:
    rows: list[_Total] = [
        ("parameters", counts.params, _frozen(counts)),
        ("weights", counts.weights, "of convolutions and linear layers"),
        ("MACs", counts.macs, "of convolutions and linear layers"),
        *_other_macs(counts),
        ("MACs (thop)", counts.thop_macs, "with normalisation and pooling"),
        ("FLOPs", counts.flops, "by torch's counter, forward"),
    ]
    rows += [
        ("FLOPs, backward", record.counts.backward_flops, "by torch's counter")
        for record in records
        if record.counts is not None and record.counts.backward_flops is not None
    ]
    rows += [
        ("activations", counts.activations, "output elements of those layers"),
        ("CIO", counts.cio, "input + output elements of convolutions"),
    ]
    width = max(len(f"{value:,}") for _, value, _ in rows if isinstance(value, int))
    largest: dict[str, int] = {}
    for name, value, _ in rows:
        if isinstance(value, int):
            largest[_unit(name)] = max(value, largest.get(_unit(name), 0))
    return "\n".join(_total(row, width, largest, layout) for row in rows)


def _unit(name: str) -> str:
    """What a total counts, the first word of its name: all that count the same share a prefix."""
    return name.partition(" ")[0].removesuffix(",")


def _frozen(counts: Counts) -> str:
    """What kind of parameters are counted, and with the frozen ones how many there are."""
    if not counts.frozen_params:
        return "trainable"
    total = counts.params + counts.frozen_params
    return f"trainable; {total:,} with {counts.frozen_params:,} that are frozen"


def _other_macs(counts: Counts) -> Iterator[_Total]:
    """The rows of other products, unless there are none, and of fvcore's total."""
    if counts.matmul_macs:
        yield "MACs, others", counts.matmul_macs, "of all other products, as in attention"
    if counts.fvcore_macs is not None:
        yield "MACs (fvcore)", counts.fvcore_macs, "as timm's: all products, normalisation"


def _total(row: _Total, width: int, largest: Mapping[str, int], layout: Layout) -> str:
    name, value, note = row
    if isinstance(value, Failure):
        return layout.filled(plain(value.reason), f"{name:16} {MISSING:>{width}}  ")
    short = count_text(value, largest[_unit(name)])
    return layout.filled(f"{short}, {note}", f"{name:16} {value:>{width},}  ")


def _peak(record: Record, peak: TensorPeak, smallest: int, layout: Layout) -> str:
    """A peak and what it consists of, all sizes in the unit of the ``smallest`` peak in bytes."""
    at = (peak.operator or "its start") + (f" in {plain(peak.module)}" if peak.module else "")
    size = peak.peak_tensor_bytes
    total = f"{bytes_text(size, smallest)} ({exact_bytes_text(size)})"
    title = f"{MODE_TITLES[record.case.mode]}: peak tensor memory {total}"
    split = split_text(peak.split, smallest)
    return "\n".join([title, layout.filled(split, "  "), layout.filled(f"at {at}", "  ")])


def _failed(record: Record, failure: CaseFailure) -> str:
    mode = MODE_TITLES[record.case.mode]
    return f"{mode}: no {failure.stage.replace('_', ' ')}: {plain(failure.reason)}"


def _others(record: Record, layout: Layout) -> str:
    """The figures of all other measures, one a line, and the latency."""
    rows = [
        (column.title, column.text(reading), column.help)
        for column in COLUMNS
        if column.stage not in {"", "counts", "tensor_peak"}
        and (measurement := record.measurements.get(column.stage))
        and not isinstance(reading := getattr(measurement, column.key), Failure | None)
    ]
    rows += [
        (column.title, MISSING, plain(reading.reason))
        for column in COLUMNS
        if (measurement := record.measurements.get(column.stage))
        and column.stage != "counts"
        and isinstance(reading := getattr(measurement, column.key), Failure)
    ]
    rows += [_latency(record)] if record.latencies else []
    if not rows:
        return ""
    name_width, width = (max(len(row[index]) for row in rows) for index in (0, 1))
    lines = [
        layout.filled(note, f"  {name:{name_width}} {value:>{width}}  ")
        for name, value, note in rows
    ]
    return "\n".join([f"{MODE_TITLES[record.case.mode]}: measured", *lines])


def _latency(record: Record) -> tuple[str, str, str]:
    launches = [latency.samples_s for latency in record.latencies]
    samples = plural(sum(map(len, launches)), "sample")
    first_call = f"the first call took {milliseconds(record.latencies[0].first_call_s)} ms"
    note = f"{samples} in {plural(len(launches), 'launch')}; {first_call}"
    return "latency [ms]", milliseconds(latency_estimate(launches).value), note


def _notes(counts: Counts, layout: Layout) -> str:
    lines = [
        f"{item.counter} does not see {plain(item.name)}, {item.calls} x: {item.reason}"
        for item in counts.uncounted
    ]
    for explanation in dict.fromkeys(item.explanation for item in counts.disagreements):
        modules = [item for item in counts.disagreements if item.explanation == explanation]
        excess = sum(item.thop_macs - item.torch_macs for item in modules)
        lines.append(f"thop {excess:+,} MACs, {len(modules)} x: {plain(explanation)}")
    if not lines:
        return ""
    return "\n".join(["Between the counters", *(layout.filled(line, "  ") for line in lines)])
