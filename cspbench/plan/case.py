"""Cases: an entry with its arguments on one device in one mode, identified by a stable key."""

from typing import Annotated

import msgspec

from ..catalogue.entry import Entry, Shape, Value
from ..catalogue.input_text import words_of
from ..catalogue.inputs import Inputs, of_shape
from ..choices import (
    FORMS,
    MODES,
    PRECISIONS,
    RUNTIME_FORMS,
    TRAINABLE_FORMS,
    Form,
    Mode,
    Precision,
)
from ..errors import CspbenchError

__all__ = [
    "FORMS",
    "MAX_KEY",
    "MODES",
    "PRECISIONS",
    "Accuracy",
    "Case",
    "Form",
    "Key",
    "Mode",
    "Precision",
    "batch_of",
    "can_run_in",
    "in_form",
    "input_text",
    "inputs_of",
    "is_gpu",
    "make_case",
    "show_words",
    "takes_image",
]

MAX_KEY = 2_000
"""The most characters of a case's key, and of its label."""

Key = Annotated[str, msgspec.Meta(max_length=MAX_KEY)]


def is_gpu(device: str) -> bool:
    """Whether ``device`` names a GPU."""
    return device.startswith("cuda")


class Accuracy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Published accuracy of a trained network: top-1 in percent, on images ``img_size`` wide."""

    top1: Annotated[float, msgspec.Meta(gt=0, le=100)]
    img_size: Annotated[int, msgspec.Meta(ge=1)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY)]


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to measure, with all that a worker needs to build and run it.

    ``arguments`` are the builder's complete arguments. ``label`` is the short name in a report: the
    entry and what differs from its defaults. ``reference`` is the key of the case that latency
    ratios are taken to. ``side`` is ``baseline`` or ``candidate`` in a run of two revisions, else
    ''. ``accuracy`` is a published figure that reports show beside the cost. ``form`` is what the
    module is deployed as. ``inputs`` are the arguments of a call; None: one tensor of
    ``input_shape``, which is otherwise the shape of the first tensor.
    """

    key: Key
    label: Key
    entry: Key
    build: Key
    arguments: dict[str, Value]
    input_shape: Shape
    device: Key
    precision: Precision
    channels_last: bool
    mode: Mode
    input_gradient: bool
    reference: Key | None = None
    side: Key = ""
    accuracy: Accuracy | None = None
    form: Form = "eager"
    inputs: Inputs | None = None


def make_case(
    entry: Entry,
    overrides: dict[str, Value],
    *,
    shape: Shape | None = None,
    inputs: Inputs | None = None,
    batch_size: int | None = None,
    img_size: int | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
    channels_last: bool = False,
    form: Form = "eager",
    mode: Mode = "infer",
    reference: str | None = None,
) -> Case:
    """The case of ``entry`` with ``overrides`` of its arguments.

    The input is one floating-point tensor of ``shape``, or ``inputs``, or else the entry's default;
    ``batch_size`` and ``img_size`` replace sizes of it (`Inputs.resized`). Raises `CspbenchError`
    for an argument or an input that the entry cannot take.
    """
    arguments = entry.arguments(overrides)
    if inputs is None and shape is not None:
        inputs = of_shape(shape)
    final = _final_inputs(entry, arguments, inputs, batch_size, img_size)
    defaults = entry.arguments()
    changed = [
        f"{name}={value}" for name, value in arguments.items() if value != defaults.get(name)
    ]
    layout = ["channels_last"] if channels_last else []
    name = entry.name + (f"[{','.join(changed)}]" if changed else "")
    default = entry.default_inputs(arguments)
    deviations = [final.text] if default is not None and final != default else []
    if precision != "fp32":
        deviations.append(precision)
    key = " ".join([name, final.text, device, precision, *layout, mode])
    if len(key) > MAX_KEY:
        raise CspbenchError(
            f"{entry.name}: arguments and inputs make a key of {len(key):,} characters; at most "
            f"{MAX_KEY:,} are allowed, so shorten them"
        )
    case = Case(
        key=key,
        label=" ".join([entry.name, *changed, *deviations, *layout]),
        entry=entry.name,
        build=entry.build,
        arguments={**dict(entry.fixed), **arguments},
        input_shape=final.shape,
        inputs=None if final.only_shape else final,
        device=device,
        precision=precision,
        channels_last=channels_last,
        mode=mode,
        input_gradient=entry.input_gradient,
        reference=reference,
    )
    return in_form(case, form)


