"""Residual networks in CSP designs (arXiv 1911.11929), in the regular forms of timm.

The numbers of each form are those of timm's models. One 1x1 convolution, whose output is cut into
halves, computes what two do in the official configuration files. As everywhere in this package,
the first channels bypass the blocks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from .channels import require_positive, scaled, split_channels
from .classifier import LinearHead, Network, wide_stem
from .darknet import DEPTHS, OUTPUTS, STEM
from .layers import Conv, chosen
from .residual import Residual, bottleneck, dark_block


class CrossStage(nn.Module):
    """3x3 of stride 2, 1x1, halves: one bypasses, one goes through blocks; concat, 1x1.

    (N, inputs, H, W) to (N, outputs, H / 2, W / 2). The 3x3 has ``down`` outputs and ``groups``;
    without ``down`` it is left out, and H and W are kept. The 1x1 before the halves has ``expand``
    times ``outputs``, and no activation where it is ``linear``. ``block`` makes each of ``depth``
    blocks from the channels of a half. Between blocks and concat stands another 1x1, Figure 3(b);
    with ``fusion_first`` nothing does, Figure 3(c).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        depth: int,
        block: Callable[[int], nn.Module],
        down: int | None,
        groups: int = 1,
        expand: float = 1.0,
        linear: bool = False,
        fusion_first: bool = False,
        activation: str,
    ) -> None:
        super().__init__()
        require_positive(depth=depth)
        conv = partial(Conv, activation=activation)
        expanded = scaled(outputs, expand)
        self.halves = split_channels(expanded, 0.5)
        half = self.halves[1]
        self.down = conv(inputs, down, 3, stride=2, groups=groups) if down else nn.Identity()
        self.enter = Conv(down or inputs, expanded, activation="none" if linear else activation)
        self.blocks = nn.Sequential(*(block(half) for _ in range(depth)))
        self.leave = nn.Identity() if fusion_first else conv(half, half)
        self.fuse = conv(expanded, outputs)

    def forward(self, x: Tensor) -> Tensor:
        bypass, part = self.enter(self.down(x)).split(self.halves, dim=1)
        out: Tensor = self.fuse(torch.cat([bypass, self.leave(self.blocks(part))], dim=1))
        return out


