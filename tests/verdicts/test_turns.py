"""Ratios of a launch from its turns, and their variances within and between launches."""

import math
import random
from statistics import fmean

import numpy as np
import pytest
import scipy.stats

from cspbench.verdicts.permutation import permutation_p
from cspbench.verdicts.stats import paired
from cspbench.verdicts.turns import (
    LaunchRatio,
    difference,
    difference_of,
    launch_ratio,
    log_ratio,
    ratios_of,
    variances_of,
)

TURNS = (10, 40, 200)


def simulated(
    chance: random.Random, turns: int, *, within: float, between: float, truth: float = 0.0
) -> LaunchRatio:
    """A launch of normal turns, with deviations ``within`` and ``between`` launches."""
    launch = truth + chance.gauss(0, between)
    samples = [math.exp(launch + chance.gauss(0, within)) for _ in range(turns)]
    return launch_ratio(samples, [1.0] * turns)


def test_a_ratio_is_taken_turn_by_turn_so_that_drift_cancels() -> None:
    """Both slow down threefold within the launch; the ratio stays one half in every turn."""
    assert log_ratio([0.5, 0.75, 1.0, 1.5], [1.0, 1.5, 2.0, 3.0]) == pytest.approx(math.log(0.5))


def test_turns_that_only_one_case_took_do_not_count() -> None:
    """They are the last: those that both took are paired by their number."""
    ratio = launch_ratio([2.0, 4.0, 6.0, 99.0], [1.0, 2.0, 3.0])
    assert ratio.log_ratio == pytest.approx(math.log(2))
    assert ratio.turns == 3


def test_the_mean_is_that_of_the_middle_half() -> None:
    """SciPy's trimmed mean where a quarter is a whole number; else edges count in part."""
    draw = np.random.default_rng(3)
    logs = draw.normal(size=40)
    trimmed = scipy.stats.trim_mean(logs, 0.25)
    assert log_ratio(np.exp(logs).tolist(), [1.0] * 40) == pytest.approx(trimmed)
    # of five, 1.25 are cut on either side: three quarters of the second and fourth, and the third
    values = [-9.0, 1.0, 2.0, 5.0, 70.0]
    expected = (0.75 * 1.0 + 2.0 + 0.75 * 5.0) / 2.5
    assert log_ratio([math.exp(value) for value in values], [1.0] * 5) == pytest.approx(expected)
    assert log_ratio([2.0, 8.0], [1.0, 1.0]) == pytest.approx(math.log(4))


@pytest.mark.parametrize("turns", [10, 80])
def test_the_variance_of_a_launch_is_that_of_repeated_launches(turns: int) -> None:
    """1500 launches: the mean of the stated variances is the variance of the ratios."""
    chance = random.Random(turns)
    ratios = [simulated(chance, turns, within=0.1, between=0.0) for _ in range(1500)]
    stated = fmean(ratio.variance or 0.0 for ratio in ratios)
    assert stated == pytest.approx(np.var([ratio.log_ratio for ratio in ratios]), rel=0.12)


def test_a_single_turn_has_no_variance() -> None:
    """Whatever is pooled is that of the other launches."""
    single = launch_ratio([2.0], [1.0])
    assert (single.variance, single.turns) == (None, 1)
    other = LaunchRatio(0.0, 0.01, 10)
    assert variances_of([single, other]).within == pytest.approx(0.1)
    assert variances_of([single]).within == 0.0


def test_both_variances_are_told_apart_in_launches_of_different_length() -> None:
    """The mean over 300 runs of 12 launches with known variances; each is within a tenth."""
    chance = random.Random(1)
    within, between = 0.08, 0.01
    estimates = [
        variances_of(
            [simulated(chance, TURNS[n % 3], within=within, between=between) for n in range(12)]
        )
        for _ in range(300)
    ]
    turn_variance = 80 * np.var(
        [simulated(chance, 80, within=within, between=0.0).log_ratio for _ in range(2000)]
    )
    assert fmean(e.within for e in estimates) == pytest.approx(turn_variance, rel=0.1)
    assert fmean(e.between for e in estimates) == pytest.approx(between**2, rel=0.15)


def test_launches_of_one_length_count_alike() -> None:
    """As the t test has it."""
    chance = random.Random(2)
    ratios = [simulated(chance, 20, within=0.05, between=0.01) for _ in range(6)]
    assert difference_of(ratios) == paired([ratio.log_ratio for ratio in ratios])


def test_a_short_launch_weighs_less_and_the_interval_holds() -> None:
    """2000 runs of a first launch of 10 turns and seven of 200: the interval holds 95%.

    It is narrower than that of the plain mean.
    """
    chance = random.Random(3)
    covered, widths = 0, []
    for _ in range(2000):
        ratios = [
            simulated(chance, turns, within=0.1, between=0.003, truth=0.02)
            for turns in (10, *[200] * 7)
        ]
        weighted = difference_of(ratios)
        plain = paired([ratio.log_ratio for ratio in ratios])
        margin, plain_margin = weighted.margin(), plain.margin()
        assert margin is not None
        assert plain_margin is not None
        covered += abs(weighted.log_ratio - 0.02) <= margin
        widths.append((margin, plain_margin))
        assert weighted.weights is not None
        assert weighted.weights[0] < min(weighted.weights[1:])
        assert sum(weighted.weights) == pytest.approx(1)
    assert 0.93 < covered / 2000 < 0.97
    assert fmean(w for w, _ in widths) < 0.7 * fmean(p for _, p in widths)


def test_weights_are_those_of_a_permutation_too() -> None:
    """Sign flips of the weighted launches: seven alike, and one of no weight that is far off."""
    ratios = paired([0.01] * 7 + [-5.0], [1.0] * 7 + [1e-15])
    assert permutation_p(ratios) == pytest.approx(2 * 2 / 2**8)
    assert permutation_p(paired([0.01] * 7 + [-5.0])) > 0.5


def test_equal_turns_in_all_launches_make_no_weights() -> None:
    """Times that a coarse clock gives: no variance to weigh by."""
    ratios = [launch_ratio([2.0] * turns, [2.0] * turns) for turns in (3, 5)]
    assert difference_of(ratios) == paired([0.0, 0.0])


def test_a_difference_is_of_the_launches_that_both_took_part_in() -> None:
    """None without any."""
    samples = {1: (1.0, 1.0), 2: (2.0, 2.0)}
    assert [ratio.log_ratio for ratio in ratios_of(samples, {2: (1.0,)})] == [math.log(2)]
    assert difference(samples, {3: (1.0,)}) is None
