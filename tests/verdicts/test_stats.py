"""Estimates and tests over launches, against SciPy and by simulation."""

import math
import random
from collections.abc import Sequence
from statistics import median

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cspbench.verdicts.judge import Criterion, judge
from cspbench.verdicts.stats import (
    Difference,
    half_width,
    holm,
    latency_estimate,
    log_estimate,
    paired,
    tukey_outliers,
    welch,
)
from cspbench.verdicts.turns import log_ratio

positive = st.floats(1e-6, 1e3)
LOGS = [0.021, 0.034, 0.008, 0.027, 0.015, 0.040]
OTHERS = [0.001, -0.012, 0.009, 0.003, -0.004, 0.006, 0.010]


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
    estimate, scaled = log_estimate(values), log_estimate([value * factor for value in values])
    assert scaled.value == pytest.approx(estimate.value * factor)
    assert scaled.low is not None
    assert estimate.low is not None
    assert scaled.low == pytest.approx(estimate.low * factor)


@pytest.mark.parametrize("values", [[], [0.0], [-1.0], [math.nan], [1.0, math.inf]])
def test_values_that_are_no_times_are_refused(values: list[float]) -> None:
    """Never an estimate of nothing."""
    with pytest.raises(ValueError, match="positive and finite"):
        log_estimate(values)


def test_a_launch_counts_once_however_many_samples_it_has() -> None:
    """The median of each launch, 2 and 8, then their geometric mean: 4."""
    assert latency_estimate([(1.0, 2.0, 100.0), (8.0,)]).value == pytest.approx(4.0)


def test_the_paired_test_is_scipys() -> None:
    """Statistic, degrees, p and interval of ttest_1samp."""
    expected = scipy.stats.ttest_1samp(LOGS, 0.0)
    difference = paired(LOGS)
    assert difference.p == pytest.approx(expected.pvalue)
    assert difference.degrees == expected.df
    interval = expected.confidence_interval(0.95)
    assert difference.log_ratio - (difference.margin() or 0) == pytest.approx(interval.low)
    assert difference.log_ratio + (difference.margin() or 0) == pytest.approx(interval.high)


def test_the_unpaired_test_is_scipys_for_unequal_variances() -> None:
    """Welch's statistic, degrees, p and interval of ttest_ind, sides of 7 and 6 launches."""
    expected = scipy.stats.ttest_ind(LOGS, OTHERS, equal_var=False)
    difference = welch(OTHERS, LOGS)
    assert difference.p == pytest.approx(expected.pvalue)
    assert difference.degrees == pytest.approx(expected.df)
    interval = expected.confidence_interval(0.95)
    assert difference.log_ratio - (difference.margin() or 0) == pytest.approx(interval.low)
    assert difference.launches == 6


@pytest.mark.parametrize("logs", [[0.0] * 6, [0.1] * 6])
def test_launches_without_any_spread_are_no_division_by_zero(logs: list[float]) -> None:
    """No spread and no difference: p is 1. No spread and a difference: p is 0."""
    difference = paired(logs)
    assert difference.p == pytest.approx(1.0 if logs[0] == 0 else 0.0)
    assert welch(logs, logs).p == 1.0


@pytest.mark.parametrize("difference", [paired([0.3]), welch([0.0], [0.1, 0.2])])
def test_one_launch_on_a_side_tests_nothing(difference: Difference) -> None:
    """No standard error, no interval, no change that could be seen, and p is 1."""
    assert (
        difference.standard_error,
        difference.margin(),
        difference.detectable(0.05),
        difference.p,
    ) == (
        None,
        None,
        None,
        1.0,
    )


@pytest.mark.parametrize("logs", [[], [math.nan], [math.inf, 0.0]])
def test_what_is_no_number_is_never_tested(logs: list[float]) -> None:
    """A verdict from a damaged record would be worse than none."""
    with pytest.raises(ValueError, match="finite"):
        paired(logs)
    with pytest.raises(ValueError, match="finite"):
        welch([0.0], logs)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_lies_between_p_and_bonferroni(p_values: list[float]) -> None:
    """Never below the raw value, the least times the number of cases, in the same order."""
    adjusted = holm(p_values)
    for raw, p in zip(p_values, adjusted, strict=True):
        assert raw <= p <= 1.0
    assert min(adjusted) == min(1.0, len(p_values) * min(p_values))
    assert max(adjusted) <= min(1.0, len(p_values) * max(p_values))
    by_raw = [p for _, p in sorted(zip(p_values, adjusted, strict=True))]
    assert by_raw == sorted(by_raw)


