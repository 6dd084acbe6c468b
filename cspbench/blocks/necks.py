"""Necks: what joins the levels of a feature pyramid between a backbone and a detector's heads.

All take three maps, the finest first: (N, c3, H, W), (N, c4, H/2, W/2) and (N, c5, H/4, W/4), as
of the strides 8, 16 and 32, so that H and W are multiples of 4. They return three maps of the same
sizes, each of ``channels`` channels. All raise ValueError for channels and layers that are not
above 0 and for an unknown ``activation``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .channels import require_positive
from .layers import Conv, activation_layer
from .yolo.parts import plain_separable_conv

Pyramid = tuple[Tensor, Tensor, Tensor]
"""Three maps, the finest first."""

_EPSILON = 1e-4  # keeps a fusion finite whose weights are all 0


class FPN(nn.Module):
    """Feature pyramid network (arXiv 1612.03144): coarse maps are added to finer ones, top down.

    A 1x1 convolution brings each map to ``channels``; the coarser merged map is upsampled to the
    nearest neighbours and added; a 3x3 convolution ends each level. Like the paper's, all have a
    bias, and neither normalisation nor activation.
    """

    def __init__(
        self, c3: int = 256, c4: int = 512, c5: int = 1024, *, channels: int = 256
    ) -> None:
        super().__init__()
        require_positive(c3=c3, c4=c4, c5=c5, channels=channels)
        self.laterals = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for inputs in (c3, c4, c5))
        self.up = nn.Upsample(scale_factor=2)
        self.outputs = nn.ModuleList(_conv3x3(channels) for _ in range(3))

    def forward(self, p3: Tensor, p4: Tensor, p5: Tensor) -> Pyramid:
        fine, middle, coarse = self.laterals
        merged5 = coarse(p5)
        merged4 = middle(p4) + self.up(merged5)
        merged3 = fine(p3) + self.up(merged4)
        out3, out4, out5 = self.outputs
        return out3(merged3), out4(merged4), out5(merged5)


class PAN(nn.Module):
    """The pyramid of the path aggregation network (arXiv 1803.01534): FPN, then a path bottom up.

    The finest map is FPN's. Each next is FPN's plus the finer output, which a 3x3 convolution of
    stride 2 halves; another 3x3 ends it. Convolutions of this path have a bias and end in the
    ``activation``, the paper's ReLU unless another is chosen.
    """

    def __init__(
        self,
        c3: int = 256,
        c4: int = 512,
        c5: int = 1024,
        *,
        channels: int = 256,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.top_down = FPN(c3, c4, c5, channels=channels)
        self.downs = nn.ModuleList(
            nn.Sequential(_conv3x3(channels, stride=2), activation_layer(activation))
            for _ in range(2)
        )
        self.outputs = nn.ModuleList(
            nn.Sequential(_conv3x3(channels), activation_layer(activation)) for _ in range(2)
        )

    def forward(self, p3: Tensor, p4: Tensor, p5: Tensor) -> Pyramid:
        out3, merged4, merged5 = self.top_down(p3, p4, p5)
        down4, down5 = self.downs
        end4, end5 = self.outputs
        out4 = end4(merged4 + down4(out3))
        out5 = end5(merged5 + down5(out4))
        return out3, out4, out5


class FusionNode(nn.Module):
    """Fast normalised fusion of maps of one shape, then a separable 3x3 (arXiv 1911.09070).

    A learned weight for each of ``edges`` inputs, at least 0 by ReLU, is divided by the sum of all.
    The 3x3 is depthwise, then pointwise with batch normalisation and ``activation``.
    """

    def __init__(self, edges: int, channels: int, *, activation: str) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(edges))
        self.conv = plain_separable_conv(channels, channels, 3, activation=activation)

    def forward(self, *maps: Tensor) -> Tensor:
        weights = functional.relu(self.weights)
        weights = weights / (weights.sum() + _EPSILON)
        out = weights[0] * maps[0]
        for weight, x in zip(weights[1:], maps[1:], strict=True):
            out = out + weight * x
        result: Tensor = self.conv(out)
        return result


class BiFPNLayer(nn.Module):
    """One layer of `BiFPN`: a path top down and one bottom up over maps of equal channels.

    Only the middle level has a node on each path, and an edge from its input to its output besides:
    at the finest and the coarsest level, the node on one of the paths would have a single input.
    Coarser maps are upsampled to the nearest neighbours, finer ones halved by a 3x3 max-pool.
    """

    def __init__(self, channels: int, *, activation: str) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2)
        self.down = nn.MaxPool2d(3, stride=2, padding=1)
        self.middle4 = FusionNode(2, channels, activation=activation)
        self.out3 = FusionNode(2, channels, activation=activation)
        self.out4 = FusionNode(3, channels, activation=activation)
        self.out5 = FusionNode(2, channels, activation=activation)

    def forward(self, p3: Tensor, p4: Tensor, p5: Tensor) -> Pyramid:
        middle4 = self.middle4(p4, self.up(p5))
        out3 = self.out3(p3, self.up(middle4))
        out4 = self.out4(p4, middle4, self.down(out3))
        out5 = self.out5(p5, self.down(out4))
        return out3, out4, out5


class BiFPN(nn.Module):
    """``layers`` bidirectional layers with weighted fusion: EfficientDet (arXiv 1911.09070).

    A 1x1 convolution with batch normalisation brings each map to ``channels`` first. Of the paper's
    five levels there are the three finest; as in its text, not in its authors' code, activations
    follow convolutions, and the maps of a level share one 1x1.
    """

    def __init__(
        self,
        c3: int = 256,
        c4: int = 512,
        c5: int = 1024,
        *,
        channels: int = 64,
        layers: int = 3,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        require_positive(c3=c3, c4=c4, c5=c5, channels=channels, layers=layers)
        self.laterals = nn.ModuleList(
            Conv(inputs, channels, activation="none") for inputs in (c3, c4, c5)
        )
        self.layers = nn.ModuleList(
            BiFPNLayer(channels, activation=activation) for _ in range(layers)
        )

    def forward(self, p3: Tensor, p4: Tensor, p5: Tensor) -> Pyramid:
        fine, middle, coarse = self.laterals
        maps: Pyramid = fine(p3), middle(p4), coarse(p5)
        for layer in self.layers:
            maps = layer(*maps)
        return maps


def _conv3x3(channels: int, *, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution with bias; at stride 2 it halves an even H and W."""
    return nn.Conv2d(channels, channels, 3, stride=stride, padding=1)
