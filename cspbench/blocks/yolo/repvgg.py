"""YOLO modules of RepVGG blocks (arXiv 2101.03697), in training form: YOLOv6 and DAMO-YOLO."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..channels import path_channels, require_positive
from ..layers import Conv
from .bottlenecks import RepBottleneck, ScaledRepResidual, series
from .frames import Taps, Twins, TwoPaths


class BepC3(TwoPaths):
    """`C3` with pairs of RepVGG blocks, ``n`` blocks in all: YOLOv6 (arXiv 2209.02976).

    Each pair adds its input times a learned number. An odd ``n`` is rounded down, but there is one
    pair at least.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 2,
        e: float = 0.5,
        activation: str = "relu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        require_positive(n=n)
        block = partial(ScaledRepResidual, hidden, activation=activation)
        super().__init__(c1, c2, hidden, series(max(1, n // 2), block), activation=activation)


class MBLA(nn.Module):
    """Branches of one 1x1, each after RepVGG residuals of its own number, all tapped: YOLOv6 3.0.

    The first branch bypasses. The last has ``n // 2`` residuals of three RepVGG blocks, but at
    least one; where it has several, a branch between has the largest power of two below. After
    arXiv 2301.05586.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 2,
        e: float = 0.5,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        hidden = path_channels(c1, c2, e)
        require_positive(n=n)
        depths = _branch_depths(max(1, n // 2))
        self.branches = 1 + len(depths)
        self.enter = Conv(c1, self.branches * hidden, activation=activation)
        self.blocks = nn.ModuleList(
            series(depth, partial(ScaledRepResidual, hidden, depth=3, activation=activation))
            for depth in depths
        )
        self.fuse = Conv((self.branches + sum(depths)) * hidden, c2, activation=activation)

    def taps(self, x: Tensor) -> list[Tensor]:
        """The inputs of the fusing convolution: every branch, and every residual of it."""
        bypass, *branches = self.enter(x).chunk(self.branches, dim=1)
        features = [bypass]
        for branch, blocks in zip(branches, self.blocks, strict=True):
            features.append(branch)
            assert isinstance(blocks, nn.Sequential)
            for block in blocks:
                features.append(block(features[-1]))
        return features

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(torch.cat(self.taps(x), dim=1))
        return out


def _branch_depths(last: int) -> Sequence[int]:
    """The residuals of each branch but the bypass: ``last``, and a power of two below it, if any.

    >>> _branch_depths(1), _branch_depths(2), _branch_depths(6)
    ((1,), (1, 2), (4, 6))
    """
    return (last,) if last == 1 else (1 << ((last - 1).bit_length() - 1), last)


class DAMOCSPStage(Taps):
    """A bypass, and residuals of RepConv then 3x3, each tapped: DAMO-YOLO (arXiv 2211.15444).

    The 1x1 before the residuals is not tapped itself.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 1,
        shortcut: bool = True,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(RepBottleneck, hidden, shortcut=shortcut, activation=activation)
        super().__init__(
            Twins(c1, hidden, activation=activation),
            series(n, block),
            (1 + n) * hidden,
            c2,
            activation=activation,
        )

    def taps(self, x: Tensor) -> list[Tensor]:
        bypass, _, *outputs = super().taps(x)
        return [bypass, *outputs]
