"""CSPNeXt, the backbone of RTMDet (arXiv 2212.07784), as a classifier.

The numbers are those of its authors' code, which trains it on ImageNet in this form.
"""

from collections.abc import Iterator
from functools import partial

from torch import nn

from .channels import require_positive, scaled
from .classifier import LinearHead, Network
from .layers import Conv
from .yolo.parts import PyramidPooling
from .yolo.two_paths import CSPNeXt

_STEM = (32, 32, 64)
_OUTPUTS = (128, 256, 512, 1024)
_DEPTHS = (3, 6, 6, 3)


class CSPNeXtNet(Network):
    """Four stages of a 3x3 of stride 2 and `CSPNeXt` with channel attention.

    ``width`` scales the channels, rounded down, but at least one; ``depth`` scales the blocks of
    each stage, rounded to the nearest number, but at least one. Three 3x3, the first of stride 2,
    are the stem. The blocks of the last stage have no shortcut, and a pyramid of pools stands
    before them. Raises ValueError for a ``width`` or ``depth`` that is not above 0.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        depth: float = 1.0,
        classes: int = 1000,
        activation: str = "silu",
    ) -> None:
        require_positive(width=width, depth=depth)
        first, second, third = (scaled(channels, width) for channels in _STEM)
        outputs = [scaled(channels, width) for channels in _OUTPUTS]
        conv = partial(Conv, activation=activation)
        stem = nn.Sequential(
            conv(3, first, 3, stride=2), conv(first, second, 3), conv(second, third, 3)
        )
        depths = [max(1, round(blocks * depth)) for blocks in _DEPTHS]
        super().__init__(
            stem, _stages(third, outputs, depths, activation), LinearHead(outputs[-1], classes)
        )


def _stages(
    inputs: int, widths: list[int], depths: list[int], activation: str
) -> Iterator[nn.Sequential]:
    for number, (outputs, depth) in enumerate(zip(widths, depths, strict=True), 1):
        is_last = number == len(widths)
        stage = nn.Sequential(Conv(inputs, outputs, 3, stride=2, activation=activation))
        if is_last:
            stage.append(_pyramid(outputs, activation))
        stage.append(
            CSPNeXt(
                c1=outputs,
                c2=outputs,
                n=depth,
                shortcut=not is_last,
                attention=True,
                activation=activation,
            )
        )
        yield stage
        inputs = outputs


def _pyramid(channels: int, activation: str) -> nn.Sequential:
    """Spatial pyramid pooling of half of ``channels``, between a 1x1 to them and one back."""
    half = scaled(channels, 0.5)
    return nn.Sequential(
        Conv(channels, half, activation=activation),
        PyramidPooling(),
        Conv(4 * half, channels, activation=activation),
    )
