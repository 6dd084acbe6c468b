"""The rules by which tools call two groups of processes different, applied to the same samples.

Each takes two sides, a list of launches with their samples in seconds, and says whether it would
raise the alarm. They are written from what each tool documents, not copied.
"""

import random
from collections.abc import Callable, Sequence
from itertools import chain
from statistics import median, stdev

import numpy as np

Side = Sequence[Sequence[float]]
Rule = Callable[[Side, Side], bool]


def ratio_of_7_percent(baseline: Side, candidate: Side) -> bool:
    """torchbench: the ratio of the medians is 7% or more away from 1."""
    ratio = median(_pooled(candidate)) / median(_pooled(baseline))
    return ratio >= 1.07 or ratio <= 1 / 1.07


def pooled_t(baseline: Side, candidate: Side) -> bool:
    """pyperf: Student's two-sample t test over all samples, at 95%."""
    from scipy.stats import ttest_ind

    return bool(ttest_ind(_pooled(baseline), _pooled(candidate)).pvalue < 0.05)


def pooled_bootstrap(baseline: Side, candidate: Side) -> bool:
    """The idea of criterion: the 95% bootstrap interval of the ratio of means lies beyond 1%."""
    draw = np.random.default_rng(0)
    means = []
    for side in (baseline, candidate):
        pooled = np.asarray(_pooled(side))
        picked = draw.integers(0, len(pooled), (1000, len(pooled)))
        means.append(pooled[picked].mean(axis=1))
    low, high = np.quantile(means[1] / means[0], [0.025, 0.975])
    return bool(low > 1.01 or high < 0.99)


def mann_whitney(baseline: Side, candidate: Side) -> bool:
    """asv: Mann-Whitney's U over all samples at p < 0.002, and a factor of 1.1 or more."""
    from scipy.stats import mannwhitneyu

    factor = median(_pooled(candidate)) / median(_pooled(baseline))
    if 1 / 1.1 < factor < 1.1:
        return False
    return bool(mannwhitneyu(_pooled(baseline), _pooled(candidate)).pvalue < 0.002)


def smaller_noise(baseline: Side, candidate: Side) -> bool:
    """The comparison of nvbench: the means differ by more than the smaller relative deviation."""
    samples = _pooled(baseline), _pooled(candidate)
    means = [sum(side) / len(side) for side in samples]
    noise = min(stdev(side) / mean for side, mean in zip(samples, means, strict=True))
    return abs(means[1] / means[0] - 1) > noise


def permutation(baseline: Side, candidate: Side) -> bool:
    """Two-sided permutation test of the launches' medians, at 5%."""
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
    "7% ratio (torchbench)": ratio_of_7_percent,
    "pooled t test (pyperf)": pooled_t,
    "pooled bootstrap, 1% (criterion)": pooled_bootstrap,
    "Mann-Whitney, 1.1 (asv)": mann_whitney,
    "smaller noise (nvbench)": smaller_noise,
    "permutation of launch medians": permutation,
}


def _pooled(side: Side) -> list[float]:
    return list(chain.from_iterable(side))
