"""Operations of normalisation, by fvcore's convention."""

import pytest
from torch import nn

import cspbench


@pytest.mark.parametrize(
    ("norm", "operations"),
    [
        (nn.BatchNorm2d(6), 2 * 6 * 4 * 4),
        (nn.BatchNorm2d(6, affine=False), 1 * 6 * 4 * 4),
        (nn.BatchNorm2d(6, track_running_stats=False), 5 * 6 * 4 * 4),
        (nn.InstanceNorm2d(6), 4 * 6 * 4 * 4),
        (nn.LayerNorm((6, 4, 4)), 5 * 6 * 4 * 4),
        (nn.LayerNorm((6, 4, 4), elementwise_affine=False), 4 * 6 * 4 * 4),
        (nn.GroupNorm(2, 6), 5 * 6 * 4 * 4),
        (nn.GroupNorm(2, 6, affine=False), 4 * 6 * 4 * 4),
        (nn.ReLU(), 0),
    ],
    ids=repr,
)
def test_each_element_of_a_norm_counts_once(norm: nn.Module, operations: int) -> None:
    """And weights double the operations of BatchNorm, as fvcore's handle does."""
    counts = cspbench.profile(norm, (1, 6, 4, 4), measures=["counts"]).counts
    assert counts is not None
    assert counts.fvcore_macs == operations
    assert counts.macs == 0


def test_norms_are_added_to_layers_and_to_products() -> None:
    """A convolution of 4 x 4 outputs of 6 x 3 x 9 MACs, then a norm."""
    block = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
    counts = cspbench.profile(block, (1, 3, 4, 4), measures=["counts"]).counts
    assert counts is not None
    assert counts.fvcore_macs == 4 * 4 * 6 * 3 * 9 + 2 * 4 * 4 * 6


def test_statistics_that_are_computed_count_as_those_of_other_norms() -> None:
    """Five for each element in training, as fvcore counts a norm that computes them."""
    profile = cspbench.profile(nn.BatchNorm2d(6), (2, 6, 4, 4), measures=["counts"], mode="train")
    assert profile.counts is not None
    assert profile.counts.fvcore_macs == 5 * 2 * 6 * 4 * 4
