"""Inner blocks of the YOLO modules: convolutions in series, the input added with ``shortcut``.

All take (N, channels, H, W) and return the same shape.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ..channels import require_groups, require_odd, require_positive, scaled
from ..layers import Conv
from .parts import GhostConv, RepConv, plain_separable_conv, separable_conv


class Residual(nn.Module):
    """The layers of ``body`` in series; the input added where ``shortcut`` is true."""

    def __init__(self, *body: nn.Module, shortcut: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.body(x)
        return x + residual if self.shortcut else residual


class Bottleneck(Residual):
    """B(k, 3): a k x k convolution to ``e * channels``, and a 3x3 with ``groups`` groups."""

    def __init__(
        self,
        channels: int,
        *,
        k: int = 1,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 1.0,
        activation: str = "silu",
    ) -> None:
        require_odd(k)
        hidden = scaled(channels, e)
        require_groups(groups, hidden)
        require_groups(groups, channels)
        super().__init__(
            Conv(channels, hidden, k, activation=activation),
            Conv(hidden, channels, 3, groups=groups, activation=activation),
            shortcut=shortcut,
        )


class DepthwiseBottleneck(Residual):
    """1x1, then 3x3 depthwise and pointwise: YOLOX (arXiv 2107.08430)."""

    def __init__(self, channels: int, *, shortcut: bool = True, activation: str = "silu") -> None:
        super().__init__(
            Conv(channels, channels, activation=activation),
            separable_conv(channels, channels, 3, activation=activation),
            shortcut=shortcut,
        )


class CrossConv(Residual):
    """1x3, then 3x1 with ``groups`` groups: YOLOv5."""

    def __init__(
        self,
        channels: int,
        *,
        shortcut: bool = True,
        groups: int = 1,
        activation: str = "silu",
    ) -> None:
        require_groups(groups, channels, kernel="3x1")
        super().__init__(
            Conv(channels, channels, (1, 3), activation=activation),
            Conv(channels, channels, (3, 1), groups=groups, activation=activation),
            shortcut=shortcut,
        )


class RepBottleneck(Residual):
    """RepConv, then 3x3 with ``groups`` groups: YOLOv9 (arXiv 2402.13616)."""

    def __init__(
        self,
        channels: int,
        *,
        shortcut: bool = True,
        groups: int = 1,
        activation: str = "silu",
    ) -> None:
        require_groups(groups, channels)
        super().__init__(
            RepConv(channels, channels, activation=activation),
            Conv(channels, channels, 3, groups=groups, activation=activation),
            shortcut=shortcut,
        )


class RepResidual(Residual):
    """3x3, then RepConv: RepResBlock of PP-YOLOE (arXiv 2203.16250)."""

    def __init__(self, channels: int, *, shortcut: bool = True, activation: str = "relu") -> None:
        super().__init__(
            Conv(channels, channels, 3, activation=activation),
            RepConv(channels, channels, activation=activation),
            shortcut=shortcut,
        )


class CSPNeXtBlock(Residual):
    """3x3, then 5x5 depthwise and pointwise: RTMDet (arXiv 2212.07784)."""

    def __init__(self, channels: int, *, shortcut: bool = True, activation: str = "silu") -> None:
        super().__init__(
            Conv(channels, channels, 3, activation=activation),
            separable_conv(channels, channels, 5, activation=activation),
            shortcut=shortcut,
        )


class CIB(Residual):
    """Compact inverted block of YOLOv10 (arXiv 2405.14458): depthwise 3x3 and 1x1 in turns.

    The 1x1 convolutions double the channels and take them back. With ``lk`` the depthwise in the
    middle is 7x7 beside 3x3.
    """

    def __init__(
        self,
        channels: int,
        *,
        shortcut: bool = True,
        lk: bool = False,
        activation: str = "silu",
    ) -> None:
        wide = 2 * channels
        super().__init__(
            Conv(channels, channels, 3, groups=channels, activation=activation),
            Conv(channels, wide, activation=activation),
            RepConv(wide, wide, (7, 3), groups=wide, activation=activation)
            if lk
            else Conv(wide, wide, 3, groups=wide, activation=activation),
            Conv(wide, channels, activation=activation),
            Conv(channels, channels, 3, groups=channels, activation=activation),
            shortcut=shortcut,
        )


class GhostBottleneck(Residual):
    """Two ghost convolutions, the first to half the channels: YOLOv5, after arXiv 1911.11907."""

    def __init__(self, channels: int, *, shortcut: bool = True, activation: str = "silu") -> None:
        hidden = scaled(channels, 0.5)
        super().__init__(
            GhostConv(channels, hidden, activation=activation),
            GhostConv(hidden, channels, activation="none"),
            shortcut=shortcut,
        )


class SeparableBottleneck(Residual):
    """Separable 3x3, then separable 7x7, one norm each: YOLOv13 (arXiv 2506.17733)."""

    def __init__(self, channels: int, *, shortcut: bool = True, activation: str = "silu") -> None:
        super().__init__(
            plain_separable_conv(channels, channels, 3, activation=activation),
            plain_separable_conv(channels, channels, 7, activation=activation),
            shortcut=shortcut,
        )


class ScaledRepResidual(nn.Module):
    """``depth`` RepVGG blocks in series, plus the input times a learned number: YOLOv6.

    (N, channels, H, W) to the same shape; after arXiv 2209.02976.
    """

    def __init__(self, channels: int, *, depth: int = 2, activation: str = "relu") -> None:
        super().__init__()
        block = partial(RepConv, channels, channels, identity=True, activation=activation)
        self.body = series(depth, block)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x) + self.scale * x
        return out


def series(n: int, block: Callable[[], nn.Module]) -> nn.Sequential:
    """``n`` blocks in series, each made by ``block``; raises ValueError unless ``n`` is above 0."""
    require_positive(n=n)
    return nn.Sequential(*(block() for _ in range(n)))
