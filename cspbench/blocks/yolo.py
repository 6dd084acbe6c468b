"""CSP modules of the YOLO line: two 1x1 convolutions in place of a split, bottlenecks in one path.

All take (N, c1, H, W) and return (N, c2, H, W). Inside, both paths have max(1, int(e * c2))
channels. All raise ValueError for a count or ratio that is not above 0, an even ``k``, ``groups``
that do not divide the 3x3's channels, and an unknown ``activation``.
"""

import torch
from torch import Tensor, nn

from .channels import require_groups, require_positive, scaled
from .layers import Conv, activation_layer, plain_conv


class Bottleneck(nn.Module):
    """B(k, 3): a k x k and a 3x3 convolution, the input added where ``shortcut`` is true.

    (N, channels, H, W) to the same shape. ``groups`` are those of the 3x3.
    """

    def __init__(
        self,
        channels: int,
        *,
        k: int = 1,
        shortcut: bool = True,
        groups: int = 1,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        require_positive(k=k)
        if k % 2 == 0:
            raise ValueError(f"k must be odd, as an even kernel changes H and W, got {k}")
        require_groups(groups, channels)
        self.reduce = Conv(channels, channels, k, activation=activation)
        self.conv = Conv(channels, channels, 3, groups=groups, activation=activation)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv(self.reduce(x))
        return x + residual if self.shortcut else residual


def bottlenecks(
    channels: int, n: int, *, k: int, shortcut: bool, groups: int, activation: str
) -> nn.Sequential:
    """``n`` bottlenecks in series, all of ``channels`` channels."""
    require_positive(n=n)
    return nn.Sequential(
        *(
            Bottleneck(channels, k=k, shortcut=shortcut, groups=groups, activation=activation)
            for _ in range(n)
        )
    )


class BottleneckCSP(nn.Module):
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
        super().__init__()
        require_positive(c1=c1, c2=c2, e=e)
        hidden = scaled(c2, e)
        self.enter = Conv(c1, hidden, activation=activation)
        self.blocks = bottlenecks(
            hidden, n, k=k, shortcut=shortcut, groups=groups, activation=activation
        )
        self.leave = plain_conv(hidden, hidden)
        self.bypass = plain_conv(c1, hidden)
        self.norm = nn.BatchNorm2d(2 * hidden)
        self.act = activation_layer(activation)
        self.fuse = Conv(2 * hidden, c2, activation=activation)

    def paths(self, x: Tensor) -> Tensor:
        """Concat of both paths, each after its own plain convolution: (N, 2 * hidden, H, W)."""
        return torch.cat([self.leave(self.blocks(self.enter(x))), self.bypass(x)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(self.act(self.norm(self.paths(x))))
        return out


class C3(nn.Module):
    """C3 of YOLOv5, CSPLayer of YOLOX (arXiv 2107.08430): three convolutions around the blocks.

    The concat meets one fusing 1x1 convolution, with no transition before it: fusion first,
    Figure 3(c) of CSPNet (arXiv 1911.11929). With ``k=3`` it is C3k of YOLO11.
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
        super().__init__()
        require_positive(c1=c1, c2=c2, e=e)
        hidden = scaled(c2, e)
        self.enter = Conv(c1, hidden, activation=activation)
        self.blocks = bottlenecks(
            hidden, n, k=k, shortcut=shortcut, groups=groups, activation=activation
        )
        self.bypass = Conv(c1, hidden, activation=activation)
        self.fuse = Conv(2 * hidden, c2, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(torch.cat([self.blocks(self.enter(x)), self.bypass(x)], dim=1))
        return out
