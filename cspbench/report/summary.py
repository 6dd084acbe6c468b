"""The output of `show`: one entry layer by layer, with totals and tensor peaks."""

from collections.abc import Sequence

from ..plan.labels import plain
from ..records.base import Failure
from ..records.measurements import Counts, Layer, Split, TensorPeak
from ..records.run import Record
from ..units import bytes_text, count_text, shape_text
from .tables import Strip, draw, filled
from .words import MODE_TITLES

_NAME_WIDTH = 40


def text(records: Sequence[Record]) -> str:
    """The layers of the first record's model, then totals and the tensor peak of every record.

    The records are of one entry at one input, for example at inference and in training.
    """
    first = records[0]
    parts = [f"{plain(first.case.label)}, input {shape_text(first.case.input_shape)}"]
    if first.counts is not None:
        parts += [_layers(first.counts), _totals(first.counts, records)]
    parts += [_peak(record, record.tensor_peak) for record in records if record.tensor_peak]
    if first.counts is not None:
        parts.append(_notes(first.counts))
    return "\n\n".join(part for part in parts if part)


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
        ("parameters", counts.params, "trainable"),
        ("weights", counts.weights, "of convolutions and fully connected layers"),
        ("MACs", counts.macs, "of convolutions and fully connected layers"),
        *(
            [("MACs, others", counts.matmul_macs, "of all other products, as in attention")]
            if counts.matmul_macs
            else []
        ),
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
