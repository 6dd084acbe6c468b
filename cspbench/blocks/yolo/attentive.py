"""YOLO modules with attention among positions in the frames of C2, C2f and C3."""

from functools import partial

import torch
from torch import Tensor, nn

from ..channels import path_channels, require_positive
from ..layers import Conv
from .attention import (
    AreaAttentionBlocks,
    AttentionBlock,
    HypergraphAttention,
    TransformerBlock,
)
from .bottlenecks import series
from .frames import HalfPath, Single, TappedHalves, Taps, TwoPaths
from .two_paths import C3k


class C2PSA(HalfPath):
    """`C2` with attention blocks, on the second half: YOLO11; with ``n=1`` PSA of YOLOv10.

    PSA is the partial self-attention of arXiv 2405.14458.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(AttentionBlock, hidden, activation=activation)
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)

    def joined(self, x: Tensor) -> Tensor:
        bypass, part = self.enter(x)
        return torch.cat([bypass, self.blocks(part)], dim=1)


class C2fPSA(TappedHalves):
    """`C2f` with the attention blocks of `C2PSA`: ultralytics."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 1,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(AttentionBlock, hidden, activation=activation)
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class A2C2f(Taps):
    """Pairs of area attention after one 1x1, each tapped, no bypass: YOLOv12 (arXiv 2502.12524).

    Without ``attention`` each pair is a `C3k` of two bottlenecks. Raises ValueError on a call where
    H * W is no multiple of ``area``.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 2,
        e: float = 0.5,
        attention: bool = True,
        area: int = 4,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        require_positive(area=area)
        block = (
            partial(AreaAttentionBlocks, hidden, area=area, activation=activation)
            if attention
            else partial(C3k, c1=hidden, c2=hidden, n=2, activation=activation)
        )
        super().__init__(
            Single(Conv(c1, hidden, activation=activation)),
            series(n, block),
            (1 + n) * hidden,
            c2,
            activation=activation,
        )


class C3Tr(TwoPaths):
    """`C3` with ``n`` transformer layers: YOLOv5."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        e: float = 0.5,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        blocks = nn.Sequential(TransformerBlock(hidden, n))
        super().__init__(c1, c2, hidden, blocks, activation=activation)


class C3AH(TwoPaths):
    """`C3` with adaptive hypergraph attention: YOLOv13 (arXiv 2506.17733)."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        e: float = 1.0,
        edges: int = 8,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        blocks = nn.Sequential(HypergraphAttention(hidden, edges))
        super().__init__(c1, c2, hidden, blocks, activation=activation)
