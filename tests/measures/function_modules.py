"""Modules whose forward is one function, and a chain of convolutions."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class FunctionModule(nn.Module):
    """A module whose forward is one function."""

    def __init__(self, forward: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = forward

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def chain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(4, 8, 1, bias=False),
        nn.ReLU(),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.ReLU(),
        nn.Conv2d(16, 2, 1, bias=False),
        nn.ReLU(),
    )


class _KeepsFive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.repeat(1, 5, 1, 1))
        return x * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (saved,) = ctx.saved_tensors
        assert saved.shape[1] == 5 * gradients[0].shape[1]
        return gradients[0] * 2


def keeps_five(x: Tensor) -> Tensor:
    result: Tensor = _KeepsFive.apply(x)  # type: ignore[no-untyped-call]
    return result