def deep_stem(*, activation: str) -> nn.Sequential:
    """Three 3x3, the first of stride 2, and a 3x3 pool: (N, 3, H, W) to (N, 64, H / 4, W / 4)."""
    return nn.Sequential(
        Conv(3, 32, 3, stride=2, activation=activation),
        Conv(32, 32, 3, activation=activation),
        Conv(32, 64, 3, activation=activation),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Form:
    """Outputs of each stage; ``bottle`` is the 3x3's channels over those of a half."""

    outputs: tuple[int, ...]
    expand: float
    bottle: float
    groups: int = 1
    stem: Callable[..., nn.Module] = wide_stem


_NARROW = (128, 256, 512, 1024)
_WIDE = (256, 512, 1024, 2048)
_FORMS: Mapping[str, _Form] = {
    "cspresnet50": _Form(outputs=_NARROW, expand=2, bottle=0.5),
    "cspresnet50d": _Form(outputs=_NARROW, expand=2, bottle=0.5, stem=deep_stem),
    "cspresnet50w": _Form(outputs=_WIDE, expand=1, bottle=0.25, stem=deep_stem),
    "cspresnext50": _Form(outputs=_WIDE, expand=1, bottle=1, groups=32),
}


class CSPResNet(Network):
    """CSPResNet-50 and CSPResNeXt-50; ``form`` is timm's name of one of four variants.

    The 1x1 before the halves is linear in all stages. Raises ValueError for another ``form``.
    """

    def __init__(
        self,
        *,
        form: str = "cspresnet50",
        classes: int = 1000,
        activation: str = "leaky_relu_0.01",
    ) -> None:
        numbers = chosen("form", form, _FORMS)
        super().__init__(
            numbers.stem(activation=activation),
            _resnet_stages(numbers, activation),
            LinearHead(numbers.outputs[-1], classes),
        )


def _resnet_stages(form: _Form, activation: str) -> Iterator[CrossStage]:
    def block(channels: int) -> Residual:
        return bottleneck(
            channels,
            channels,
            inner=scaled(channels, form.bottle),
            groups=form.groups,
            activation=activation,
        )

    inputs = 64
    for number, (depth, outputs) in enumerate(zip((3, 3, 5, 2), form.outputs, strict=True)):
        yield CrossStage(
            inputs,
            outputs,
            depth=depth,
            block=block,
            down=inputs if number else None,
            groups=form.groups,
            expand=form.expand,
            linear=True,
            activation=activation,
        )
        inputs = outputs


class CSPDarknet(Network):
    """CSPDarknet-53: Darknet-53's blocks on one half; the first stage keeps twice the channels.

    The slope of ``leaky_relu`` is darknet's 0.1, as in the authors' configuration file; timm's is
    ``leaky_relu_0.01``.
    """

    def __init__(self, *, classes: int = 1000, activation: str = "leaky_relu") -> None:
        super().__init__(
            Conv(3, STEM, 3, activation=activation),
            _darknet_stages(activation),
            LinearHead(OUTPUTS[-1], classes),
        )


def _darknet_stages(activation: str) -> Iterator[CrossStage]:
    inputs = STEM
    for number, (depth, outputs) in enumerate(zip(DEPTHS[53], OUTPUTS, strict=True)):
        expand, bottle = (1.0, 1.0) if number else (2.0, 0.5)
        yield CrossStage(
            inputs,
            outputs,
            depth=depth,
            block=partial(_dark_block, bottle=bottle, activation=activation),
            down=outputs,
            expand=expand,
            activation=activation,
        )
        inputs = outputs


class CS3Darknet(Network):
    """The CSPDarknet of later YOLO models, as timm's cs3darknet: fusion first in every stage.

    ``width`` and ``depth`` scale the channels and the blocks of each stage, rounded down, but at
    least one. With ``focus`` one 6x6 convolution of stride 2 is the stem, else two 3x3, the first
    of stride 2. With ``edge`` each block is a 3x3 to one and a half times the channels of its half
    and a 1x1 back, as in timm's cs3edgenet. Where ``squeeze`` is not 0, squeeze and excitation
    (arXiv 1709.01507) of that ratio stands between both convolutions of each block; its inner
    activation is ``activation``, too. Raises ValueError for a ``width`` or ``depth`` that is not
    above 0.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        depth: float = 1.0,
        focus: bool = False,
        edge: bool = False,
        squeeze: float = 0.0,
        classes: int = 1000,
        activation: str = "silu",
    ) -> None:
        stem_outputs = scaled(64, width)
        conv = partial(Conv, activation=activation)
        stem = (
            conv(3, stem_outputs, 6, stride=2)
            if focus
            else nn.Sequential(
                conv(3, scaled(32, width), 3, stride=2),
                conv(scaled(32, width), stem_outputs, 3),
            )
        )
        outputs = [scaled(channels, width) for channels in (128, 256, 512, 1024)]
        depths = [scaled(blocks, depth) for blocks in (3, 6, 9, 3)]
        block = partial(
            _dark_block,
            bottle=1.5 if edge else 1.0,
            edge=edge,
            squeeze=squeeze,
            activation=activation,
        )
        stages = [
            CrossStage(
                before,
                after,
                depth=blocks,
                block=block,
                down=before,
                fusion_first=True,
                activation=activation,
            )
            for before, after, blocks in zip(
                [stem_outputs, *outputs[:-1]], outputs, depths, strict=True
            )
        ]
        super().__init__(stem, stages, LinearHead(outputs[-1], classes))


def _dark_block(
    channels: int, *, bottle: float, edge: bool = False, squeeze: float = 0, activation: str
) -> Residual:
    return dark_block(
        channels,
        inner=scaled(channels, bottle),
        edge=edge,
        squeeze=squeeze,
        activation=activation,
    )
