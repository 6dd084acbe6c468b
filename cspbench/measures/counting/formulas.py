"""Multiply-accumulates and FLOPs of single operators, as functions of shapes."""

import math
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, shape_wrapper

aten = torch.ops.aten


def conv_macs(
    weight: torch.Size, inputs: torch.Size, output: torch.Size, *, transposed: bool
) -> int:
    """Multiply-accumulates of one convolution, without bias.

    ``weight`` is (C_out, C_in / groups, K_h, K_w), or (C_in, C_out / groups, K_h, K_w) if
    ``transposed``; ``inputs`` and ``output`` are (N, C, H, W).

    >>> size = torch.Size
    >>> conv_macs(size((32, 16, 3, 3)), size((1, 16, 8, 8)), size((1, 32, 8, 8)), transposed=False)
    294912
    """
    return math.prod(inputs if transposed else output) * math.prod(weight[1:])


def conv_backward_flops(
    grad_output: torch.Size, inputs: torch.Size, weight: torch.Size, *rest: Any, **_: Any
) -> int:
    """FLOPs of a convolution's backward: those of its forward for each gradient that it computes.

    Replaces torch's formula, which is wrong for groups > 1. The bias gradient, a sum, is left out.
    """
    _bias_sizes, _stride, _padding, _dilation, transposed, _output_padding, _groups, mask = rest
    forward = 2 * conv_macs(weight, inputs, grad_output, transposed=transposed)
    return int(forward * sum(mask[:2]))


FORMULAS = {
    **flop_registry,
    aten.convolution_backward: shape_wrapper(conv_backward_flops),
}
"""The FLOPs of operators, by torch's formulas where they are right."""
