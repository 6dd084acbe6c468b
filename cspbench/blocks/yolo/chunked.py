"""YOLO modules that cut one 1x1 convolution into halves: C2, and C2f, which taps every block."""

from collections.abc import Callable
from functools import partial

from torch import nn

from ..channels import path_channels
from .attention import AttentionBlock
from .bottlenecks import CIB, Bottleneck, SeparableBottleneck, series
from .frames import HalfPath, TappedHalves
from .two_paths import C3k, DSC3k


class C2(HalfPath):
    """One half through 3x3 bottlenecks, concat, fuse: YOLOv8."""

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
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class C2f(TappedHalves):
    """3x3 bottlenecks on one half, each tapped: YOLOv8."""

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
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class C3k2(TappedHalves):
    """`C2f` with bottlenecks of half the width, or with ``c3k`` a `C3k` of two each: YOLO11.

    With ``attention``, as in YOLO26, each block is such a bottleneck and an attention block after
    it; raises ValueError for both together.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        c3k: bool = False,
        attention: bool = False,
        activation: str = "silu",
    ) -> None:
        if c3k and attention:
            raise ValueError("c3k and attention exclude each other, got both")
        hidden = path_channels(c1, c2, e)
        part = partial(
            Bottleneck, hidden, k=3, shortcut=shortcut, groups=groups, e=0.5, activation=activation
        )
        block: Callable[[], nn.Module] = part
        if c3k:
            block = partial(
                C3k,
                c1=hidden,
                c2=hidden,
                n=2,
                shortcut=shortcut,
                groups=groups,
                activation=activation,
            )
        elif attention:

            def block() -> nn.Module:
                return nn.Sequential(part(), AttentionBlock(hidden, activation=activation))

        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class C2fCIB(TappedHalves):
    """`C2f` with compact inverted blocks, ``lk`` with large kernels: YOLOv10 (arXiv 2405.14458)."""

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 3,
        shortcut: bool = True,
        e: float = 0.5,
        lk: bool = False,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = partial(CIB, hidden, shortcut=shortcut, lk=lk, activation=activation)
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)


class DSC3k2(TappedHalves):
    """`C2f` with separable bottlenecks, or with ``dsc3k`` a `DSC3k` of two each.

    The paths of a `DSC3k` are as wide as a half. After YOLOv13 (arXiv 2506.17733).
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 1,
        shortcut: bool = True,
        e: float = 0.5,
        dsc3k: bool = False,
        activation: str = "silu",
    ) -> None:
        hidden = path_channels(c1, c2, e)
        block = (
            partial(
                DSC3k, c1=hidden, c2=hidden, n=2, shortcut=shortcut, e=1.0, activation=activation
            )
            if dsc3k
            else partial(SeparableBottleneck, hidden, shortcut=shortcut, activation=activation)
        )
        super().__init__(c1, c2, hidden, series(n, block), activation=activation)
