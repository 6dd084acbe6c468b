"""Frames of the YOLO modules: how paths divide and join, for any inner blocks."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..layers import Conv


class TwoPaths(nn.Module):
    """Two 1x1 convolutions of the input, ``blocks`` after the first, concat, fusing 1x1: C3.

    ``blocks`` takes (N, hidden, H, W) and returns the same shape. ``bypass`` stands in for the
    second 1x1 convolution, and ``between`` between concat and fusing 1x1, where they are given.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        hidden: int,
        blocks: nn.Sequential,
        *,
        bypass: nn.Module | None = None,
        between: nn.Module | None = None,
        activation: str,
    ) -> None:
        super().__init__()
        self.enter = Conv(c1, hidden, activation=activation)
        self.blocks = blocks
        self.bypass = Conv(c1, hidden, activation=activation) if bypass is None else bypass
        self.between = between
        self.fuse = Conv(2 * hidden, c2, activation=activation)

    def paths(self, x: Tensor) -> list[Tensor]:
        """The outputs of both paths: each (N, hidden, H, W)."""
        return [self.blocks(self.enter(x)), self.bypass(x)]

    def joined(self, x: Tensor) -> Tensor:
        """The input of the fusing convolution: (N, 2 * hidden, H, W)."""
        features = torch.cat(self.paths(x), dim=1)
        return features if self.between is None else self.between(features)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(self.joined(x))
        return out


class HalfPath(nn.Module):
    """Halves of one 1x1 convolution, ``blocks`` after the first, concat, fusing 1x1: C2.

    ``blocks`` takes (N, hidden, H, W) and returns the same shape.
    """

    def __init__(
        self, c1: int, c2: int, hidden: int, blocks: nn.Sequential, *, activation: str
    ) -> None:
        super().__init__()
        self.enter = Halves(c1, hidden, activation=activation)
        self.blocks = blocks
        self.fuse = Conv(2 * hidden, c2, activation=activation)

    def joined(self, x: Tensor) -> Tensor:
        """Concat of both halves, the first after the blocks: (N, 2 * hidden, H, W)."""
        part, bypass = self.enter(x)
        return torch.cat([self.blocks(part), bypass], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(self.joined(x))
        return out


class Taps(nn.Module):
    """Blocks in series, each tapped: [a, b, b_1, ..., b_n], then a fusing 1x1 over all of them.

    ``enter`` makes a and b of the input, or b alone; b_1 is the first block of b, b_2 the second of
    b_1, and so on. Without ``enter``, b is the input itself. ``tapped`` is the channels of the
    concat.
    """

    def __init__(
        self,
        enter: nn.Module | None,
        blocks: Iterable[nn.Module],
        tapped: int,
        c2: int,
        *,
        activation: str,
    ) -> None:
        super().__init__()
        self.enter = enter
        self.blocks = nn.ModuleList(blocks)
        self.fuse = Conv(tapped, c2, activation=activation)

    def taps(self, x: Tensor) -> list[Tensor]:
        """The inputs of the fusing convolution, of ``tapped`` channels in all."""
        features = [x] if self.enter is None else [*self.enter(x)]
        for block in self.blocks:
            features.append(block(features[-1]))
        return features

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(torch.cat(self.taps(x), dim=1))
        return out


class Single(nn.Module):
    """The output of ``module`` as the only path of a frame: (N, C, H, W)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.module(x),)


class Halves(nn.Module):
    """The halves of one 1x1 convolution's output: each (N, half, H, W)."""

    def __init__(self, c1: int, half: int, *, activation: str) -> None:
        super().__init__()
        self.conv = Conv(c1, 2 * half, activation=activation)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self.conv(x).chunk(2, dim=1)
        return first, second


class Twins(nn.Module):
    """Two 1x1 convolutions of one input: each (N, channels, H, W)."""

    def __init__(self, c1: int, channels: int, *, activation: str) -> None:
        super().__init__()
        self.first = Conv(c1, channels, activation=activation)
        self.second = Conv(c1, channels, activation=activation)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(x), self.second(x)


class TappedHalves(Taps):
    """Both halves and the output of every block, all of one width: the frame of C2f."""

    def __init__(
        self, c1: int, c2: int, hidden: int, blocks: nn.Sequential, *, activation: str
    ) -> None:
        super().__init__(
            Halves(c1, hidden, activation=activation),
            blocks,
            (2 + len(blocks)) * hidden,
            c2,
            activation=activation,
        )