def test_holms_paper_example() -> None:
    """Holm (1979) steps down: 0.01, 0.02 and 0.04 of four are held against 4, 3, 2 and 1 times."""
    assert holm([0.01, 0.04, 0.02, 0.9]) == pytest.approx([0.04, 0.08, 0.06, 0.9])


def test_outliers_are_counted_by_tukeys_fences() -> None:
    """Quartiles 2 and 4: fences at -1 and 7; both ends count, and three samples have no fences."""
    assert tukey_outliers([1, 2, 3, 4, 5]) == 0
    assert tukey_outliers([-9, 2, 2, 3, 4, 4, 99]) == 2
    assert tukey_outliers([1, 1, 99]) == 0
    assert tukey_outliers([1.0] * 10) == 0


def test_half_a_width_shrinks_with_the_launches() -> None:
    """A spread of 1% over 6 launches: t(0.975, 5) = 2.571, over the root of 6."""
    assert half_width(0.01, 6) == pytest.approx(math.expm1(2.5706 * 0.01 / math.sqrt(6)), rel=1e-4)
    assert half_width(0.01, 1) is None


def test_the_detectable_change_is_found_four_times_in_five() -> None:
    """1500 simulated runs of 8 launches with just that change, at alpha = 1%: 80% within 4%."""
    chance = random.Random(3)
    spread, launches, alpha = 0.01, 8, 0.01
    truth = paired(_exact_spread(spread, launches)).detectable(alpha)
    assert truth is not None
    detections = 0
    for _ in range(1500):
        logs = [chance.gauss(math.log1p(truth), spread) for _ in range(launches)]
        detections += paired(logs).p < alpha
    assert 0.76 < detections / 1500 < 0.84


def _exact_spread(spread: float, number: int) -> Sequence[float]:
    """Values whose standard deviation is ``spread``."""
    values = np.linspace(-1.0, 1.0, number)
    return [float(value) for value in values * spread / values.std(ddof=1)]


def _simulated_launch(
    chance: random.Random, noise: str, turns: int = 10
) -> tuple[list[float], list[float]]:
    """Two identical cases in one launch: a level that both share, drift, and their own noise.

    A launch's level moves by 5% and its two cases by 0.5% of their own (their memory); within it
    the level wanders by 1% a turn. Heavy tails are Student's t with 2 degrees: no variance. A
    bimodal launch runs at one of two speeds, a fifth apart, and each sample slips into the other
    one time in four.
    """
    level = 5e-3 * math.exp(chance.gauss(0, 0.05))
    shifts = [math.exp(chance.gauss(0, 0.005)) for _ in range(2)]
    slip = chance.choice((-0.2, 0.2)) if noise == "bimodal" else 0.0
    sides: tuple[list[float], list[float]] = [], []
    for turn in range(turns):
        level *= math.exp(chance.gauss(0, 0.01))
        drift = 1 + 0.02 * turn if noise == "drift" else 1.0
        for side, factor in zip(sides, shifts, strict=True):
            jitter = chance.gauss(0, 0.02)
            if noise == "heavy":
                jitter /= math.sqrt(chance.expovariate(1.0))
            if noise == "bimodal" and chance.random() < 0.25:
                jitter += slip
            side.append(level * drift * factor * math.exp(max(-1.0, min(1.0, jitter))))
    return sides


@pytest.mark.parametrize("noise", ["normal", "drift", "heavy", "bimodal"])
def test_identical_cases_are_told_apart_as_often_as_stated(noise: str) -> None:
    """2000 simulated pairs of 6 launches: 5% of the tests reject at 5%, in turns and between runs.

    Samples of one launch are correlated and drift; the launch is the unit, so that the rate holds.
    """
    chance = random.Random(noise)
    rejected = {"paired": 0, "welch": 0}
    for _ in range(1000):
        launches = [_simulated_launch(chance, noise) for _ in range(12)]
        baseline, candidate = launches[:6], launches[6:]
        rejected["paired"] += paired([log_ratio(a, b) for a, b in baseline]).p < 0.05
        rejected["paired"] += paired([log_ratio(a, b) for a, b in candidate]).p < 0.05
        runs = [[math.log(median(a)) for a, _ in run] for run in (baseline, candidate)]
        rejected["welch"] += welch(*runs).p < 0.05
    assert 0.03 < rejected["paired"] / 2000 < 0.07
    assert 0.03 < rejected["welch"] / 1000 < 0.07


