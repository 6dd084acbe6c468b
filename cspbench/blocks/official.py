"""Networks of CSPNet (arXiv 1911.11929) in the form of the authors' configuration files.

Darknet, which reads those files, has no projecting shortcut: where channels differ it adds the
smaller number of them, and where sizes differ it takes every second row and column. A split is two
1x1 convolutions over the whole base; the second leads to the blocks.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from .channels import scaled
from .classifier import ConvHead, Network, wide_stem
from .layers import Conv
from .residual import Residual, bottleneck, resnet_stages

_WIDTHS = (128, 256, 512, 1024)  # of each path
_DEPTHS = (3, 3, 5, 2)
_LINEAR = (False, True, True, False)  # whether the two convolutions of a split are


class ZeroPadShortcut(nn.Module):
    """The input, subsampled, with channels of zeros after its own: nothing to learn.

    (N, inputs, H, W) to (N, outputs, ceil(H / stride), ceil(W / stride)). Added to a block's
    output, it adds the smaller number of channels. Raises ValueError for fewer outputs than inputs.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        if outputs < inputs:
            raise ValueError(
                f"outputs must be at least as many as the {inputs} inputs, got {outputs}"
            )
        self.padding = outputs - inputs
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        sampled = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(sampled, (0, 0, 0, 0, 0, self.padding)) if self.padding else sampled


def _stem(activation: str) -> nn.Sequential:
    return wide_stem(pool=nn.MaxPool2d(2), activation=activation)


class OfficialResNet10(Network):
    """ResNet-10: four residual blocks of two 3x3, the second without an activation of its own."""

    def __init__(self, *, classes: int = 1000, activation: str = "leaky_relu") -> None:
        super().__init__(_stem(activation), _basic_blocks(activation), ConvHead(512, classes))


def _basic_blocks(activation: str) -> Iterator[Residual]:
    inputs = 64
    for number, outputs in enumerate((64, 128, 256, 512)):
        stride = 2 if number else 1
        body = nn.Sequential(
            Conv(inputs, outputs, 3, stride=stride, activation=activation),
            Conv(outputs, outputs, 3, activation="none"),
        )
        shortcut = ZeroPadShortcut(inputs, outputs, stride)
        yield Residual(body, shortcut=shortcut, activation=activation)
        inputs = outputs


class OfficialResNeXt50(Network):
    """ResNeXt-50 32x4d without projections."""

    def __init__(self, *, classes: int = 1000, activation: str = "leaky_relu") -> None:
        super().__init__(
            _stem(activation),
            resnet_stages(
                64, width=128, groups=32, shortcut=ZeroPadShortcut, activation=activation
            ),
            ConvHead(2048, classes),
        )


class OfficialCrossStage(nn.Module):
    """Two 1x1 over the base: one bypasses, one goes through blocks and a 1x1; concat, 1x1.

    Figure 3(b); (N, inputs, H, W) to (N, outputs, H, W). Both paths have ``width`` channels, but
    the blocks' begins with ``entering`` ones. The 3x3 of each of ``depth`` bottlenecks has
    ``inner`` channels and ``groups``; the two 1x1 have no activation where they are ``linear``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int,
        entering: int,
        depth: int,
        inner: int,
        groups: int,
        linear: bool,
        activation: str,
    ) -> None:
        super().__init__()
        split = partial(Conv, inputs, activation="none" if linear else activation)
        block = partial(bottleneck, inner=inner, groups=groups, activation=activation)
        self.bypass = split(width)
        self.enter = split(entering)
        self.blocks = nn.Sequential(
            block(entering, width, shortcut=ZeroPadShortcut(entering, width, 1)),
            *(block(width, width) for _ in range(depth - 1)),
        )
        self.leave = Conv(width, width, activation=activation)
        self.fuse = Conv(2 * width, outputs, activation=activation)

    def forward(self, base: Tensor) -> Tensor:
        part = self.leave(self.blocks(self.enter(base)))
        out: Tensor = self.fuse(torch.cat([part, self.bypass(base)], dim=1))
        return out


class OfficialCSPResNet(Network):
    """CSPResNet-50; with ``inner=1``, ``fused=2`` and ``groups=32`` it is CSPResNeXt-50.

    ``inner`` are the channels of each 3x3, ``fused`` those of each stage's output, over those of a
    path. In the first stage the blocks' path begins with 64 of its 128 channels. A 3x3 of stride 2
    stands between stages, and has the same ``groups``. Raises ValueError for a ratio that is not
    above 0 and for ``groups`` that do not divide.
    """

    def __init__(
        self,
        *,
        inner: float = 0.5,
        fused: float = 1.0,
        groups: int = 1,
        classes: int = 1000,
        activation: str = "leaky_relu",
    ) -> None:
        stages: list[nn.Module] = []
        channels = 64
        for width, depth, linear in zip(_WIDTHS, _DEPTHS, _LINEAR, strict=True):
            if stages:
                down = Conv(channels, channels, 3, stride=2, groups=groups, activation=activation)
                stages.append(down)
            outputs = scaled(width, fused)
            stages.append(
                OfficialCrossStage(
                    channels,
                    outputs,
                    width=width,
                    entering=width if stages else 64,
                    depth=depth,
                    inner=scaled(width, inner),
                    groups=groups,
                    linear=linear,
                    activation=activation,
                )
            )
            channels = outputs
        super().__init__(_stem(activation), stages, ConvHead(channels, classes))
