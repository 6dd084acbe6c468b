"""Multiply-accumulates and FLOPs of single operators, as functions of shapes."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count


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


def attention_macs(query: Sequence[int], key: Sequence[int], value: Sequence[int]) -> int:
    """Multiply-accumulates of softmax(query · keyᵀ) · value, a causal mask left out of account.

    Shapes are (…, length, channels); keys and values may have fewer heads than queries.

    >>> attention_macs((2, 4, 10, 8), (2, 4, 20, 8), (2, 4, 20, 16))
    38400
    """
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def conv_backward_flops(
    grad_output: torch.Size, inputs: torch.Size, weight: torch.Size, *rest: Any, **_: Any
) -> int:
    """FLOPs of a convolution's backward: those of its forward for each gradient that it computes.

    Replaces torch's formula, which is wrong for groups > 1. The bias gradient, a sum, is left out.
    """
    _bias_sizes, _stride, _padding, _dilation, transposed, _output_padding, _groups, mask = rest
    forward = 2 * conv_macs(weight, inputs, grad_output, transposed=transposed)
    return int(forward * sum(mask[:2]))


def _attention_backward(
    grad_output: torch.Size,
    query: torch.Size,
    key: torch.Size,
    value: torch.Size,
    *_: Any,
    **__: Any,
) -> int:
    return int(sdpa_backward_flop_count(grad_output, query, key, value))


def _mkldnn_rnn_backward(
    inputs: torch.Size, first: torch.Size, second: torch.Size, *_: Any, **__: Any
) -> int:
    return 4 * math.prod(inputs[:-1]) * (first.numel() + second.numel())


def _cudnn_rnn_backward(
    inputs: torch.Size, weights: Sequence[torch.Size], *_: Any, **__: Any
) -> int:
    positions = math.prod(inputs[:-1])
    return 4 * positions * sum(math.prod(weight) for weight in weights if len(weight) == 2)


def _deform_conv_backward(
    grad_output: torch.Size, _inputs: torch.Size, weight: torch.Size, *_: Any, **__: Any
) -> int:
    return 4 * math.prod(grad_output) * math.prod(weight[1:])


def _dot_flops(left: torch.Size, *_: Any, **__: Any) -> int:
    return 2 * math.prod(left)


_OURS: dict[str, Callable[..., int]] = {
    "aten::convolution_backward": conv_backward_flops,
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "aten::_scaled_dot_product_fused_attention_overrideable_backward": _attention_backward,
    "aten::_cudnn_attention_backward": _attention_backward,
    "aten::mkldnn_rnn_layer_backward": _mkldnn_rnn_backward,
    "aten::_cudnn_rnn_backward": _cudnn_rnn_backward,
    **dict.fromkeys(("aten::mv", "aten::dot", "aten::vdot"), _dot_flops),
    "torchvision::_deform_conv2d_backward": _deform_conv_backward,
}
# torch's formulas mistake positions for heads here.
_WITHOUT = frozenset({"aten::_flash_attention_forward", "aten::_efficient_attention_forward"})


@functools.cache
def flop_formula(operator: Any) -> Callable[..., int] | None:
    """The function that gives the FLOPs of ``operator``: torch's where it is right, or ours.

    It raises ValueError if a formula, which may be a model's own, gives a number below 0.
    """
    name = getattr(operator, "_qualified_op_name", "")
    if name in _OURS:
        return _of_shapes(_OURS[name])
    if name in _WITHOUT or operator not in flop_registry:
        return None
    formula: Callable[..., int] = flop_registry[operator]
    # torch's wrapper walks the arguments as trees, which takes longer than the formula.
    of_shapes: Callable[..., int] | None = getattr(formula, "__wrapped__", None)
    return _checked(name, formula if of_shapes is None else _of_shapes(of_shapes))


def _checked(name: str, formula: Callable[..., int]) -> Callable[..., int]:
    def flops(*args: Any, **keywords: Any) -> int:
        number = int(formula(*args, **keywords))
        if number < 0:
            raise ValueError(f"the formula of {name} gives {number} FLOPs")
        return number

    return flops


def _of_shapes(formula: Callable[..., int]) -> Callable[..., int]:
    """``formula`` of shapes as a function of an operator's arguments and of its result."""

    def flops(*args: Any, out_val: Any, **keywords: Any) -> int:
        named = {name: _shape(value) for name, value in keywords.items()}
        return formula(*map(_shape, args), out_shape=_shape(out_val), **named)

    return flops


def _shape(value: Any) -> Any:
    """The shape of a tensor, those of a list or tuple of tensors; any other value itself."""
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, list | tuple):
        return tuple(map(_shape, value))
    return value
