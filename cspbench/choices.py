"""The words that an option, or a field of a suite or record, may have.

It imports nothing heavy, so that ``--help`` can list them at once.
"""

from typing import Literal, get_args

Mode = Literal["infer", "train"]
MODES: tuple[Mode, ...] = get_args(Mode)

Precision = Literal["fp32", "tf32", "bf16", "fp16", "amp"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""The first is the default."""

Form = Literal[
    "eager",
    "fused",
    "compiled",
    "compiled:reduce-overhead",
    "compiled:max-autotune",
    "compiled:cudagraphs",
    "compiled:aot_eager",
    "compiled:eager",
    "aoti",
    "onnxruntime",
    "onnxruntime:int8",
    "openvino",
    "openvino:int8",
]
FORMS: tuple[Form, ...] = get_args(Form)
"""What a model is deployed as: the module, and what is made of it. The first is the default.

``compiled`` is `torch.compile` with its default mode; behind the colon stands another mode, or
another backend. ``aoti`` is a package of AOTInductor.
"""

RUNTIME_FORMS: tuple[Form, ...] = FORMS[FORMS.index("aoti") :]
"""Forms that are files, which something else than the module runs."""

TRAINABLE_FORMS: tuple[Form, ...] = tuple(
    form for form in FORMS if form.partition(":")[0] in {"eager", "compiled"}
)
"""Forms that can be trained; all others are for inference."""

Allocator = Literal["pinned", "system"]
ALLOCATORS: tuple[Allocator, ...] = get_args(Allocator)

Head = Literal["pool", "conv"]
HEADS: tuple[Head, ...] = get_args(Head)
"""The layers after a block in training: a global average pool, or a 3x3 convolution before it."""

Depth = int | Literal["all"]
"""Down to which level modules have rows of their own; all: every one, and none is folded."""

ComparisonFormat = Literal["table", "markdown", "html", "json"]
COMPARISON_FORMATS: tuple[ComparisonFormat, ...] = get_args(ComparisonFormat)

EXPORT_FORMATS = ("pytest-benchmark", "github-action-benchmark", "bencher", "hyperfine")
"""Formats that other tools read."""

TENSORBOARD = "tensorboard"
"""The format of reports that is files, which TensorBoard shows."""

PRINTED_FORMATS = ("table", "markdown", "csv", "html", *EXPORT_FORMATS)
REPORT_FORMATS = (*PRINTED_FORMATS, TENSORBOARD)
