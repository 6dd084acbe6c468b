"""A case: one entry with its arguments, on one device, in one mode; with a stable key."""

from typing import Annotated, Literal, get_args

import msgspec

from ..catalogue.entry import Entry, Shape, Value
from ..units import shape_text

Mode = Literal["infer", "train"]
Precision = Literal["fp32", "tf32", "bf16", "fp16", "amp"]
MODES: tuple[Mode, ...] = get_args(Mode)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Compiler = Literal["inductor", "cudagraphs", "aot_eager", "eager"]
COMPILERS: tuple[Compiler, ...] = get_args(Compiler)
"""Backends of `torch.compile`: those that people use, and two that tell where time goes."""


def is_gpu(device: str) -> bool:
    """Whether ``device`` names a GPU."""
    return device.startswith("cuda")


class Accuracy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a source published of a trained network: top-1 in percent, at ``img_size`` squared."""

    top1: Annotated[float, msgspec.Meta(gt=0, le=100)]
    img_size: Annotated[int, msgspec.Meta(ge=1)]
    source: Annotated[str, msgspec.Meta(min_length=1)]


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to measure, whole in itself: a worker needs nothing else to build and run it.

    ``arguments`` are all that the builder takes; ``label`` is the short name in a report (what
    differs from the entry's defaults); ``reference`` is the key of the case whose ratio is taken.
    ``side`` is the revision that builds it, where two are measured in one run. ``accuracy`` is what
    was published of it, for a report to show beside its cost. ``compiler`` is the backend of
    `torch.compile`, None where the module runs as it is.
    """

    key: str
    label: str
    entry: str
    build: str
    arguments: dict[str, Value]
    input_shape: Shape
    device: str
    precision: Precision
    channels_last: bool
    mode: Mode
    input_gradient: bool
    reference: str | None = None
    side: str = ""
    accuracy: Accuracy | None = None
    compiler: Compiler | None = None


def make_case(
    entry: Entry,
    overrides: dict[str, Value],
    *,
    shape: Shape | None = None,
    batch_size: int | None = None,
    img_size: int | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
    channels_last: bool = False,
    compiler: Compiler | None = None,
    mode: Mode = "infer",
    reference: str | None = None,
) -> Case:
    """A checked case. ``batch_size`` and ``img_size`` replace N, and H and W, of the shape.

    Raises `CspbenchError` for an argument or a shape that the entry cannot take.
    """
    arguments = entry.arguments(overrides)
    batch, channels, height, width = entry.shape(arguments, shape)
    sized = entry.shape(
        arguments,
        (batch_size or batch, channels, img_size or height, img_size or width),
    )
    defaults = entry.arguments()
    changed = [
        f"{name}={value}" for name, value in arguments.items() if value != defaults.get(name)
    ]
    way = ["channels_last"] if channels_last else []
    if compiler is not None:
        way.append(f"compile={compiler}")
    named = entry.name + (f"[{','.join(changed)}]" if changed else "")
    usual = entry.shape(arguments) if entry.input_shape else sized
    unusual = [shape_text(sized)] if sized != usual else []
    if precision != "fp32":
        unusual.append(precision)
    return Case(
        key=" ".join([named, shape_text(sized), device, precision, *way, mode]),
        label=" ".join([entry.name, *changed, *unusual, *way]),
        entry=entry.name,
        build=entry.build,
        arguments={**dict(entry.fixed), **arguments},
        input_shape=sized,
        device=device,
        precision=precision,
        channels_last=channels_last,
        compiler=compiler,
        mode=mode,
        input_gradient=entry.input_gradient,
        reference=reference,
    )


def show_words(case: Case, entry: Entry) -> list[str]:
    """The words of a command line that shows the static profile of ``case``, one of ``entry``."""
    fixed, defaults = dict(entry.fixed), entry.arguments()
    arguments = {name: value for name, value in case.arguments.items() if name not in fixed}
    words = ["show", entry.name]
    for name, value in arguments.items():
        if value != defaults.get(name):
            words += ["--set", f"{name}={value}"]
    if not entry.input_shape or case.input_shape != entry.shape(arguments):
        words += ["--input", ",".join(map(str, case.input_shape))]
    return words
