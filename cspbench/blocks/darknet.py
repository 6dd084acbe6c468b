"""Darknet-53 (YOLOv3, arXiv 1804.02767) and its shorter forms."""

from collections.abc import Iterator, Mapping

from torch import nn

from .channels import scaled
from .classifier import LinearHead, Network
from .layers import Conv
from .residual import dark_block

DEPTHS: Mapping[int, tuple[int, ...]] = {
    17: (1, 1, 1, 1, 1),
    21: (1, 1, 1, 2, 2),
    53: (1, 2, 8, 8, 4),
}
STEM = 32
OUTPUTS = (64, 128, 256, 512, 1024)


class Darknet(Network):
    """Darknet of ``depth`` 17, 21 or 53; raises ValueError for another.

    Each of five stages is a 3x3 of stride 2, then residual blocks of a 1x1 to half the channels
    and a 3x3 back.
    """

    def __init__(
        self, *, depth: int = 53, classes: int = 1000, activation: str = "leaky_relu"
    ) -> None:
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
        super().__init__(
            Conv(3, STEM, 3, activation=activation),
            _stages(DEPTHS[depth], activation),
            LinearHead(OUTPUTS[-1], classes),
        )


def _stages(depths: tuple[int, ...], activation: str) -> Iterator[nn.Sequential]:
    inputs = STEM
    for depth, outputs in zip(depths, OUTPUTS, strict=True):
        inner = scaled(outputs, 0.5)
        yield nn.Sequential(
            Conv(inputs, outputs, 3, stride=2, activation=activation),
            *(dark_block(outputs, inner=inner, activation=activation) for _ in range(depth)),
        )
        inputs = outputs
