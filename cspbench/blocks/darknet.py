"""Darknet-53 (YOLOv3, arXiv 1804.02767), its shorter forms, and timm's variants of them.

The slope of ``leaky_relu`` is darknet's 0.1; timm's models of darknet and CSPDarknet have torch's
own, 0.01, which is ``leaky_relu_0.01``.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from torch import nn

from .channels import scaled
from .classifier import LinearHead, Network
from .layers import Conv, pool_layer
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
    and a 3x3 back. With ``pooled``, a 2x2 average pool and a 1x1 take the place of the 3x3 of
    stride 2, as in timm's darknetaa53. Where ``squeeze`` is not 0, squeeze and excitation
    (arXiv 1709.01507) of that ratio stands between both convolutions of each block, as in timm's
    sedarknet21; its inner activation is ``activation``, too.
    """

    def __init__(
        self,
        *,
        depth: int = 53,
        pooled: bool = False,
        squeeze: float = 0.0,
        classes: int = 1000,
        activation: str = "leaky_relu",
    ) -> None:
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
        super().__init__(
            Conv(3, STEM, 3, activation=activation),
            _stages(DEPTHS[depth], pooled=pooled, squeeze=squeeze, activation=activation),
            LinearHead(OUTPUTS[-1], classes),
        )


def _stages(
    depths: tuple[int, ...], *, pooled: bool, squeeze: float, activation: str
) -> Iterator[nn.Sequential]:
    conv = partial(Conv, activation=activation)
    inputs = STEM
    for depth, outputs in zip(depths, OUTPUTS, strict=True):
        block = partial(
            dark_block,
            outputs,
            inner=scaled(outputs, 0.5),
            squeeze=squeeze,
            activation=activation,
        )
        down = (
            [pool_layer("avg"), conv(inputs, outputs)]
            if pooled
            else [conv(inputs, outputs, 3, stride=2)]
        )
        yield nn.Sequential(*down, *(block() for _ in range(depth)))
        inputs = outputs
