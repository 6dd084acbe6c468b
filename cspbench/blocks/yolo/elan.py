"""Efficient layer aggregation (ELAN, arXiv 2211.04800) in YOLOv7 and YOLOv9: tapped 3x3s."""

from collections.abc import Callable

from torch import Tensor, nn

from ..channels import halved, require_odd, require_positive, require_residual, scaled
from ..layers import Conv
from .frames import Halves, Taps, Twins
from .two_paths import RepC3, RepNCSP


class ELAN(Taps):
    """Two 1x1 convolutions, 3x3s after the second, every other one tapped (arXiv 2207.02696).

    All but the fusing 1x1 have ``mid`` channels. The concat runs from the last pair back to the
    first 1x1.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        mid: int = 64,
        pairs: int = 2,
        activation: str = "silu",
    ) -> None:
        require_positive(c1=c1, c2=c2, mid=mid, pairs=pairs)
        super().__init__(
            Twins(c1, mid, activation=activation),
            (
                nn.Sequential(
                    Conv(mid, mid, 3, activation=activation),
                    Conv(mid, mid, 3, activation=activation),
                )
                for _ in range(pairs)
            ),
            (2 + pairs) * mid,
            c2,
            activation=activation,
        )

    def taps(self, x: Tensor) -> list[Tensor]:
        return super().taps(x)[::-1]


class EELAN(nn.Module):
    """Two parallel ELANs of six 3x3s each, summed: YOLOv7-E6E (arXiv 2207.02696)."""

    def __init__(
        self, *, c1: int = 128, c2: int = 128, mid: int = 64, activation: str = "silu"
    ) -> None:
        super().__init__()
        self.first = ELAN(c1=c1, c2=c2, mid=mid, pairs=3, activation=activation)
        self.second = ELAN(c1=c1, c2=c2, mid=mid, pairs=3, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.first(x) + self.second(x)
        return out


class ELAN1(Taps):
    """Halves of a 1x1, two 3x3s in series, each tapped: YOLOv9 (arXiv 2402.13616).

    The 1x1 convolution has ``c3`` outputs, the 3x3s have ``c4``.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        c3: int = 128,
        c4: int = 64,
        activation: str = "silu",
    ) -> None:
        require_positive(c1=c1, c2=c2, c3=c3, c4=c4)
        half = halved("c3", c3)
        super().__init__(
            Halves(c1, half, activation=activation),
            (Conv(inputs, c4, 3, activation=activation) for inputs in (half, c4)),
            c3 + 2 * c4,
            c2,
            activation=activation,
        )


class _ELAN4(Taps):
    """`ELAN1` with a block of ``inner`` before each 3x3: GELAN of YOLOv9 (arXiv 2402.13616).

    ``inner`` makes a block of ``c4`` outputs from a number of inputs.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        c3: int,
        c4: int,
        inner: Callable[[int], nn.Module],
        *,
        activation: str,
    ) -> None:
        require_positive(c1=c1, c2=c2, c3=c3, c4=c4)
        half = halved("c3", c3)
        super().__init__(
            Halves(c1, half, activation=activation),
            (
                nn.Sequential(inner(inputs), Conv(c4, c4, 3, activation=activation))
                for inputs in (half, c4)
            ),
            c3 + 2 * c4,
            c2,
            activation=activation,
        )


class RepNCSPELAN4(_ELAN4):
    """`ELAN1` with a `RepNCSP` before each 3x3: GELAN of YOLOv9 (arXiv 2402.13616).

    Each `RepNCSP` has ``n`` bottlenecks and ``c4`` outputs; ``e`` is the channels of each of its
    paths over ``c4``.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 1,
        shortcut: bool = True,
        groups: int = 1,
        e: float = 0.5,
        c3: int = 128,
        c4: int = 64,
        activation: str = "silu",
    ) -> None:
        def inner(inputs: int) -> nn.Module:
            return RepNCSP(
                c1=inputs,
                c2=c4,
                n=n,
                shortcut=shortcut,
                groups=groups,
                e=e,
                activation=activation,
            )

        super().__init__(c1, c2, c3, c4, inner, activation=activation)


class DFineRepNCSPELAN4(_ELAN4):
    """`ELAN1` with a `RepC3` of ``n`` RepConvs before each 3x3: D-FINE (arXiv 2410.13842).

    The two paths of a `RepC3`, each of ``c4`` channels, are added.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        n: int = 1,
        c3: int = 128,
        c4: int = 64,
        activation: str = "silu",
    ) -> None:
        def inner(inputs: int) -> nn.Module:
            return RepC3(c1=inputs, c2=c4, n=n, activation=activation)

        super().__init__(c1, c2, c3, c4, inner, activation=activation)


class HGBlock(Taps):
    """3x3s in series, fused with the input and each other by two 1x1: PP-HGNet and RT-DETR.

    ``n`` convolutions of ``mid`` outputs, ``k`` wide; the first 1x1 has half of the outputs. With
    ``light``, each is a linear 1x1 and then a depthwise one. With ``residual`` the input is added
    to the output; raises ValueError where ``c1`` and ``c2`` then differ. After arXiv 2304.08069.
    """

    def __init__(
        self,
        *,
        c1: int = 128,
        c2: int = 128,
        mid: int = 64,
        n: int = 6,
        k: int = 3,
        light: bool = False,
        residual: bool = False,
        activation: str = "relu",
    ) -> None:
        require_positive(c1=c1, c2=c2, mid=mid, n=n)
        require_odd(k)
        if residual:
            require_residual(c1, c2)
        half = scaled(c2, 0.5)
        super().__init__(
            None,
            (
                _light_conv(inputs, mid, k, activation=activation)
                if light
                else Conv(inputs, mid, k, activation=activation)
                for inputs in (c1, *[mid] * (n - 1))
            ),
            c1 + n * mid,
            half,
            activation=activation,
        )
        self.excite = Conv(half, c2, activation=activation)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.excite(super().forward(x))
        return x + out if self.residual else out


def _light_conv(inputs: int, outputs: int, kernel: int, *, activation: str) -> nn.Sequential:
    return nn.Sequential(
        Conv(inputs, outputs, activation="none"),
        Conv(outputs, outputs, kernel, groups=outputs, activation=activation),
    )
