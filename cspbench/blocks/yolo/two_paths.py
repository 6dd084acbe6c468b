"""YOLO modules with two paths, each with its own 1x1 convolution: C3 and its variants."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from ..channels import path_channels, require_positive, scaled
from ..layers import Conv, activation_layer, plain_conv
from .bottlenecks import (
    Bottleneck,
    CrossConv,
    CSPNeXtBlock,
    DepthwiseBottleneck,
    GhostBottleneck,
    RepBottleneck,
    RepResidual,
    SeparableBottleneck,
    series,
)
from .frames import Taps, Twins, TwoPaths
from .parts import ChannelAttention, PyramidPooling, RepConv


class BottleneckCSP(TwoPaths):
    """The bottleneck CSP module of YOLOv5 and scaled YOLOv4 (arXiv 2011.08036).

    Each path ends in a plain convolution of its own, its partial transition; concat, BN-act and a
    fusing 1x1 convolution follow, as in Figure 3(b) of CSPNet (arXiv 1911.11929). Two modules go
    by this name: the bottlenecks are 1x1 then 3x3 (``k=1``), in later releases 3x3 twice
    (``k=3``).
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        k: int = 1,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(
            Bottleneck, hidden, k=k, shortcut=shortcut, groups=groups, activation=activation
        )
        super().__init__(
            c1,
            c2,
            hidden,
            series(n, block).append(plain_conv(hidden, hidden)),
            bypass=plain_conv(c1, hidden),
            between=nn.Sequential(nn.BatchNorm2d(2 * hidden), activation_layer(activation)),
            activation=activation,
        )


class BottleneckCSP2(TwoPaths):
    """The bottleneck CSP module of scaled YOLOv4's neck (arXiv 2011.08036): both paths of one 1x1.

    Nothing is split: blocks and a plain convolution stand side by side on all channels of the
    entering 1x1, which are ``e * c2``; concat, BN-act and a fusing 1x1 convolution follow.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        k: int = 1,
        shortcut: bool = False,
        groups: int = 1,
        e: float = 1.0,
        activation: str = "mish",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(
            Bottleneck, hidden, k=k, shortcut=shortcut, groups=groups, activation=activation
        )
        super().__init__(
            c1,
            c2,
            hidden,
            series(n, block),
            bypass=plain_conv(hidden, hidden),
            between=nn.Sequential(nn.BatchNorm2d(2 * hidden), activation_layer(activation)),
            activation=activation,
        )

    def paths(self, x: Tensor) -> list[Tensor]:
        base = self.enter(x)
        return [self.blocks(base), self.bypass(base)]


class C3(TwoPaths):
    """Bottlenecks on one path: C3 of YOLOv5, CSPLayer of YOLOX (arXiv 2107.08430)."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        k: int = 1,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(
            Bottleneck, hidden, k=k, shortcut=shortcut, groups=groups, activation=activation
        )
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class C3k(C3):
    """`C3` with bottlenecks of ``k`` x ``k`` and 3x3: YOLO11."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        k: int = 3,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        super().__init__(
            c1=c1, c2=c2, n=n, k=k, shortcut=shortcut, groups=groups, e=e, activation=activation
        )


class _C3Of(TwoPaths):
    """`C3` with blocks of another kind, ``block``, which have no groups."""

    block: ClassVar[Callable[..., nn.Module]]

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(type(self).block, hidden, shortcut=shortcut, activation=activation)
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class _GroupedC3Of(TwoPaths):
    """`C3` with blocks of another kind, ``block``, whose last convolution has ``groups``."""

    block: ClassVar[Callable[..., nn.Module]]

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(
            type(self).block, hidden, shortcut=shortcut, groups=groups, activation=activation
        )
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class CSPLayerDepthwise(_C3Of):
    """`C3` with depthwise bottlenecks: the CSPLayer of YOLOX-Nano (arXiv 2107.08430)."""

    block = DepthwiseBottleneck


class C3Ghost(_C3Of):
    """`C3` with ghost bottlenecks: YOLOv5, after GhostNet (arXiv 1911.11907)."""

    block = GhostBottleneck


class DSC3k(_C3Of):
    """`C3` with separable bottlenecks: YOLOv13 (arXiv 2506.17733)."""

    block = SeparableBottleneck


class C3x(_GroupedC3Of):
    """`C3` with 1x3 and 3x1 convolutions: YOLOv5."""

    block = CrossConv


class RepNCSP(_GroupedC3Of):
    """`C3` with RepConv bottlenecks: YOLOv9 (arXiv 2402.13616)."""

    block = RepBottleneck


class C3f(Taps):
    """3x3 bottlenecks beside a bypass, each tapped, as `C2f` with two 1x1: ultralytics."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(
            Bottleneck, hidden, k=3, shortcut=shortcut, groups=groups, activation=activation
        )
        super().__init__(
            Twins(c1, hidden, activation=activation),
            series(n, block),
            (2 + n) * hidden,
            c2,
            activation=activation,
        )


