"""PeleeNet (arXiv 1804.06882), and CSPPeleeNet (arXiv 1911.11929): its stages in a CSP design.

Every convolution is followed by its normalisation and activation.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from .channels import two_way_channels
from .classifier import LinearHead, Network
from .csp import CSP, Design, FusionFirst, FusionLast, design_stage
from .dense import Dense, DenseBlock, DenseStage
from .layers import Conv, PostTransition

_LAYERS = (3, 4, 8, 6)
_BN_SIZES = (1, 2, 4, 4)
_STEM = 32


class TwoWayLayer(nn.Module):
    """The new features of one layer, in two ways: 1x1 and 3x3, beside 1x1 and two 3x3.

    Takes all earlier features as a list of (N, C_i, H, W), with C_i adding up to ``inputs``, and
    returns (N, growth, H, W), half of it made by each way. `two_way_channels` says how many
    outputs the 1x1 convolutions have, and raises ValueError.
    """

    def __init__(
        self, inputs: int, growth: int, *, bn_size: int = 4, activation: str = "relu"
    ) -> None:
        super().__init__()
        inner, half = two_way_channels(inputs, growth, bn_size)
        conv = partial(Conv, activation=activation)
        self.left = nn.Sequential(conv(inputs, inner), conv(inner, half, 3))
        self.right = nn.Sequential(conv(inputs, inner), conv(inner, half, 3), conv(half, half, 3))

    def forward(self, features: list[Tensor]) -> Tensor:
        x = torch.cat(features, dim=1)
        return torch.cat([self.left(x), self.right(x)], dim=1)


class TwoWayBlock(DenseBlock):
    """Dense block of two-way layers; its shapes are those of `DenseBlock`."""

    layer_type = TwoWayLayer


class _TwoWayStage(DenseStage):
    block_type = TwoWayBlock
    transition_type = PostTransition


class TwoWayDense(_TwoWayStage, Dense):
    """Two-way dense block, then transition."""


class TwoWayCSP(_TwoWayStage, CSP):
    """Figure 3(b) with two-way layers."""


class TwoWayFusionFirst(_TwoWayStage, FusionFirst):
    """Figure 3(c) with two-way layers."""


class TwoWayFusionLast(_TwoWayStage, FusionLast):
    """Figure 3(d) with two-way layers."""


_DESIGNS: Mapping[str, type[Design]] = {
    "csp": TwoWayCSP,
    "fusion_first": TwoWayFusionFirst,
    "fusion_last": TwoWayFusionLast,
}


class PeleeStem(nn.Module):
    """3x3 of stride 2, then 1x1 and 3x3 of stride 2 beside a maximum pool; concat; 1x1.

    (N, 3, H, W) to (N, 32, H / 4, W / 4).
    """

    def __init__(self, *, activation: str = "relu") -> None:
        super().__init__()
        conv = partial(Conv, activation=activation)
        self.enter = conv(3, _STEM, 3, stride=2)
        self.left = nn.Sequential(conv(_STEM, _STEM // 2), conv(_STEM // 2, _STEM, 3, stride=2))
        self.right = nn.MaxPool2d(2)
        self.fuse = conv(2 * _STEM, _STEM)

    def forward(self, image: Tensor) -> Tensor:
        x = self.enter(image)
        out: Tensor = self.fuse(torch.cat([self.left(x), self.right(x)], dim=1))
        return out


class _TwoWayStages(Network):
    """The frame of both networks; the transition of the last stage does not pool."""

    def __init__(
        self, stage: Callable[..., Dense | Design], *, classes: int, activation: str
    ) -> None:
        stages: list[nn.Module] = []
        channels = _STEM
        pools = ("avg", "avg", "avg", "none")
        for layers, bn_size, pool in zip(_LAYERS, _BN_SIZES, pools, strict=True):
            built = stage(
                channels=channels,
                layers=layers,
                growth=32,
                bn_size=bn_size,
                pool=pool,
                activation=activation,
            )
            stages.append(built)
            channels = built.out_channels
        super().__init__(PeleeStem(activation=activation), stages, LinearHead(channels, classes))


class PeleeNet(_TwoWayStages):
    """PeleeNet: four stages of two-way dense layers, whose transitions do not compress."""

    def __init__(self, *, classes: int = 1000, activation: str = "relu") -> None:
        super().__init__(partial(TwoWayDense, t2=1.0), classes=classes, activation=activation)


class CSPPeleeNet(_TwoWayStages):
    """PeleeNet whose stages are ``csp``, ``fusion_first`` or ``fusion_last``: Figure 3(b, c, d).

    ``gamma`` is the share of channels that bypasses each dense block; ``t1`` and ``t2`` are the
    ratios of the transitions; only ``csp`` has the one of ``t1``. The paper does not say
    enough to rebuild the network that it measured, of 2.83 M weights and 0.888 GFLOPs. Raises
    ValueError for what the designs refuse and for an unknown ``design``.
    """

    def __init__(
        self,
        *,
        design: str = "csp",
        gamma: float = 0.5,
        t1: float = 1.0,
        t2: float = 1.0,
        classes: int = 1000,
        activation: str = "relu",
    ) -> None:
        super().__init__(
            partial(design_stage, design, designs=_DESIGNS, gamma=gamma, t1=t1, t2=t2),
            classes=classes,
            activation=activation,
        )
