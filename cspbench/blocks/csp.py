"""Cross stage partial dense blocks: the designs of Figure 3 of CSPNet (arXiv 1911.11929).

Each splits its base by channel, x_0 = [x_0', x_0'']. The first channels, x_0', bypass the dense
block; the rest, x_0'', go through it and are part of its output. The designs differ only in the
position of their transitions.

``gamma`` is the share of channels that *bypasses* the block. The paper does not define it; that
is inferred from its ablation, in which a larger gamma saves more computation. Public code also
uses the opposite, the share that goes through.

The paper states neither the transitions' channel ratios (outputs over inputs of that transition)
nor where pooling sits: both are parameters here.

All take (N, channels, H, W). All raise ValueError for fewer than two channels, ``gamma`` outside
(0, 1), a count or ratio that is not above 0, and an unknown ``pool`` or ``activation``.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .channels import require_channels, split_channels
from .dense import DenseStage
from .layers import chosen, pool_layer


class _Split(DenseStage):
    """The frame of all designs: the split, and the dense block on x_0''."""

    def __init__(
        self,
        channels: int,
        gamma: float,
        *,
        layers: int,
        growth: int,
        bn_size: int,
        activation: str,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.bypass_channels, block_channels = split_channels(channels, gamma)
        self.block = self.block_type(
            block_channels, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )

    def split(self, base: Tensor) -> tuple[Tensor, Tensor]:
        """x_0' and x_0'': the channels that bypass the block, and those that go through it.

        Raises ValueError for another number of channels, which slices would not notice.
        """
        require_channels(base.shape[1], expected=self.channels)
        return base[:, : self.bypass_channels], base[:, self.bypass_channels :]


class SplitOnly(_Split):
    """[x_0', x_0'', x_1, ..., x_k], without any transition.

    Not a design of the paper, but what some mean by CSP. Returns (N, channels + layers * growth,
    H, W).
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        gamma: float = 0.5,
        activation: str = "relu",
    ) -> None:
        super().__init__(
            channels, gamma, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )
        self.out_channels = self.bypass_channels + self.block.out_channels

    def forward(self, base: Tensor) -> Tensor:
        bypass, part = self.split(base)
        return torch.cat([bypass, self.block(part)], dim=1)


class CSP(_Split):
    """CSPDenseNet, Figure 3(b): a transition T before the concat and a transition U after it.

    x_T = w_T * [x_0'', x_1, ..., x_k]; x_U = w_U * [x_0', x_T] (equation 3). ``t1`` is the ratio
    of T, ``t2`` that of U, which also pools. With ``t1=1`` it costs more than the dense block.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        gamma: float = 0.5,
        t1: float = 1.0,
        t2: float = 0.5,
        pool: str = "none",
        activation: str = "relu",
    ) -> None:
        super().__init__(
            channels, gamma, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )
        self.transition_t = self.transition_type(self.block.out_channels, t1, activation=activation)
        self.transition_u = self.transition_type(
            self.bypass_channels + self.transition_t.out_channels,
            t2,
            pool=pool,
            activation=activation,
        )
        self.out_channels = self.transition_u.out_channels

    def forward(self, base: Tensor) -> Tensor:
        bypass, part = self.split(base)
        out: Tensor = self.transition_u(
            torch.cat([bypass, self.transition_t(self.block(part))], dim=1)
        )
        return out


class FusionFirst(_Split):
    """Figure 3(c): the concat first, then one transition over both parts.

    w * [x_0', x_0'', x_1, ..., x_k]. Much gradient information is reused, as the transition's
    update holds that of both parts.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        gamma: float = 0.5,
        t2: float = 0.5,
        pool: str = "none",
        activation: str = "relu",
    ) -> None:
        super().__init__(
            channels, gamma, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )
        self.transition = self.transition_type(
            self.bypass_channels + self.block.out_channels, t2, pool=pool, activation=activation
        )
        self.out_channels = self.transition.out_channels

    def forward(self, base: Tensor) -> Tensor:
        bypass, part = self.split(base)
        out: Tensor = self.transition(torch.cat([bypass, self.block(part)], dim=1))
        return out


class FusionLast(_Split):
    """Figure 3(d): the transition of the block's part first, then the concat; nothing follows.

    [x_0', w_T * [x_0'', x_1, ..., x_k]]. The gradient flow is truncated: the transition's update
    holds nothing of the bypass. As no transition stands over both parts, ``pool`` is applied to
    each of them, so that they meet at the same size.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        gamma: float = 0.5,
        t2: float = 0.5,
        pool: str = "none",
        activation: str = "relu",
    ) -> None:
        super().__init__(
            channels, gamma, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )
        self.transition = self.transition_type(
            self.block.out_channels, t2, pool=pool, activation=activation
        )
        self.pool = pool_layer(pool)
        self.out_channels = self.bypass_channels + self.transition.out_channels

    def forward(self, base: Tensor) -> Tensor:
        bypass, part = self.split(base)
        x_t = self.transition(self.block(part))
        return torch.cat([self.pool(bypass), x_t], dim=1)


class BothTransitions(_Split):
    """A partial transition for each part, both of ratio ``t2`` and both pooling, then the concat.

    [w_B * x_0', w_T * [x_0'', x_1, ..., x_k]]. Not a design of the paper; the bottleneck CSP
    module of YOLOv5 does it with convolutions.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        layers: int = 6,
        growth: int = 32,
        bn_size: int = 4,
        gamma: float = 0.5,
        t2: float = 0.5,
        pool: str = "none",
        activation: str = "relu",
    ) -> None:
        super().__init__(
            channels, gamma, layers=layers, growth=growth, bn_size=bn_size, activation=activation
        )
        self.transition_bypass = self.transition_type(
            self.bypass_channels, t2, pool=pool, activation=activation
        )
        self.transition = self.transition_type(
            self.block.out_channels, t2, pool=pool, activation=activation
        )
        self.out_channels = self.transition_bypass.out_channels + self.transition.out_channels

    def forward(self, base: Tensor) -> Tensor:
        bypass, part = self.split(base)
        x_t = self.transition(self.block(part))
        return torch.cat([self.transition_bypass(bypass), x_t], dim=1)


Design = CSP | FusionFirst | FusionLast
DESIGNS: Mapping[str, type[Design]] = {
    "csp": CSP,
    "fusion_first": FusionFirst,
    "fusion_last": FusionLast,
}


def design_stage(
    name: str,
    *,
    t1: float,
    designs: Mapping[str, type[Design]] = DESIGNS,
    **arguments: Any,
) -> Design:
    """The stage of the design ``name`` in ``designs``; only ``csp`` uses ``t1``.

    Raises ValueError for an unknown name.
    """
    design = chosen("design", name, designs)
    if name == "csp":
        arguments["t1"] = t1
    return design(**arguments)
