"""VoVNetV2 (arXiv 1911.06667): one-shot aggregation (VoVNet, arXiv 1904.09730) with attention.

The numbers are those of timm's models.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from torch import nn

from .classifier import LinearHead, Network
from .layers import Conv
from .residual import Residual
from .yolo.frames import Taps
from .yolo.parts import ChannelAttention, plain_separable_conv

DEPTHS: Mapping[int, tuple[tuple[int, ...], int]] = {
    19: ((1, 1, 1, 1), 3),
    39: ((1, 1, 2, 2), 5),
}
"""Blocks of each stage, and 3x3 convolutions of each block."""

_INNER = (128, 160, 192, 224)
_OUTPUTS = (256, 512, 768, 1024)


class VoVNet(Network):
    """VoVNetV2 of ``depth`` 19 or 39; raises ValueError for another.

    Each block of four stages is 3x3 convolutions in series, then one 1x1 over the block's input and
    the outputs of all of them (one-shot aggregation). The last block of a stage ends in effective
    squeeze and excitation; a block that is not the first of its stage adds its input. Three 3x3,
    the first and last of stride 2, are the stem, and a 3x3 maximum pool of stride 2 stands before
    each later stage. With ``separable`` each 3x3 but the very first is a depthwise one and a
    1x1 with one normalisation after both, a 1x1 makes the input of a block's first, and the stem
    ends in 64 channels instead of 128.
    """

    def __init__(
        self,
        *,
        depth: int = 39,
        separable: bool = False,
        classes: int = 1000,
        activation: str = "relu",
    ) -> None:
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
        blocks, layers = DEPTHS[depth]
        conv = partial(_conv3x3, separable=separable, activation=activation)
        channels = 64 if separable else 128
        stem = nn.Sequential(
            Conv(3, 64, 3, stride=2, activation=activation),
            conv(64, 64),
            conv(64, channels, stride=2),
        )
        super().__init__(
            stem,
            _stages(channels, blocks, layers=layers, separable=separable, activation=activation),
            LinearHead(_OUTPUTS[-1], classes),
        )


class OneShotAggregation(Taps):
    """``layers`` 3x3 of ``inner`` outputs in series, a 1x1 over the input and all their outputs.

    (N, inputs, H, W) to (N, outputs, H, W). With ``separable`` the first reads not the input, but
    a 1x1 of it with ``inner`` outputs, as a depthwise convolution keeps its channels.
    """

    def __init__(
        self,
        inputs: int,
        inner: int,
        outputs: int,
        *,
        layers: int,
        separable: bool,
        activation: str,
    ) -> None:
        conv = partial(_conv3x3, separable=separable, activation=activation)
        first = (
            nn.Sequential(Conv(inputs, inner, activation=activation), conv(inner, inner))
            if separable
            else conv(inputs, inner)
        )
        super().__init__(
            None,
            [first, *(conv(inner, inner) for _ in range(layers - 1))],
            inputs + layers * inner,
            outputs,
            activation=activation,
        )


def _stages(
    inputs: int, depths: tuple[int, ...], *, layers: int, separable: bool, activation: str
) -> Iterator[nn.Sequential]:
    for number, (depth, inner, outputs) in enumerate(zip(depths, _INNER, _OUTPUTS, strict=True)):
        stage = nn.Sequential()
        if number:
            stage.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        for place in range(1, depth + 1):
            block: nn.Module = OneShotAggregation(
                inputs, inner, outputs, layers=layers, separable=separable, activation=activation
            )
            if place == depth:
                block = nn.Sequential(block, ChannelAttention(outputs))
            stage.append(Residual(block) if place > 1 else block)
            inputs = outputs
        yield stage


def _conv3x3(
    inputs: int, outputs: int, *, stride: int = 1, separable: bool, activation: str
) -> nn.Module:
    """A 3x3 with norm and activation; ``separable``, a depthwise one and a 1x1 with one of each.

    (N, inputs, H, W) to (N, outputs, H / stride, W / stride).
    """
    if not separable:
        return Conv(inputs, outputs, 3, stride=stride, activation=activation)
    return plain_separable_conv(inputs, outputs, 3, stride=stride, activation=activation)
