"""Intervals over seeds."""

import pytest

from cspbench.verdicts.over_seeds import over_seeds


def test_an_interval_over_seeds_is_students() -> None:
    interval = over_seeds([0.4, 0.5, 0.6])
    half = 0.1 * 4.302653 / 3**0.5  # t of 2 degrees, 97.5 %
    assert (interval.value, interval.launches) == (0.5, 3)
    assert interval.low == pytest.approx(0.5 - half)
    assert interval.high == pytest.approx(0.5 + half)
    assert over_seeds([0.4]).low is None


def test_an_interval_ends_where_shares_do() -> None:
    wide = over_seeds([0.0, 1.0])
    assert (wide.low, wide.high) == (0, 1)
