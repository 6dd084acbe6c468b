"""The designs of CSPNet's Figure 3 with layers of one convolution each, as its equations have."""

import torch
from torch import Tensor

from cspbench.blocks import csp, dense
from cspbench.blocks.layers import PreConv


class PlainLayer(PreConv):
    """x_k = w_k * [x_0, ..., x_{k-1}]."""

    def __init__(self, inputs: int, growth: int, **_: object) -> None:
        super().__init__(inputs, growth, 3)

    def forward(self, features: list[Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(torch.cat(features, dim=1))


class PlainBlock(dense.DenseBlock):
    layer_type = PlainLayer


class Dense(dense.Dense):
    block_type = PlainBlock


class CSP(csp.CSP):
    block_type = PlainBlock


class FusionFirst(csp.FusionFirst):
    block_type = PlainBlock


class FusionLast(csp.FusionLast):
    block_type = PlainBlock


class SplitOnly(csp.SplitOnly):
    block_type = PlainBlock
