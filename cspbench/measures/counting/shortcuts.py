"""Operators on meta tensors whose results need no computation."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

_ELEMENTWISE = frozenset(
    operator.default
    for operator in (
        aten.elu,
        aten.gelu,
        aten.hardsigmoid,
        aten.hardswish,
        aten.hardtanh,
        aten.leaky_relu,
        aten.mish,
        aten.relu,
        aten.silu,
    )
)
_IN_PLACE = frozenset(
    operator.default
    for operator in (
        aten.elu_,
        aten.gelu_,
        aten.hardsigmoid_,
        aten.hardswish_,
        aten.hardtanh_,
        aten.leaky_relu_,
        aten.mish_,
        aten.relu_,
        aten.silu_,
    )
)
_TRAINING = 5  # the position of BatchNorm's argument


class Shortcuts(TorchDispatchMode):
    """Runs operators on meta tensors without torch's Python functions, where that is simple.

    Those take up to a millisecond. Of an activation and of BatchNorm at inference the result is the
    input, or a tensor of its shape, dtype and strides; all else is torch's.
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
        tensor = args[0] if args else None
        if type(tensor) is Tensor and tensor.is_meta and tensor.is_floating_point():
            if func in _IN_PLACE:
                return tensor
            if func in _ELEMENTWISE:
                return torch.empty_like(tensor)
            if func is aten.native_batch_norm.default and not args[_TRAINING]:
                return torch.empty_like(tensor), tensor.new_empty(0), tensor.new_empty(0)
        return func(*args, **(kwargs or {}))
