"""YOLO modules around spatial pyramid pooling in its fast form, pools in series."""

from torch import Tensor, nn

from ..channels import path_channels, require_positive, require_residual, scaled
from ..layers import Conv
from .frames import TwoPaths
from .parts import SerialPooling


class CSPSPPF(TwoPaths):
    """`C3` with pools in series on its path: YOLOv6 3.0 (arXiv 2301.05586).

    3x3, 1x1, pools, 1x1, 3x3, all of ``e * c2`` channels.
    """

    def __init__(
        self, *, c1: int = 128, c2: int = 128, e: float = 0.5, activation: str = "silu"
    ) -> None:
        hidden = path_channels(c1, c2, e)
        blocks = nn.Sequential(
            Conv(hidden, hidden, 3, activation=activation),
            Conv(hidden, hidden, activation=activation),
            SerialPooling(),
            Conv(4 * hidden, hidden, activation=activation),
            Conv(hidden, hidden, 3, activation=activation),
        )
        super().__init__(c1, c2, hidden, blocks, activation=activation)

    def paths(self, x: Tensor) -> list[Tensor]:
        return super().paths(x)[::-1]


class SPPELAN(nn.Module):
    """1x1 to ``c3`` channels, pools in series, each tapped, 1x1: YOLOv9 (arXiv 2402.13616)."""

    def __init__(
        self, *, c1: int = 128, c2: int = 128, c3: int = 64, activation: str = "silu"
    ) -> None:
        super().__init__()
        require_positive(c1=c1, c2=c2, c3=c3)
        self.enter = Conv(c1, c3, activation=activation)
        self.pools = SerialPooling()
        self.fuse = Conv(4 * c3, c2, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fuse(self.pools(self.enter(x)))
        return out


class SPPF(SPPELAN):
    """`SPPELAN` with half of the input's channels: YOLOv5, after arXiv 1406.4729.

    With ``residual``, as in YOLO26, the first 1x1 has no activation, and the input is added to the
    output; raises ValueError where ``c1`` and ``c2`` then differ.
    """

    def __init__(
        self, *, c1: int = 128, c2: int = 128, residual: bool = False, activation: str = "silu"
    ) -> None:
        require_positive(c1=c1, c2=c2)
        super().__init__(c1=c1, c2=c2, c3=scaled(c1, 0.5), activation=activation)
        if residual:
            require_residual(c1, c2)
            self.enter.act = nn.Identity()
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return x + out if self.residual else out
