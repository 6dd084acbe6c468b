"""Layers of the YOLO networks that change the size of a feature map, or join several."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..channels import scaled
from ..layers import Conv


class Concat(nn.Module):
    """Feature maps of one size after each other: each (N, C_i, H, W), to (N, sum of C_i, H, W)."""

    def forward(self, *features: Tensor) -> Tensor:
        return torch.cat(features, dim=1)


class ADown(nn.Module):
    """Mean over 2 x 2, halves: one through a 3x3 of stride 2, one through a pool and a 1x1: YOLOv9.

    (N, c1, H, W) to (N, c2, H / 2, W / 2); arXiv 2402.13616. The pool is over 3 x 3. Raises
    ValueError for fewer than two channels.
    """

    def __init__(self, *, c1: int, c2: int, activation: str = "silu") -> None:
        super().__init__()
        for name, channels in (("c1", c1), ("c2", c2)):
            if channels < 2:
                raise ValueError(f"{name} must be at least 2, got {channels}")
        self.halves = [scaled(c1, 0.5), c1 - scaled(c1, 0.5)]
        outputs = scaled(c2, 0.5)
        self.conv = Conv(self.halves[0], outputs, 3, stride=2, activation=activation)
        self.point = Conv(self.halves[1], c2 - outputs, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        smooth = functional.avg_pool2d(x, 2, stride=1)
        first, second = smooth.split(self.halves, dim=1)
        pooled = functional.max_pool2d(second, 3, stride=2, padding=1)
        return torch.cat([self.conv(first), self.point(pooled)], dim=1)


class SCDown(nn.Sequential):
    """1x1, then a linear depthwise convolution of stride 2: YOLOv10 (arXiv 2405.14458).

    (N, c1, H, W) to (N, c2, H / 2, W / 2).
    """

    def __init__(self, *, c1: int, c2: int, k: int = 3, activation: str = "silu") -> None:
        super().__init__(
            Conv(c1, c2, activation=activation),
            Conv(c2, c2, k, stride=2, groups=c2, activation="none"),
        )


def upsample() -> nn.Upsample:
    """Each value repeated: (N, C, H, W) to (N, C, 2 * H, 2 * W)."""
    return nn.Upsample(scale_factor=2, mode="nearest")


def conv(
    *, c1: int, c2: int, k: int = 1, stride: int = 1, groups: int = 1, activation: str = "silu"
) -> Conv:
    """A `Conv`, called with the names of arguments that the YOLO modules have."""
    return Conv(c1, c2, k, stride=stride, groups=groups, activation=activation)
