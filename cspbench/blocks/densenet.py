"""DenseNet (arXiv 1608.06993), and CSPDenseNet (arXiv 1911.11929): its stages in a CSP design."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from .classifier import LinearHead, Network, wide_stem
from .csp import Design, SplitOnly, design_stage
from .dense import Dense, DenseBlock
from .layers import activation_layer


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """Layers of each dense block, their growth, and the channels of the stem."""

    layers: tuple[int, ...]
    growth: int = 32
    stem: int = 64


_PLANS: Mapping[int, _Plan] = {
    121: _Plan(layers=(6, 12, 24, 16)),
    161: _Plan(layers=(6, 12, 36, 24), growth=48, stem=96),
    169: _Plan(layers=(6, 12, 32, 32)),
    201: _Plan(layers=(6, 12, 48, 32)),
}


class _DenseStages(Network):
    """The frame of both networks: ``stage`` builds all stages but the last, ``last`` that one."""

    def __init__(
        self,
        depth: int,
        stage: Callable[..., Dense | Design],
        last: Callable[..., DenseBlock | SplitOnly],
        *,
        classes: int,
        activation: str,
    ) -> None:
        if depth not in _PLANS:
            raise ValueError(f"depth must be one of {', '.join(map(str, _PLANS))}, got {depth}")
        plan = _PLANS[depth]
        stages: list[nn.Module] = []
        channels = plan.stem
        for number, layers in enumerate(plan.layers, start=1):
            build = last if number == len(plan.layers) else partial(stage, pool="avg")
            built = build(
                channels=channels, layers=layers, growth=plan.growth, activation=activation
            )
            stages.append(built)
            channels = built.out_channels
        closing = nn.Sequential(nn.BatchNorm2d(channels), activation_layer(activation))
        super().__init__(
            wide_stem(plan.stem, activation=activation),
            [*stages, closing],
            LinearHead(channels, classes),
        )


class DenseNet(_DenseStages):
    """DenseNet with bottleneck layers and compression, of ``depth`` 121, 161, 169 or 201.

    After each dense block but the last, a transition halves channels, H and W. Raises ValueError
    for another ``depth``.
    """

    def __init__(self, *, depth: int = 121, classes: int = 1000, activation: str = "relu") -> None:
        super().__init__(depth, Dense, DenseBlock, classes=classes, activation=activation)


class CSPDenseNet(_DenseStages):
    """DenseNet whose stages are ``csp``, ``fusion_first`` or ``fusion_last``: Figure 3(b, c, d).

    ``gamma`` is the share of channels that bypasses each dense block; ``t1`` and ``t2`` are the
    ratios of the transitions; only ``csp`` has the one of ``t1``. As DenseNet has no
    transition after its last dense block, no design has one there: split, dense block, concat.
    The paper publishes no such network in full. Raises ValueError for what the designs refuse and
    for an unknown ``depth`` or ``design``.
    """

    def __init__(
        self,
        *,
        depth: int = 121,
        design: str = "csp",
        gamma: float = 0.5,
        t1: float = 1.0,
        t2: float = 0.5,
        classes: int = 1000,
        activation: str = "relu",
    ) -> None:
        super().__init__(
            depth,
            partial(design_stage, design, gamma=gamma, t1=t1, t2=t2),
            partial(SplitOnly, gamma=gamma),
            classes=classes,
            activation=activation,
        )