@pytest.mark.parametrize("noise", ["normal", "drift", "heavy"])
def test_the_95_percent_interval_covers_the_truth_95_times_in_100(noise: str) -> None:
    """1500 simulated pairs of 6 launches: the interval of the ratio holds 1, that of latency 5 ms.

    Drift moves the latency itself, so only the ratio has a long-run value there.
    """
    chance = random.Random(f"cover {noise}")
    ratios = latencies = 0
    for _ in range(1500):
        launches = [_simulated_launch(chance, noise) for _ in range(6)]
        ratio = paired([log_ratio(a, b) for a, b in launches]).estimate()
        assert ratio.low is not None
        assert ratio.high is not None
        ratios += ratio.low <= 1.0 <= ratio.high
        latency = latency_estimate([a for a, _ in launches])
        assert latency.low is not None
        assert latency.high is not None
        latencies += latency.low <= 5e-3 <= latency.high
    assert 0.93 < ratios / 1500 < 0.97
    if noise != "drift":
        assert 0.93 < latencies / 1500 < 0.97


seconds = st.floats(5e-324, 1e12)
"""All that a record of a time can hold, subnormal numbers included."""


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=12), st.floats(1e-9, 0.2))
def test_no_times_are_too_extreme_for_an_answer(
    times: list[tuple[float, float]], alpha: float
) -> None:
    """Whatever a file within its bounds holds, every figure is a finite number."""
    ratios = [log_ratio([numerator], [denominator]) for numerator, denominator in times]
    sides = [[math.log(time) for time in side] for side in zip(*times, strict=True)]
    for difference in (paired(ratios), welch(*sides)):
        for answer in judge({"case": difference}, {"case": Criterion(alpha=alpha)}).values():
            figures = (answer.ratio.value, answer.ratio.low, answer.ratio.high, answer.detectable)
            assert all(figure is None or math.isfinite(figure) for figure in figures)
            assert 0 <= answer.p <= 1
    estimate = latency_estimate([[time] for time, _ in times])
    low, high = estimate.low or estimate.value, estimate.high or estimate.value
    assert 0 < low <= estimate.value <= high < math.inf
    assert math.isfinite(estimate.relative_half_width or 0)


@given(st.floats(0, 10), st.integers(2, 2**63 - 1))
def test_no_noise_floor_is_too_extreme_for_a_width(spread: float, launches: int) -> None:
    """A noise floor that was read is at most 10, over any number of launches."""
    assert math.isfinite(half_width(spread, launches) or 0.0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.lists(st.floats(0, 1), min_size=2))
def test_degrees_of_freedom_stay_between_the_sides(first: list[float], second: list[float]) -> None:
    """Variances near the smallest number are squared, which loses all of their digits."""
    degrees = welch(first, second).degrees
    numbers = len(first), len(second)
    assert min(numbers) - 1 <= degrees <= sum(numbers) - 2


@pytest.mark.parametrize("cases", [1, 100, 10_000, 10_000_000])
def test_two_launches_of_many_cases_have_a_detectable_change(cases: int) -> None:
    """With one degree of freedom, SciPy's non-central t does not end for so small a level.

    The power is that of the chi-squared distribution, as the standard error is all that varies.
    """
    difference = paired([-1e-9, 1e-9])
    detectable = difference.detectable(0.01 / cases)
    assert detectable is not None
    effect = math.log1p(detectable) / 1e-9  # the standard error
    quantile = scipy.stats.t.ppf(1 - 0.005 / cases, 1)
    assert scipy.stats.chi2.cdf((effect / quantile) ** 2, 1) == pytest.approx(0.8, rel=2e-3)


def test_many_launches_are_judged_without_a_permutation_test() -> None:
    """Twenty thousand on each side would take gigabytes, and add nothing to Student's t."""
    chance = random.Random(0)
    sides = [[chance.gauss(mean, 0.003) for _ in range(20_000)] for mean in (0.0, 0.02)]
    answer = judge({"case": welch(*sides)}, {"case": Criterion()})["case"]
    assert answer.answer == "worse"
    assert answer.permutation_p is None
    assert answer.detectable is not None
    assert math.isfinite(answer.detectable)