def in_form(case: Case, form: Form) -> Case:
    """``case`` deployed as ``form``, which its key and label name unless it is eager.

    Raises `CspbenchError` for what the form cannot be: trained, on a GPU, in another precision.
    """
    _check_form(case, form)
    old, new = _form_word(case.form), _form_word(form)
    stem = case.key.removesuffix(f"{old} {case.mode}")
    return msgspec.structs.replace(
        case,
        key=f"{stem}{new} {case.mode}",
        label=f"{case.label.removesuffix(old)}{new}",
        form=form,
    )


def can_run_in(form: Form, mode: Mode) -> bool:
    """Whether a module deployed as ``form`` has the ``mode``: most are for inference alone."""
    return mode == "infer" or form in TRAINABLE_FORMS


def _form_word(form: Form) -> str:
    return "" if form == FORMS[0] else f" {form}"


def _check_form(case: Case, form: Form) -> None:
    if not can_run_in(form, case.mode):
        raise CspbenchError(
            f"the form {form} is for inference, not for training (--mode infer; to train: "
            f"{', '.join(TRAINABLE_FORMS)})"
        )
    if form not in RUNTIME_FORMS:
        return
    if is_gpu(case.device) and form != "aoti":
        raise CspbenchError(f"the form {form} runs on the CPU, got --device {case.device}")
    if case.precision != PRECISIONS[0]:
        raise CspbenchError(
            f"the form {form} takes {PRECISIONS[0]} modules, got precision {case.precision} "
            "(numbers of 8 bits: a form such as onnxruntime:int8)"
        )
    if case.channels_last:
        raise CspbenchError(
            f"the form {form} takes modules in the usual memory format, not channels_last"
        )


def _final_inputs(
    entry: Entry,
    arguments: dict[str, Value],
    inputs: Inputs | None,
    batch_size: int | None,
    img_size: int | None,
) -> Inputs:
    """The checked inputs of a case of ``entry``; the default if ``inputs`` is None."""
    requested = entry.inputs(arguments, inputs)
    try:
        final = requested.resized(batch_size=batch_size, img_size=img_size)
    except CspbenchError as error:
        raise CspbenchError(f"{entry.name}: {error}") from error
    return entry.inputs(arguments, final)


def inputs_of(case: Case) -> Inputs:
    """The arguments of a call of ``case``."""
    return case.inputs or of_shape(case.input_shape)


def takes_image(case: Case) -> bool:
    """Whether the input of ``case`` is one floating-point tensor (N, C, H, W)."""
    return case.inputs is None and len(case.input_shape) == 4


def batch_of(case: Case) -> int | None:
    """The batch size of ``case``; None if it is not known."""
    return inputs_of(case).batch_size


def input_text(case: Case) -> str:
    """The arguments of a call of ``case`` in one word: ``1x64x56x56``."""
    return inputs_of(case).text


def show_words(case: Case, entry: Entry) -> list[str]:
    """The words of the command line that shows the static profile of ``case``, a case of ``entry``.

    Arguments and inputs are named where they differ from the defaults.
    """
    fixed, defaults = dict(entry.fixed), entry.arguments()
    arguments = {name: value for name, value in case.arguments.items() if name not in fixed}
    words = ["show", entry.name]
    for name, value in arguments.items():
        if value != defaults.get(name):
            words += ["--set", f"{name}={value}"]
    inputs = inputs_of(case)
    if inputs != entry.default_inputs(arguments):
        for word in words_of(inputs):
            words += ["--input", word]
    return words
