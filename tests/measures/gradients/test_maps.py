"""Which feature maps a training measures, and which parts of which map it compares."""

import one_conv_blocks
import pytest
import torch
from short_trainings import design, trained
from torch import Tensor, nn

from cspbench.blocks.csp import CSP
from cspbench.blocks.layers import plain_conv
from cspbench.blocks.residual import dark_block
from cspbench.blocks.yolo.chunked import C2f
from cspbench.measures.gradients.maps import feature_maps
from cspbench.measures.gradients.structure import trace

X1, X2, X3 = (f"block.layers.{number}.conv" for number in range(3))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (one_conv_blocks.Dense, ("input", X1, X2, X3)),
        (one_conv_blocks.CSP, ("input", X1, X2, X3, "transition_t.conv.conv")),
        (one_conv_blocks.FusionFirst, ("input", X1, X2, X3)),
        (one_conv_blocks.FusionLast, ("input", X1, X2, X3, "transition.conv.conv")),
    ],
)
def test_the_maps_are_those_that_a_design_concatenates(
    build: type[nn.Module], expected: tuple[str, ...]
) -> None:
    training = trained(design(build), steps=0, at=(0,))
    (reading,) = training.readings
    assert training.maps == expected
    assert len(reading.cka) == len(reading.directions) == len(expected)
    assert [reading.cka[place][place] for place in range(len(expected))] == pytest.approx(
        [1.0] * len(expected)
    )
    assert reading.cka == tuple(zip(*reading.cka, strict=True))


def test_the_maps_of_a_residual_block_are_those_that_it_adds() -> None:
    structure = trace(dark_block(8, inner=4, activation="relu"), torch.empty(1, 8, 4, 4))
    names = [structure.sources[number].name for number in feature_maps(structure)]
    assert names == ["input", "body.1.conv"]


def test_the_maps_inside_a_dense_layer_are_not_among_them() -> None:
    structure = trace(CSP(channels=8, layers=1, growth=4), torch.empty(1, 8, 4, 4))
    names = [structure.sources[number].name for number in feature_maps(structure)]
    assert names == ["input", "block.layers.0.conv.conv", "transition_t.conv.conv"]


def test_a_map_of_another_size_than_the_base_is_left_out() -> None:
    training = trained(lambda: CSP(channels=8, layers=1, growth=4, pool="avg"), steps=0, at=(0,))
    assert "transition_t.conv.conv" in training.maps
    pooled = nn.Sequential(plain_conv(8, 8, 3, stride=2), dark_block(8, inner=4, activation="relu"))
    assert trained(lambda: pooled, steps=0, at=(0,)).maps == ("input",)


@pytest.mark.parametrize(
    ("build", "gamma", "parts", "is_own"),
    [
        (one_conv_blocks.CSP, 0.25, (2, 6), True),
        (one_conv_blocks.FusionLast, 0.75, (6, 2), True),
        (one_conv_blocks.Dense, None, (4, 4), False),
    ],
)
def test_the_bases_parts_are_the_blocks_own_or_else_halves(
    build: type[nn.Module], gamma: float | None, parts: tuple[int, int], is_own: bool
) -> None:
    arguments = {} if gamma is None else {"gamma": gamma}
    training = trained(design(build, **arguments), steps=0, at=(0,))
    assert (training.cut, training.parts, training.own) == ("input", parts, is_own)


def test_the_parts_are_those_of_the_map_that_the_block_cuts() -> None:
    training = trained(lambda: C2f(c1=8, c2=8, n=1, e=0.75), steps=0, at=(0,))
    assert (training.cut, training.parts, training.own) == ("enter.conv.conv", (6, 6), True)


def test_parts_that_overlap_are_compared_without_what_both_hold() -> None:
    class Overlapping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x[:, :5], x[:, 3:]], dim=1)

    training = trained(Overlapping, steps=0, at=(0,))
    assert (training.cut, training.parts, training.own) == ("input", (5, 3), True)


def test_a_part_beside_the_whole_leaves_halves_to_compare() -> None:
    class PartOfAll(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x[:, :7], x[:, :5]], dim=1)

    training = trained(PartOfAll, steps=0, at=(0,))
    assert (training.parts, training.own) == ((4, 4), False)


def test_a_layer_that_is_called_twice_has_two_maps() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = plain_conv(8, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            features = self.conv(x)
            return torch.cat([features, self.conv(features)], dim=1)

    assert trained(Twice, steps=0, at=(0,)).maps == ("input", "conv", "conv (2)")
