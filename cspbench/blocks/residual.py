"""Residual blocks, and ResNet-50 (arXiv 1512.03385) and ResNeXt-50 (arXiv 1611.05431) of them.

The 3x3 has the stride, as in the form of ResNet often called v1.5.
"""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from .channels import require_groups, require_positive
from .classifier import LinearHead, Network, wide_stem
from .layers import Conv, SqueezeExcitation, activation_layer

_DEPTHS = (3, 4, 6, 3)
_OUTPUTS = (256, 512, 1024, 2048)

Shortcut = Callable[[int, int, int], nn.Module]


class Residual(nn.Module):
    """``body`` beside ``shortcut``, their sum, an activation.

    ``shortcut`` returns the same shape as ``body``; without a shortcut, the input is added.
    """

    def __init__(
        self, body: nn.Module, *, shortcut: nn.Module | None = None, activation: str = "none"
    ) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.act = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.shortcut(x) + self.body(x))
        return out


def bottleneck(
    inputs: int,
    outputs: int,
    *,
    inner: int,
    stride: int = 1,
    groups: int = 1,
    shortcut: nn.Module | None = None,
    activation: str,
) -> Residual:
    """Residual block of 1x1, 3x3 and linear 1x1, with the activation after the sum: ResNet's.

    (N, inputs, H, W) to (N, outputs, H / stride, W / stride). The 3x3 has ``inner`` inputs and
    outputs, ``stride`` and ``groups``; raises ValueError where these do not divide.
    """
    require_groups(groups, inner)
    body = nn.Sequential(
        Conv(inputs, inner, activation=activation),
        Conv(inner, inner, 3, stride=stride, groups=groups, activation=activation),
        Conv(inner, outputs, activation="none"),
    )
    return Residual(body, shortcut=shortcut, activation=activation)


def dark_block(
    channels: int, *, inner: int, edge: bool = False, squeeze: float = 0, activation: str
) -> Residual:
    """Residual block of 1x1 to ``inner`` and 3x3 to ``channels``, nothing after the sum: darknet's.

    (N, channels, H, W) to the same shape. With ``edge`` the 3x3 comes first, as in timm's edge
    blocks. Where ``squeeze`` is not 0, a `SqueezeExcitation` of that ratio stands between both.
    """
    first, second = (3, 1) if edge else (1, 3)
    body = nn.Sequential(Conv(channels, inner, first, activation=activation))
    if squeeze:
        body.append(SqueezeExcitation(inner, squeeze, activation=activation))
    body.append(Conv(inner, channels, second, activation=activation))
    return Residual(body)


def projection(inputs: int, outputs: int, stride: int) -> Conv:
    """Shortcut by a linear 1x1: (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
    return Conv(inputs, outputs, stride=stride, activation="none")


def resnet_stages(
    inputs: int, *, width: int, groups: int, shortcut: Shortcut, activation: str
) -> Iterator[nn.Sequential]:
    """The four stages of ResNet-50, the last with 2048 outputs.

    The 3x3 convolutions of the first stage have ``width`` channels, those of each next stage twice
    as many. ``shortcut`` makes that of each stage's first block from inputs, outputs and stride.
    """
    require_positive(width=width)
    for number, (depth, outputs) in enumerate(zip(_DEPTHS, _OUTPUTS, strict=True)):
        stride = 2 if number else 1
        inner = width * 2**number
        blocks = [
            bottleneck(
                inputs,
                outputs,
                inner=inner,
                stride=stride,
                groups=groups,
                shortcut=shortcut(inputs, outputs, stride),
                activation=activation,
            )
        ]
        blocks += (
            bottleneck(outputs, outputs, inner=inner, groups=groups, activation=activation)
            for _ in range(depth - 1)
        )
        yield nn.Sequential(*blocks)
        inputs = outputs


class ResNet(Network):
    """ResNet-50; with ``width=128`` and ``groups=32`` it is ResNeXt-50 32x4d.

    ``width`` is the number of channels of the first stage's 3x3 convolutions, ``groups`` that of
    all of them. Raises ValueError where these do not divide.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        groups: int = 1,
        classes: int = 1000,
        activation: str = "relu",
    ) -> None:
        super().__init__(
            wide_stem(activation=activation),
            resnet_stages(
                64, width=width, groups=groups, shortcut=projection, activation=activation
            ),
            LinearHead(_OUTPUTS[-1], classes),
        )
