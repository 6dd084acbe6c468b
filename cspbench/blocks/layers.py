"""Layers that the blocks share: activations and pools by name, convolutions with their norm.

Activations work in place. They always follow a batch normalisation or a convolution, whose backward
reads its own input and not its output, or a sum, whose backward reads neither, so that this saves
memory and leaves every gradient right.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

from torch import Tensor, nn

from .channels import scaled, squeezed

Chosen = TypeVar("Chosen")

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.1, inplace=True),  # darknet's slope
    "leaky_relu_0.01": lambda: nn.LeakyReLU(0.01, inplace=True),  # torch's own
    "silu": lambda: nn.SiLU(inplace=True),
    "hardswish": lambda: nn.Hardswish(inplace=True),
    "mish": lambda: nn.Mish(inplace=True),
    "gelu": nn.GELU,
}

POOLS: Mapping[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "avg": lambda: nn.AvgPool2d(2),
    "max": lambda: nn.MaxPool2d(2),
}


def activation_layer(name: str) -> nn.Module:
    """The activation of that name, in place if possible; raises ValueError for an unknown name."""
    return chosen("activation", name, ACTIVATIONS)()


def pool_layer(name: str) -> nn.Module:
    """The pool of that name (2x2, stride 2) or the identity; raises ValueError for other names.

    (N, C, H, W) to (N, C, H // 2, W // 2), the shape unchanged for ``none``.
    """
    return chosen("pool", name, POOLS)()


def chosen(kind: str, name: str, table: Mapping[str, Chosen]) -> Chosen:
    """The value of ``name`` in ``table``; raises ValueError, listing all names, if unknown."""
    if name not in table:
        raise ValueError(f"{kind} must be one of {', '.join(table)}, got {name!r}")
    return table[name]


class Conv(nn.Module):
    """Convolution without bias, batch normalisation, activation: the unit of the YOLO modules.

    (N, inputs, H, W) to (N, outputs, H / stride, W / stride), padded as `plain_conv` says.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        self.conv = plain_conv(inputs, outputs, kernel, stride=stride, groups=groups)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.norm(self.conv(x)))
        return out


class PreConv(nn.Module):
    """Batch normalisation, activation, convolution without bias: DenseNet's order.

    (N, inputs, H, W) to (N, outputs, H, W), for an odd ``kernel``.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, *, activation: str = "relu"
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.act = activation_layer(activation)
        self.conv = plain_conv(inputs, outputs, kernel)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.act(self.norm(x)))
        return out


class Transition(nn.Module):
    """Batch normalisation, activation, 1x1 convolution, pool (DenseNet, arXiv 1608.06993).

    (N, C, H, W) to (N, max(1, int(ratio * C)), H, W), H and W halved unless ``pool`` is ``none``.
    """

    conv_type: ClassVar[type[PreConv] | type[Conv]] = PreConv

    def __init__(
        self, channels: int, ratio: float, *, pool: str = "none", activation: str = "relu"
    ) -> None:
        super().__init__()
        self.out_channels = scaled(channels, ratio)
        self.conv = self.conv_type(channels, self.out_channels, activation=activation)
        self.pool = pool_layer(pool)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pool(self.conv(x))
        return out


class PostTransition(Transition):
    """1x1 convolution, batch normalisation, activation, pool: PeleeNet's order (arXiv 1804.06882).

    The shapes are those of `Transition`.
    """

    conv_type = Conv


class SqueezeExcitation(nn.Module):
    """Each channel times a gate in (0, 1), made from all channels' means over H and W.

    Squeeze and excitation (arXiv 1709.01507): a 1x1 convolution to ``ratio`` times ``channels``,
    rounded as `squeezed` does, which is timm's way; the activation, a 1x1 back, and a sigmoid. Both
    have a bias. (N, channels, H, W) to the same shape. Raises ValueError for ``channels`` and
    ``ratio`` that are not above 0.
    """

    def __init__(self, channels: int, ratio: float, *, activation: str) -> None:
        super().__init__()
        inner = squeezed(channels, ratio)
        self.squeeze = nn.Conv2d(channels, inner, 1)
        self.act = activation_layer(activation)
        self.excite = nn.Conv2d(inner, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(means))))
        return x * gate


def plain_conv(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int] = 1,
    *,
    stride: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """Convolution without bias, padded so that an odd ``kernel`` keeps H and W at stride 1.

    ``kernel`` is the size of a square, or height and width. At stride 2 an even H or W is halved,
    by an even kernel too.
    """
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nn.Conv2d(
        inputs,
        outputs,
        (height, width),
        stride=stride,
        padding=((height - 1) // 2, (width - 1) // 2),
        groups=groups,
        bias=False,
    )
