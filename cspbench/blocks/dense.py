"""DenseNet's dense block (arXiv 1608.06993), with bottleneck layers, and its transition."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from .channels import dense_inputs, dense_output, require_channels, require_positive
from .layers import PreConv, Transition


class DenseLayer(nn.Module):
    """The new features of one layer: concat, BN-act-1x1, BN-act-3x3.

    Takes all earlier features as a list of (N, C_i, H, W), with C_i adding up to ``inputs``, and
    returns (N, growth, H, W). The 1x1 convolution has ``bn_size * growth`` outputs.
    """

    def __init__(
        self, inputs: int, growth: int, *, bn_size: int = 4, activation: str = "relu"
    ) -> None:
        super().__init__()
        require_positive(bn_size=bn_size)
        self.squeeze = PreConv(inputs, bn_size * growth, activation=activation)
        self.conv = PreConv(bn_size * growth, growth, 3, activation=activation)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = torch.cat(features, dim=1)
        out: Tensor = self.conv(self.squeeze(x))
        return out


class DenseBlock(nn.Module):
    """x_k = w_k * [x_0, x_1, ..., x_{k-1}]; out: [x_0, x_1, ..., x_layers], the input included.

    (N, channels, H, W) to (N, channels + layers * growth, H, W). Raises ValueError for a count
    that is not above 0, and, called, for another number of channels.
    """

    layer_type: ClassVar[type[nn.Module]] = DenseLayer

    def __init__(
        self,
        channels: int,
        *,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.out_channels = dense_output(channels, layers, growth)
        self.layers = nn.ModuleList(
            self.layer_type(inputs, growth, bn_size=bn_size, activation=activation)
            for inputs in dense_inputs(channels, layers, growth)
        )

    def forward(self, x: Tensor) -> Tensor:
        require_channels(x.shape[1], expected=self.channels)
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return torch.cat(features, dim=1)


class DenseStage(nn.Module):
    """The types of dense block and transition that the designs of Figure 3 use."""

    block_type: ClassVar[type[DenseBlock]] = DenseBlock
    transition_type: ClassVar[type[Transition]] = Transition
    out_channels: int


class Dense(DenseStage):
    """Dense block, then transition: Figure 3(a) of CSPNet (arXiv 1911.11929).

    x_T = w_T * [x_0, x_1, ..., x_k]. (N, channels, H, W) to (N, t2 * block channels, H, W), H and
    W halved unless ``pool`` is ``none``. ``t2`` is the transition's output over its input
    channels, which the paper does not state; DenseNet's compression is 0.5. Raises ValueError for
    a count or ratio that is not above 0 and for an unknown ``pool`` or ``activation``.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        t2: float = 0.5,
        pool: str = "none",
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.block = self.block_type(
            channels, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )
        self.transition = self.transition_type(
            self.block.out_channels, t2, pool=pool, activation=activation
        )
        self.out_channels = self.transition.out_channels

    def forward(self, base: Tensor) -> Tensor:
        out: Tensor = self.transition(self.block(base))
        return out
