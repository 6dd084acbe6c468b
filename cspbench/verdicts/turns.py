"""Ratios of one launch, from the turns that two cases took together, and how far they vary.

A launch tells a ratio with the variance of its turns, and launches differ by more than that. Both
variances weigh launches that had different numbers of turns, and choose how many turns the next has
(`split`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from .stats import Difference, paired

_TRIMMED = 0.25


@dataclass(frozen=True, slots=True)
class LaunchRatio:
    """The log-ratio of two cases in one launch, and its variance by ``turns``, None if unknown."""

    log_ratio: float
    variance: float | None
    turns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Variances:
    """The variances of a pair's log-ratio: of one turn in a launch, and between launches."""

    within: float
    between: float

    def of_launch(self, turns: float) -> float:
        """The variance of the log-ratio of a launch with so many turns."""
        return self.between + self.within / turns


def log_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The log-ratio of two cases' samples in one launch: see `launch_ratio`."""
    return launch_ratio(numerators, denominators).log_ratio


def launch_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> LaunchRatio:
    """The interquartile mean over turns of the log-ratio of two cases' samples in one launch.

    The cases may have taken different numbers of turns: those that both took, which are the first,
    count. The variance is that of a trimmed mean by Yuen (Biometrika 61, 1974).
    Raises `ValueError` if a sample is not positive.
    """
    logs = sorted(map(_log_ratio, numerators, denominators))
    return LaunchRatio(_interquartile_mean(logs), _variance_of_mean(logs), len(logs))


def difference_of(ratios: Sequence[LaunchRatio]) -> Difference:
    """The difference of two cases from the ratios of launches, weighted by their precision.

    Raises `ValueError` for no launch, or a ratio that is not finite.
    """
    logs = [ratio.log_ratio for ratio in ratios]
    if len({ratio.turns for ratio in ratios}) <= 1:
        return paired(logs)
    variances = variances_of(ratios)
    launch_variances = [variances.of_launch(ratio.turns) for ratio in ratios]
    if not all(launch_variances):  # all turns of all launches are equal
        return paired(logs)
    return paired(logs, [1 / launch_variance for launch_variance in launch_variances])


def variances_of(ratios: Sequence[LaunchRatio]) -> Variances:
    """The variances of a pair by its launches; 0 between them with a single one.

    That within a launch is pooled, weighted by turns; that between launches is what is left of the
    spread of launches: the estimator of DerSimonian and Laird (Controlled Clinical Trials 7, 1986).
    """
    measured = [ratio for ratio in ratios if ratio.variance is not None]
    turns = sum(ratio.turns for ratio in measured)
    within = 0.0
    if turns:
        squares = (ratio.turns**2 * (ratio.variance or 0.0) for ratio in measured)
        within = math.fsum(squares) / turns
    return Variances(within=within, between=_between(ratios, within))


def _between(ratios: Sequence[LaunchRatio], within: float) -> float:
    logs = [ratio.log_ratio for ratio in ratios]
    if len(logs) < 2:
        return 0.0
    if not within:
        return variance(logs)
    weights = [ratio.turns / within for ratio in ratios]
    total = math.fsum(weights)
    mean = math.fsum(weight * log for weight, log in zip(weights, logs, strict=True)) / total
    spread = math.fsum(
        weight * (log - mean) ** 2 for weight, log in zip(weights, logs, strict=True)
    )
    scale = total - math.fsum(weight**2 for weight in weights) / total
    return max(0.0, (spread - (len(logs) - 1)) / scale)


def difference(
    numerator: Mapping[int, Sequence[float]], denominator: Mapping[int, Sequence[float]]
) -> Difference | None:
    """The difference of two cases over launches that both took part in; None without any.

    Both arguments hold samples by the number of the launch.
    """
    ratios = ratios_of(numerator, denominator)
    return difference_of(ratios) if ratios else None


def ratios_of(
    numerator: Mapping[int, Sequence[float]], denominator: Mapping[int, Sequence[float]]
) -> list[LaunchRatio]:
    """The ratio of two cases in each launch that both took part in."""
    return [
        launch_ratio(samples, denominator[launch])
        for launch, samples in numerator.items()
        if launch in denominator
    ]


def _interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half of sorted ``values``; those at its edges count in part."""
    number = len(values)
    if number < 3:
        return fmean(values)
    cut = _TRIMMED * number
    whole = int(cut)
    edge = 1 - (cut - whole)
    inner = values[whole + 1 : number - whole - 1]
    total = math.fsum((edge * values[whole], edge * values[number - whole - 1], *inner))
    return total / (number - 2 * cut)


def _variance_of_mean(values: Sequence[float]) -> float | None:
    """The variance of the interquartile mean of sorted ``values``; None for a single one."""
    number = len(values)
    if number < 2:
        return None
    whole = int(_TRIMMED * number)
    low, high = values[whole], values[number - whole - 1]
    winsorized = [min(max(value, low), high) for value in values]
    middle = number - 2 * whole
    return variance(winsorized) * (number - 1) / (middle * (middle - 1))


def _log_ratio(numerator: float, denominator: float) -> float:
    ratio = numerator / denominator
    if 0 < ratio < math.inf:
        return math.log(ratio)
    return math.log(numerator) - math.log(denominator)  # the ratio itself is out of range
