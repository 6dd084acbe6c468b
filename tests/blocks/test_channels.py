"""Channel arithmetic: what is lost, rounded and refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.blocks.channels import (
    attention_heads,
    dense_inputs,
    dense_output,
    halved,
    path_channels,
    require_groups,
    scaled,
    split_channels,
    squeezed,
)

GAMMAS = st.floats(0, 1, exclude_min=True, exclude_max=True)


@given(channels=st.integers(2, 4096), gamma=GAMMAS)
def test_a_split_loses_no_channel_and_leaves_one_on_each_side(channels: int, gamma: float) -> None:
    bypass, block = split_channels(channels, gamma)
    assert bypass + block == channels
    assert bypass >= 1
    assert block >= 1


@given(channels=st.integers(2, 4096), low=GAMMAS, high=GAMMAS)
def test_a_larger_gamma_never_bypasses_fewer_channels(
    channels: int, low: float, high: float
) -> None:
    low, high = min(low, high), max(low, high)
    assert split_channels(channels, low)[0] <= split_channels(channels, high)[0]


@pytest.mark.parametrize(
    ("channels", "gamma", "parts"),
    [
        (64, 0.5, (32, 32)),
        (64, 0.25, (16, 48)),
        (64, 0.75, (48, 16)),
        (33, 0.5, (16, 17)),
        (33, 0.25, (8, 25)),
        (7, 0.75, (5, 2)),
        (2, 0.01, (1, 1)),
        (2, 0.99, (1, 1)),
    ],
)
def test_the_bypass_is_rounded_down(channels: int, gamma: float, parts: tuple[int, int]) -> None:
    assert split_channels(channels, gamma) == parts


@given(channels=st.integers(1, 4096), ratio=st.floats(1e-6, 4))
def test_a_scaled_count_is_never_zero_and_never_rounded_up(channels: int, ratio: float) -> None:
    assert 1 <= scaled(channels, ratio) <= max(1, ratio * channels)


def test_each_dense_layer_takes_the_base_and_all_features_made_before() -> None:
    assert dense_inputs(33, layers=4, growth=5) == (33, 38, 43, 48)


def test_a_dense_block_returns_its_base_and_all_features() -> None:
    assert dense_output(33, layers=4, growth=5) == 53


@pytest.mark.parametrize(
    ("channels", "gamma", "message"),
    [
        (1, 0.5, "a split needs at least 2 channels, got 1"),
        (64, 0.0, "gamma must be in (0, 1), got 0.0"),
        (64, 1.0, "gamma must be in (0, 1), got 1.0"),
        (64, float("nan"), "gamma must be in (0, 1), got nan"),
    ],
)
def test_an_impossible_split_is_refused(channels: int, gamma: float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        split_channels(channels, gamma)


def test_a_ratio_of_zero_is_refused() -> None:
    message = "ratio must be above 0, got 0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        scaled(64, 0)


def test_groups_that_do_not_divide_are_refused() -> None:
    message = "groups=3 does not divide the 64 channels of the 3x3"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        require_groups(3, 64)


def test_the_convolution_that_groups_are_refused_for_is_named() -> None:
    message = "groups=3 does not divide the 64 channels of the 3x1"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        require_groups(3, 64, kernel="3x1")


@given(c2=st.integers(1, 4096), e=st.floats(1e-6, 4))
def test_a_path_has_e_times_the_output_channels_whatever_the_input(c2: int, e: float) -> None:
    assert path_channels(1, c2, e) == path_channels(999, c2, e) == scaled(c2, e)


@given(half=st.integers(1, 4096))
def test_halves_are_equal_or_refused(half: int) -> None:
    assert halved("c3", half + half) == half
    with pytest.raises(ValueError, match=f"^c3 must be even, .*, got {half + half - 1}$"):
        halved("c3", half + half - 1)


@pytest.mark.parametrize(
    ("channels", "ratio", "inner"),
    [
        (512, 0.25, 128),
        (120, 0.25, 32),  # 30
        (80, 1 / 16, 8),  # 5
        (160, 1 / 16, 8),  # 10
        (320, 1 / 16, 24),  # 20: halfway is rounded up
        (1, 1 / 16, 8),
    ],
)
def test_the_inner_channels_of_an_excitation_are_the_nearest_multiple_of_8(
    channels: int, ratio: float, inner: int
) -> None:
    assert squeezed(channels, ratio) == inner


@given(channels=st.integers(1, 4096), most=st.integers(0, 64))
def test_heads_divide_the_channels_and_no_larger_number_does(channels: int, most: int) -> None:
    heads = attention_heads(channels, most)
    assert 1 <= heads <= max(1, most)
    assert channels % heads == 0
    assert all(channels % larger for larger in range(heads + 1, most + 1))
