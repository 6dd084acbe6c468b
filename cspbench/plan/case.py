"""Cases: an entry with its arguments on one device in one mode, identified by a stable key."""

from typing import Annotated, Literal, get_args

import msgspec

from ..catalogue.entry import Entry, Shape, Value
from ..catalogue.inputs import Inputs
from ..units import shape_text

Mode = Literal["infer", "train"]
Precision = Literal["fp32", "tf32", "bf16", "fp16", "amp"]
MODES: tuple[Mode, ...] = get_args(Mode)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Compiler = Literal["inductor", "cudagraphs", "aot_eager", "eager"]
COMPILERS: tuple[Compiler, ...] = get_args(Compiler)
"""Backends of `torch.compile`: two for use, and two that split up the cost of compiling."""


def is_gpu(device: str) -> bool:
    """Whether ``device`` names a GPU."""
    return device.startswith("cuda")


class Accuracy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Published accuracy of a trained network: top-1 in percent, on images ``img_size`` wide."""

    top1: Annotated[float, msgspec.Meta(gt=0, le=100)]
    img_size: Annotated[int, msgspec.Meta(ge=1)]
    source: Annotated[str, msgspec.Meta(min_length=1)]


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to measure, with all that a worker needs to build and run it.

    ``arguments`` are the builder's complete arguments. ``label`` is the short name in a report: the
    entry and what differs from its defaults. ``reference`` is the key of the case that latency
    ratios are taken to. ``side`` is ``baseline`` or ``candidate`` in a run of two revisions, else
    ''. ``accuracy`` is a published figure that reports show beside the cost. ``compiler`` is the
    backend of `torch.compile`, None for eager mode. ``inputs`` are the arguments of a
    call; None: one tensor of ``input_shape``, which is otherwise the shape of the first tensor.
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
    inputs: Inputs | None = None


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
    """The case of ``entry`` with ``overrides`` of its arguments.

    ``batch_size`` replaces N of the shape, ``img_size`` H and W. Raises `CspbenchError` for an
    argument or a shape that the entry cannot take.
    """
    arguments = entry.arguments(overrides)
    batch, channels, height, width = entry.shape(arguments, shape)
    final_shape = entry.shape(
        arguments,
        (batch_size or batch, channels, img_size or height, img_size or width),
    )
    defaults = entry.arguments()
    changed = [
        f"{name}={value}" for name, value in arguments.items() if value != defaults.get(name)
    ]
    form = ["channels_last"] if channels_last else []
    if compiler is not None:
        form.append(f"compile={compiler}")
    name = entry.name + (f"[{','.join(changed)}]" if changed else "")
    default_shape = entry.shape(arguments) if entry.input_shape else final_shape
    deviations = [shape_text(final_shape)] if final_shape != default_shape else []
    if precision != "fp32":
        deviations.append(precision)
    return Case(
        key=" ".join([name, shape_text(final_shape), device, precision, *form, mode]),
        label=" ".join([entry.name, *changed, *deviations, *form]),
        entry=entry.name,
        build=entry.build,
        arguments={**dict(entry.fixed), **arguments},
        input_shape=final_shape,
        device=device,
        precision=precision,
        channels_last=channels_last,
        compiler=compiler,
        mode=mode,
        input_gradient=entry.input_gradient,
        reference=reference,
    )


def show_words(case: Case, entry: Entry) -> list[str]:
    """The words of the command line that shows the static profile of ``case``, a case of ``entry``.

    Arguments and shape are named where they differ from the defaults.
    """
    fixed, defaults = dict(entry.fixed), entry.arguments()
    arguments = {name: value for name, value in case.arguments.items() if name not in fixed}
    words = ["show", entry.name]
    for name, value in arguments.items():
        if value != defaults.get(name):
            words += ["--set", f"{name}={value}"]
    if not entry.input_shape or case.input_shape != entry.shape(arguments):
        words += ["--input", ",".join(map(str, case.input_shape))]
    return words
