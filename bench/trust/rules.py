"""The rules by which tools call two groups of processes different, at their defaults.

Each takes two sides, a list of launches with their samples in seconds, and says whether it would
raise the alarm. They are written from what each tool documents and from its source, not copied. The
samples are the product's, so that only rules differ.
"""

import math
import random
from collections.abc import Callable, Sequence
from itertools import chain
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Side = Sequence[Sequence[float]]
Rule = Callable[[Side, Side], bool]

_RESAMPLES = 1000
_CHUNK = 2_000_000  # resampled values at a time


def relative_change(baseline: Side, candidate: Side) -> bool:
    """torchbench: the median changes by more than 7%.

    Default: ``DEFAULT_REGRESSION_DELTA_THRESHOLD = 0.07`` (github.com/pytorch/benchmark,
    userbenchmark/*/regression_detector.py).
    """
    return abs(median(_pooled(candidate)) / median(_pooled(baseline)) - 1) > 0.07


def pooled_t(baseline: Side, candidate: Side) -> bool:
    """pyperf: Student's two-sample t test over all values, at 95%.

    Default of ``pyperf compare_to`` (pyperf/_utils.py, ``is_significant``); it has no least change.
    It asks for as many values on both sides, which a t test does not need.
    """
    from scipy.stats import ttest_ind

    return bool(ttest_ind(_pooled(baseline), _pooled(candidate)).pvalue < 0.05)


def bootstrap(baseline: Side, candidate: Side) -> bool:
    """criterion.rs: a bootstrapped t test at 5%, and the mean's change beyond 1% by its interval.

    Defaults: significance level 0.05, noise threshold 0.01, confidence level 0.95
    (``Criterion::default``, src/analysis/compare.rs), but 1,000 resamples instead of 100,000.
    """
    draw = np.random.default_rng(0)
    old, new = np.asarray(_pooled(baseline)), np.asarray(_pooled(candidate))
    ratios = _resampled_means(draw, new, len(new)) / _resampled_means(draw, old, len(old))
    low, high = np.quantile(ratios, [0.025, 0.975]) - 1
    if low <= 0.01 and high >= -0.01:
        return False
    return _bootstrap_p(draw, old, new) < 0.05


def _resampled_means(draw: np.random.Generator, values: "Array", size: int) -> "Array":
    rows = max(1, _CHUNK // size)
    counts = [min(rows, _RESAMPLES - begun) for begun in range(0, _RESAMPLES, rows)]
    means = [values[draw.integers(0, len(values), (count, size))].mean(axis=1) for count in counts]
    return np.concatenate(means)


def _bootstrap_p(draw: np.random.Generator, old: "Array", new: "Array") -> float:
    """The two-sided p of Welch's t, against samples drawn from both sides together."""
    together = np.concatenate([old, new])

    def statistic(first: "Array", second: "Array") -> float:
        error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
        return float((first.mean() - second.mean()) / error) if error else 0.0

    observed = abs(statistic(new, old))
    hits = sum(
        abs(statistic(draw.choice(together, len(new)), draw.choice(together, len(old)))) >= observed
        for _ in range(_RESAMPLES)
    )
    return hits / _RESAMPLES


def median_intervals(baseline: Side, candidate: Side) -> bool:
    """asv: the medians' 99% intervals do not overlap, and their ratio is beyond a factor of 1.1.

    Default of ``asv compare`` and ``asv continuous``: ``--factor 1.1``, with statistics but without
    recorded samples (``--record-samples`` adds Mann-Whitney's U at p < 0.002 instead;
    asv/commands/compare.py, ``_is_result_better``, and asv/statistics.py, ``is_different``).
    """
    factor = median(_pooled(candidate)) / median(_pooled(baseline))
    if 1 / 1.1 <= factor <= 1.1:
        return False
    (old_low, old_high), (new_low, new_high) = map(_median_interval, (baseline, candidate))
    return old_high < new_low or new_high < old_low


def _median_interval(side: Side) -> tuple[float, float]:
    """The 99% interval of the median from order statistics; any value where there are too few."""
    from scipy.stats import binom

    values = sorted(_pooled(side))
    number = len(values)
    first = int(binom.ppf(0.005, number, 0.5))
    if not first:
        return -math.inf, math.inf
    return values[first - 1], values[number - first]


def smaller_noise(baseline: Side, candidate: Side) -> bool:
    """The first rule of nvbench: the means differ by more than the smaller relative deviation.

    Of ``nvbench-compare-legacy`` (python/scripts/nvbench_compare_legacy.py), default until 2026.
    """
    samples = _pooled(baseline), _pooled(candidate)
    means = [fmean(side) for side in samples]
    noise = min(stdev(side) / mean for side, mean in zip(samples, means, strict=True))
    return abs(means[1] / means[0] - 1) > noise


def clear_gap(baseline: Side, candidate: Side) -> bool:
    """The robust rule of nvbench: intervals from minimum to third quartile lie at least 0.5% apart.

    Default of ``nvbench-compare-robust``: preset ``default``, ``clear_gap_relative = 0.005``
    (python/scripts/nvbench_compare_robust.py, of 2026). It confirms a gap by the clock of the
    multiprocessors, which on a CPU has no counterpart: the clock counts as constant.
    """
    (old_low, old_high), (new_low, new_high) = map(_low_to_third_quartile, (baseline, candidate))
    return new_low / old_high - 1 >= 0.005 or old_low / new_high - 1 >= 0.005


def _low_to_third_quartile(side: Side) -> tuple[float, float]:
    values = sorted(_pooled(side))
    return values[0], values[(75 * (len(values) - 1) + 50) // 100]


def permutation(baseline: Side, candidate: Side) -> bool:
    """Two-sided permutation test of the launches' medians, at 5%: no tool's, but a sound one."""
    chance = random.Random(0)
    sides = [median(launch) for launch in baseline], [median(launch) for launch in candidate]
    everything = [*sides[0], *sides[1]]
    number, total = len(sides[0]), sum(everything)

    def distance(side_sum: float) -> float:
        return abs(side_sum / number - (total - side_sum) / (len(everything) - number))

    observed = distance(sum(sides[0])) * (1 - 1e-12)
    permutations = 2000
    hits = sum(
        distance(sum(chance.sample(everything, number))) >= observed for _ in range(permutations)
    )
    return (hits + 1) / (permutations + 1) < 0.05


RULES: dict[str, Rule] = {
    "7% change (torchbench)": relative_change,
    "pooled t test, 5% (pyperf)": pooled_t,
    "bootstrap, 1% (criterion)": bootstrap,
    "99% intervals, 1.1 (asv)": median_intervals,
    "smaller noise (nvbench, legacy)": smaller_noise,
    "clear gap, 0.5% (nvbench, robust)": clear_gap,
    "permutation of launch medians, 5%": permutation,
}


def alarms(baseline: Side, candidate: Side) -> dict[str, bool]:
    """Whether each rule raises the alarm, by its name."""
    return {name: rule(baseline, candidate) for name, rule in RULES.items()}


def _pooled(side: Side) -> list[float]:
    return list(chain.from_iterable(side))