class SPPCSPC(TwoPaths):
    """`C3` with spatial pyramid pooling on its path: YOLOv7 (arXiv 2207.02696).

    3x3, 1x1, pyramid, 1x1, 3x3, all of ``2 * e * c2`` channels.
    """

    def __init__(
        self, *, c1: int = 128, c2: int = 128, e: float = 0.5, activation: str = "silu"
    ) -> None:
        require_positive(c1=c1, c2=c2, e=e)
        hidden = scaled(2 * c2, e)
        blocks = nn.Sequential(
            Conv(hidden, hidden, 3, activation=activation),
            Conv(hidden, hidden, activation=activation),
            PyramidPooling(),
            Conv(4 * hidden, hidden, activation=activation),
            Conv(hidden, hidden, 3, activation=activation),
        )
        super().__init__(c1, c2, hidden, blocks, activation=activation)


class CSPNeXt(TwoPaths):
    """`C3` with 3x3 and separable 5x5 convolutions: RTMDet (arXiv 2212.07784).

    Its backbone has channel attention after the concat (``attention``), its neck has not.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        e: float = 0.5,
        attention: bool = False,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(CSPNeXtBlock, hidden, shortcut=shortcut, activation=activation)
        super().__init__(
            c1,
            c2,
            hidden,
            series(n, block),
            between=ChannelAttention(2 * hidden) if attention else None,
            activation=activation,
        )


class CSPResStage(TwoPaths):
    """The stage of PP-YOLOE (arXiv 2203.16250) at stride 1: RepVGG blocks, channel attention.

    Each path has half of ``(c1 + c2) / 2`` channels, rounded down.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        attention: bool = True,
        activation: str = "relu",
    ) -> None:
        require_positive(c1=c1, c2=c2)
        hidden = scaled(c1 + c2, 0.25)
        block = partial(RepResidual, hidden, shortcut=shortcut, activation=activation)
        super().__init__(
            c1,
            c2,
            hidden,
            series(n, block),
            between=ChannelAttention(2 * hidden) if attention else None,
            activation=activation,
        )


class RepC3(nn.Module):
    """RepConvs on one path, the other added: CSPRepLayer of RT-DETR (arXiv 2304.08069).

    Not a concat, so nothing to fuse: a last 1x1 convolution stands only where ``e`` is not 1.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        e: float = 1.0,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        hidden = path_channels(c1, c2, e)
        self.enter = Conv(c1, hidden, activation=activation)
        self.blocks = series(n, partial(RepConv, hidden, hidden, activation=activation))
        self.bypass = Conv(c1, hidden, activation=activation)
        self.leave = nn.Identity() if hidden == c2 else Conv(hidden, c2, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.leave(self.blocks(self.enter(x)) + self.bypass(x))
        return out
