"""The words that an option, or a field of a suite or record, may have.

It imports nothing heavy, so that ``--help`` can list them at once.
"""

from typing import Literal, get_args

Mode = Literal["infer", "train"]
MODES: tuple[Mode, ...] = get_args(Mode)

Precision = Literal["fp32", "tf32", "bf16", "fp16", "amp"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""The first is the default."""

Compiler = Literal["inductor", "cudagraphs", "aot_eager", "eager"]
COMPILERS: tuple[Compiler, ...] = get_args(Compiler)
"""Backends of `torch.compile`: two for use, and two that split up the cost of compiling.

The first is the default of ``--compile``.
"""

Allocator = Literal["pinned", "system"]
ALLOCATORS: tuple[Allocator, ...] = get_args(Allocator)

Head = Literal["pool", "conv"]
HEADS: tuple[Head, ...] = get_args(Head)
"""The layers after a block in training: a global average pool, or a 3x3 convolution before it."""

ComparisonFormat = Literal["table", "markdown", "json"]
COMPARISON_FORMATS: tuple[ComparisonFormat, ...] = get_args(ComparisonFormat)

EXPORT_FORMATS = ("pytest-benchmark", "github-action-benchmark", "bencher", "hyperfine")
"""Formats that other tools read."""

REPORT_FORMATS = ("table", "markdown", "csv", *EXPORT_FORMATS)
