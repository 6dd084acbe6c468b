"""The frame of all networks: stem, stages, head; networks return logits without a softmax.

All networks take (N, 3, H, W) and return (N, classes). All raise ValueError for ``classes`` that
are not above 0 and for an unknown ``activation``.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from .channels import require_positive
from .layers import Conv


class Network(nn.Module):
    """Stem, stages in series, head."""

    def __init__(self, stem: nn.Module, stages: Iterable[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stages(self.stem(image)))
        return logits


class LinearHead(nn.Module):
    """Global average pool, fully connected layer: (N, channels, H, W) to logits (N, classes)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        require_positive(classes=classes)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(x).flatten(1))
        return logits


class ConvHead(nn.Module):
    """Global average pool, 1x1 convolution with bias: darknet's form of `LinearHead`."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        require_positive(classes=classes)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.conv(self.pool(x)).flatten(1)
        return logits


def wide_stem(
    outputs: int = 64, *, pool: nn.Module | None = None, activation: str
) -> nn.Sequential:
    """7x7 convolution and a pool, each of stride 2: (N, 3, H, W) to (N, outputs, H / 4, W / 4).

    The pool is ResNet's overlapping 3x3 unless another is given.
    """
    return nn.Sequential(
        Conv(3, outputs, 7, stride=2, activation=activation),
        nn.MaxPool2d(3, stride=2, padding=1) if pool is None else pool,
    )
