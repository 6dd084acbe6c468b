"""Estimates over launches, against SciPy and by simulation."""

import math
import random

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cspbench.stats import latency_estimate, log_estimate, ratio_estimate

positive = st.floats(1e-6, 1e3)


def test_one_launch_has_a_value_and_no_interval() -> None:
    """An interval from one process would be a guess."""
    estimate = log_estimate([0.25])
    assert (estimate.value, estimate.low, estimate.high, estimate.launches) == (0.25, None, None, 1)
    assert estimate.relative_half_width is None


def test_the_interval_is_students_on_logarithms() -> None:
    """SciPy's own t interval of the logs, put back."""
    values = [1.0, 1.1, 0.95, 1.02, 0.99, 1.2]
    logs = [math.log(value) for value in values]
    low, high = scipy.stats.t.interval(0.95, 5, loc=sum(logs) / 6, scale=scipy.stats.sem(logs))
    estimate = log_estimate(values)
    assert estimate.value == pytest.approx(scipy.stats.gmean(values))
    assert (estimate.low, estimate.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_equal_launches_have_an_interval_of_no_width() -> None:
    """Degenerate noise is no division by zero."""
    estimate = log_estimate([2.0] * 6)
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((2.0, 2.0, 2.0))


@given(st.lists(positive, min_size=2, max_size=20), st.floats(0.01, 100.0))
def test_the_estimate_scales_with_its_unit(values: list[float], factor: float) -> None:
    """Seconds or milliseconds: the same statement."""
    one, other = log_estimate(values), log_estimate([value * factor for value in values])
    assert other.value == pytest.approx(one.value * factor)
    assert other.low is not None
    assert one.low is not None
    assert other.low == pytest.approx(one.low * factor)


@pytest.mark.parametrize("values", [[], [0.0], [-1.0], [math.nan], [1.0, math.inf]])
def test_values_that_are_no_times_are_refused(values: list[float]) -> None:
    """Never an estimate of nothing."""
    with pytest.raises(ValueError, match="positive and finite"):
        log_estimate(values)


def test_a_launch_counts_once_however_many_samples_it_has() -> None:
    """The median of each launch, 2 and 8, then their geometric mean: 4."""
    assert latency_estimate([(1.0, 2.0, 100.0), (8.0,)]).value == pytest.approx(4.0)


def test_a_ratio_is_taken_turn_by_turn_so_that_drift_cancels() -> None:
    """Both slow down threefold within the launch; the ratio stays one half in every turn."""
    bottoms = [1.0, 1.5, 2.0, 3.0]
    tops = [0.5, 0.75, 1.0, 1.5]
    estimate = ratio_estimate([(tops, bottoms), (tops, bottoms)])
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((0.5, 0.5, 0.5))


def test_unpaired_turns_are_refused() -> None:
    """A missing sample would pair all after it wrongly."""
    with pytest.raises(ValueError, match="zip"):
        ratio_estimate([((1.0, 2.0), (1.0,))])


def test_the_95_percent_interval_covers_the_truth_95_times_in_100() -> None:
    """2000 simulated runs of 6 launches that differ by 3%, 10 samples each within 1%.

    The share that holds the true value lies within four standard errors (0.5% each) of 95%.
    """
    chance = random.Random(1)
    hits = 0
    for _ in range(2000):
        launches = []
        for _ in range(6):
            level = 5.0 * math.exp(chance.gauss(0, 0.03))
            launches.append([level * math.exp(chance.gauss(0, 0.01)) for _ in range(10)])
        estimate = latency_estimate(launches)
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 5.0 <= estimate.high
    assert 0.93 < hits / 2000 < 0.97
