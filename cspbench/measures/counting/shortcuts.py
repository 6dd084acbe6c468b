"""Operators on meta tensors whose results need no computation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class Shortcuts(TorchDispatchMode):
    """Runs operators on meta tensors without torch's Python functions, where that is simple.

    Those take up to a millisecond. Activations, BatchNorm at inference, convolutions, sums and
    products of tensors and means have a result of the shape, dtype and strides that torch's have.
    Whatever is unusual, an error above all, is left to torch.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        shortcut = _SHORTCUTS.get(func)
        if shortcut is not None and args and _is_simple(args[0]):
            result = shortcut(*args, **(kwargs or {}))
            if result is not None:
                return result
        return func(*args, **(kwargs or {}))


def _is_simple(tensor: object) -> bool:
    """Whether it is a tensor of floating-point numbers on meta, or a list of such tensors."""
    if isinstance(tensor, list | tuple):
        return bool(tensor) and all(map(_is_simple, tensor))
    return type(tensor) is Tensor and tensor.is_meta and tensor.is_floating_point()


def _itself(tensor: Tensor, *_: object, **__: object) -> Tensor:
    return tensor


def _alike(tensor: Tensor, *_: object, **__: object) -> Tensor | None:
    if not (tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last)):
        return None
    # In C++, unlike empty_like on meta tensors.
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _empty(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=tensor.dtype, device="meta")


def _batch_norm(tensor: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor] | None:
    is_training = rest[4]
    output = None if is_training else _alike(tensor)
    return None if output is None else (output, _empty(tensor, (0,)), _empty(tensor, (0,)))


def _convolution(tensor: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor | None:
    stride, padding, dilation, transposed, _output_padding, groups = rest
    kernel, sizes = weight.shape[2:], tensor.shape[2:]
    if (
        transposed
        or tensor.dim() != weight.dim()
        or tensor.shape[1] != weight.shape[1] * groups
        or weight.shape[0] % groups
        or not tensor.dtype == weight.dtype == (weight if bias is None else bias).dtype
        or not (tensor.is_contiguous() and weight.is_contiguous())
        or not len(stride) == len(padding) == len(dilation) == len(kernel)
    ):
        return None
    outputs = [
        (size + 2 * pad - step * (length - 1) - 1) // stride_ + 1
        for size, length, stride_, pad, step in zip(
            sizes, kernel, stride, padding, dilation, strict=True
        )
    ]
    if min(outputs) < 1:
        return None
    return _empty(tensor, (tensor.shape[0], weight.shape[0], *outputs))


def _pointwise(tensor: Tensor, other: object, **keywords: object) -> Tensor | None:
    """A result as large as ``tensor``, to which ``other`` is broadcast."""
    if not isinstance(other, Tensor) or keywords.keys() - {"alpha"}:
        return None
    fits = tensor.shape == other.shape or (
        tensor.dim() == other.dim()
        and all(b in {1, a} for a, b in zip(tensor.shape, other.shape, strict=True))
    )
    if (
        not fits
        or not _is_simple(other)
        or tensor.dtype != other.dtype
        or not (tensor.is_contiguous() and other.is_contiguous())
    ):
        return None
    return _empty(tensor, tensor.shape)


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor | None:
    first = tensors[0]
    if not -first.dim() <= dim < first.dim():
        return None
    around = {(*t.shape[:dim], None, *t.shape[dim % t.dim() + 1 :]) for t in tensors if t.dim()}
    is_usual = len(around) == len({(t.dtype, t.dim()) for t in tensors}) == 1
    if not is_usual or not all(t.is_contiguous() for t in tensors):
        return None
    shape = list(first.shape)
    shape[dim] = sum(t.shape[dim] for t in tensors)
    return _empty(first, shape)


def _mean(tensor: Tensor, dims: list[int] | None, *rest: bool, **keywords: object) -> Tensor | None:
    if keywords or not dims or not tensor.is_contiguous():
        return None
    keeps_dims = rest == (True,)
    reduced = {dim % tensor.dim() for dim in dims if -tensor.dim() <= dim < tensor.dim()}
    if len(reduced) != len(dims):
        return None
    sizes = enumerate(tensor.shape)
    if keeps_dims:
        return _empty(tensor, [1 if dim in reduced else size for dim, size in sizes])
    return _empty(tensor, [size for dim, size in sizes if dim not in reduced])


_ACTIVATIONS = (
    *("elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu"),
    *("sigmoid", "silu"),
)
_SHORTCUTS: Mapping[Any, Callable[..., object]] = {
    aten.native_batch_norm.default: _batch_norm,
    aten.convolution.default: _convolution,
    aten.add.Tensor: _pointwise,
    aten.mul.Tensor: _pointwise,
    aten.cat.default: _cat,
    aten.mean.dim: _mean,
    **{getattr(aten, name).default: _alike for name in _ACTIVATIONS},
    **{getattr(aten, f"{name}_").default: _itself for name in _ACTIVATIONS},
}
