"""Models of kinds that cannot be counted on meta tensors, hooked or copied in the plain way."""

import math
import os
import signal
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _python_dispatch as dispatch

SHIFT = torch.ones(4, 1, 1)


class _Pointwise(nn.Module):
    """A 1x1 convolution from four channels to four."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Any:
        return self.conv(x)


class MadeInFirstForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv: nn.Module | None = None

    def forward(self, x: Tensor) -> Any:
        if self.conv is None:
            self.conv = nn.Conv2d(x.shape[1], 4, 1).to(x.device)
        return self.conv(x)


class DryRun(nn.Module):
    """Finds its stride by a forward in the constructor, and keeps offsets of its first call."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(4, 4, 2, stride=2), nn.Conv2d(4, 2, 1)
        self.stride = torch.tensor([16 / self.body(torch.zeros(1, 4, 16, 16)).shape[-1]])
        nn.init.constant_(self.head.bias, -math.log(float(self.stride[0])))  # type: ignore[arg-type]
        self.shape: torch.Size | None = None
        self.offsets = torch.empty(0)

    def forward(self, x: Tensor) -> Any:
        output = self.head(self.body(x)).flatten(2)
        if self.shape != output.shape:
            self.shape = output.shape
            self.offsets = torch.arange(output.shape[-1], device=x.device) * self.stride.item()
        return output + self.offsets


class ReadsInConstructor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.5, 3)]
        self.blocks = nn.Sequential(*(nn.Sequential(_Pointwise(), nn.Dropout(r)) for r in rates))

    def forward(self, x: Tensor) -> Any:
        return self.blocks(x)


class BranchesOnData(_Pointwise):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        return super().forward(x) if float(x.sum()) > 1e9 else self.wide(x)


class UsesNumPy(_Pointwise):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x) / (1 + float(np.abs(x.detach().numpy()).max()))


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * gradients[0]


class OwnFunction(_Pointwise):
    def forward(self, x: Tensor) -> Any:
        return cast("Any", _Square).apply(super().forward(x))


@torch.library.custom_op("cspbench_tests::halve", mutates_args=())
def halve(x: Tensor) -> Tensor:
    return x / 2


halve.register_autograd(lambda _ctx, gradient: gradient / 2)


class OwnOperator(_Pointwise):
    """Of an operator that has no kernel for fake tensors."""

    def forward(self, x: Tensor) -> Any:
        return halve(super().forward(x))


class GlobalTensor(_Pointwise):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x + SHIFT)


class ReturnsNothing(_Pointwise):
    """train() and eval() of it return nothing."""

    def train(self, mode: bool = True) -> Any:
        super().train(mode)

    def eval(self) -> Any:
        super().train(mode=False)


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LazyConv2d(4, 1), nn.LazyBatchNorm2d())

    def forward(self, x: Tensor) -> Any:
        return self.layers(x)


def scripted() -> nn.Module:
    return cast("nn.Module", torch.jit.script(_Plain()))


def traced() -> nn.Module:
    return cast("nn.Module", torch.jit.trace(_Plain(), torch.ones(1, 4, 8, 8)))


class _Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(x)
        return output


def half() -> nn.Module:
    return _Pointwise().to(torch.bfloat16)


def double() -> nn.Module:
    return _Pointwise().double()


def quantized() -> nn.Module:
    from torch.ao import quantization

    layers = nn.Sequential(_Pointwise(), nn.Flatten(), nn.Linear(256, 2))
    return cast("nn.Module", quantization.quantize_dynamic(layers, dtype=torch.qint8))


class OnlyUnobserved(_Pointwise):
    """Raises under every observer, and runs without one."""

    def forward(self, x: Tensor) -> Any:
        if dispatch._get_current_dispatch_mode() is not None or x.is_meta:
            raise RuntimeError("observed")
        return super().forward(x)


class CrashesWithoutData(_Pointwise):
    """As a kernel in C that reads the address of its input."""

    def forward(self, x: Tensor) -> Any:
        if type(x) is not Tensor or x.is_meta:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().forward(x)
