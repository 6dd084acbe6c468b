"""The text of a record, as `show` prints it: layers, totals, peaks and whatever was measured."""

from collections.abc import Iterator, Sequence

from ..plan.case import input_text
from ..plan.labels import plain
from ..records.base import Failure
from ..records.layers import Layer
from ..records.lines import CaseFailure
from ..records.measurements import Counts
from ..records.run import Record
from ..records.tensor_peak import Split, TensorPeak
from ..text import printable_lines
from ..units import bytes_text, count_text, seconds_text, shape_text
from ..verdicts.stats import latency_estimate
from .columns import COLUMNS, MISSING
from .quoting import verbatim
from .tables import Strip, draw, filled
from .words import MODE_TITLES, plural, printed_text

_NAME_WIDTH = 40


def text(records: Sequence[Record]) -> str:
    """The layers of the first record's model, then totals and the tensor peak of every record.

    The records are of one entry at one input, for example at inference and in training.
    """
    first = records[0]
    parts = [f"{plain(first.case.label)}, input {plain(input_text(first.case))}"]
    if first.counts is not None:
        parts += [_layers(first.counts), _totals(first.counts, records)]
    for record in records:
        parts += [_peak(record, record.tensor_peak)] if record.tensor_peak else []
        parts += [_others(record)]
        parts += [filled(_failed(record, failure)) for failure in record.failures]
    if first.counts is not None:
        parts.append(_notes(first.counts))
    parts += [filled(f"It {plain(sentence)}") for sentence in first.alters]
    if words := printed_text(first.printed, verbatim):
        parts.append(filled(f"It {words}"))
    return printable_lines("\n\n".join(part for part in parts if part))


def _layers(counts: Counts) -> str:
    """A table with one row for each module; parameters and MACs exclude those of children."""
    layers = counts.layers
    total = counts.macs + (counts.matmul_macs or 0)
    products = [layer.macs + layer.matmul_macs for layer in layers]
    shares = [f"{macs / total:.1%}" if macs else "" for macs in products]
    strips = [
        Strip(header="layer", cells=tuple(map(_name, layers)), left=True),
        Strip(header="type", cells=tuple(plain(layer.type) for layer in layers), left=True),
        Strip(header="output shape", cells=tuple(map(_shape, layers)), left=True),
        Strip(header="params", cells=tuple(_count(layer.params) for layer in layers)),
        Strip(header="MACs", cells=tuple(_count(layer.macs) for layer in layers)),
    ]
    if counts.matmul_macs:
        others = tuple(_count(layer.matmul_macs) for layer in layers)
        strips.append(Strip(header="other products", cells=others))
    return draw([*strips, Strip(header="share", cells=tuple(shares))])


def _name(layer: Layer) -> str:
    depth = layer.path.count(".") + 1 if layer.path else 0
    name = "  " * depth + (plain(layer.path.rpartition(".")[2]) or "(model)")
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"


def _shape(layer: Layer) -> str:
    return "" if layer.output_shape is None else shape_text(layer.output_shape)


def _count(count: int) -> str:
    return f"{count:,}" if count else ""


def _totals(counts: Counts, records: Sequence[Record]) -> str:
    rows: list[tuple[str, int | Failure, str]] = [
        ("parameters", counts.params, _frozen(counts)),
        ("weights", counts.weights, "of convolutions and fully connected layers"),
        ("MACs", counts.macs, "of convolutions and fully connected layers"),
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
    return "\n".join(_total(name, value, note, width) for name, value, note in rows)


def _frozen(counts: Counts) -> str:
    """What kind of parameters are counted, and with the frozen ones how many there are."""
    if not counts.frozen_params:
        return "trainable"
    total = counts.params + counts.frozen_params
    return f"trainable; {total:,} with {counts.frozen_params:,} that are frozen"


def _other_macs(counts: Counts) -> Iterator[tuple[str, int | Failure, str]]:
    """The rows of other products, unless there are none, and of fvcore's total."""
    if counts.matmul_macs:
        yield "MACs, others", counts.matmul_macs, "of all other products, as in attention"
    if counts.fvcore_macs is not None:
        yield "MACs (fvcore)", counts.fvcore_macs, "of all products and normalisation, as timm's"


def _total(name: str, value: int | Failure, note: str, width: int) -> str:
    if isinstance(value, Failure):
        return f"{name:16} {'–':>{width}}  {plain(value.reason)}"
    return f"{name:16} {value:>{width},}  {count_text(value)}, {note}"


def _peak(record: Record, peak: TensorPeak) -> str:
    at = (peak.operator or "its start") + (f" in {plain(peak.module)}" if peak.module else "")
    kinds = ((kind, getattr(peak.split, kind)) for kind in Split.__struct_fields__)
    split = ", ".join(
        f"{kind.replace('_', ' ')} {bytes_text(size)}" for kind, size in kinds if size
    )
    total = f"{bytes_text(peak.peak_tensor_bytes)} ({peak.peak_tensor_bytes:,} bytes)"
    title = f"{MODE_TITLES[record.case.mode]}: peak tensor memory {total}"
    return "\n".join([title, filled(split, "  "), filled(f"at {at}", "  ")])


def _failed(record: Record, failure: CaseFailure) -> str:
    mode = MODE_TITLES[record.case.mode]
    return f"{mode}: no {failure.stage.replace('_', ' ')}: {plain(failure.reason)}"


def _others(record: Record) -> str:
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
        filled(note, f"  {name:{name_width}} {value:>{width}}  ") for name, value, note in rows
    ]
    return "\n".join([f"{MODE_TITLES[record.case.mode]}: measured", *lines])


def _latency(record: Record) -> tuple[str, str, str]:
    launches = [latency.samples_s for latency in record.latencies]
    seconds = latency_estimate(launches).value
    samples = plural(sum(map(len, launches)), "sample")
    note = f"{samples} in {plural(len(launches), 'launch')}; the first call took "
    return "latency", seconds_text(seconds), note + seconds_text(record.latencies[0].first_call_s)


def _notes(counts: Counts) -> str:
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
    return "\n".join(["Between the counters", *(filled(line, "  ") for line in lines)])
