"""Efficient layer aggregation (ELAN, arXiv 2211.04800) in YOLOv7 and YOLOv9: tapped 3x3s."""

from torch import Tensor, nn

from ..channels import halved, require_positive
from ..layers import Conv
from .frames import Halves, Taps, Twins
from .two_paths import RepNCSP


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


class RepNCSPELAN4(Taps):
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
        require_positive(c1=c1, c2=c2, c3=c3, c4=c4)
        half = halved("c3", c3)
        super().__init__(
            Halves(c1, half, activation=activation),
            (
                nn.Sequential(
                    RepNCSP(
                        c1=inputs,
                        c2=c4,
                        n=n,
                        shortcut=shortcut,
                        groups=groups,
                        e=e,
                        activation=activation,
                    ),
                    Conv(c4, c4, 3, activation=activation),
                )
                for inputs in (half, c4)
            ),
            c3 + 2 * c4,
            c2,
            activation=activation,
        )
