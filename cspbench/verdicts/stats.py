"""Medians, intervals and tests: pure functions. The launch is the unit of replication.

Everything that compares works on logarithms of latencies, so that a ratio and its inverse are
treated alike, and on one value a launch: samples of one process are not independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from statistics import fmean, median, quantiles, stdev, variance
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Of every interval that is shown."""

_LARGEST_LOG = 700.0  # beyond it an exponential overflows
_ENUMERATED = 1 << 14  # arrangements that a permutation test goes through one by one
_DRAWN = 9_999  # arrangements that it draws where there are more


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its interval; ``low`` and ``high`` are None where one launch gives none."""

    value: float
    low: float | None
    high: float | None
    launches: int

    @property
    def relative_half_width(self) -> float | None:
        """Half the interval's width over the value."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2 / self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A mean logarithm over launches: of a ratio that was paired, or of one side over the other.

    ``standard_error`` is None where a side has one launch. ``degrees`` are those of Student's t.
    ``candidate`` and ``baseline`` are the logarithms by launch; ``baseline`` is None where
    ``candidate`` holds those of paired ratios.
    """

    log_ratio: float
    standard_error: float | None
    degrees: float
    candidate: tuple[float, ...]
    baseline: tuple[float, ...] | None = None

    @property
    def launches(self) -> int:
        """The number of pairs, or of the launches of the smaller side."""
        sides = (self.candidate, self.baseline or self.candidate)
        return min(map(len, sides))

    @property
    def p(self) -> float:
        """Student's t, two-sided, against a ratio of 1; 1 where there is no standard error."""
        if self.standard_error is None:
            return 1.0
        if self.standard_error == 0:
            return 1.0 if self.log_ratio == 0 else 0.0
        from scipy.special import stdtr

        return float(2 * stdtr(self.degrees, -abs(self.log_ratio / self.standard_error)))

    @property
    def smallest_p(self) -> float:
        """The least that `permutation_p` could be with so many launches, however clear they are."""
        number = len(self.candidate)
        if self.baseline is None:
            exact = 2.0 ** (1 - number)
        else:
            ways = math.comb(number + len(self.baseline), number)
            exact = (2 if number == len(self.baseline) else 1) / ways
        return exact if _ways(self) <= _ENUMERATED else 1 / (_DRAWN + 1)

    def permutation_p(self) -> float:
        """A two-sided test without Student's assumptions.

        Pairs: the share of sign patterns whose mean lies as far from 0 as the one that was seen.
        Two sides: the share of ways to deal the launches out whose means differ as much. More than
        16,384 of either are drawn, 9,999 of them, always the same.
        """
        import numpy as np

        values = np.array([*self.candidate, *(self.baseline or ())])
        number = len(self.candidate)
        weights = _weights(number, len(values) - number, enumerated=_ways(self) <= _ENUMERATED)
        distances = np.abs(weights @ values)
        observed = abs(self.log_ratio)
        # equal but for the order of the additions
        hits = int((distances >= observed - 1e-12 * (1 + observed)).sum())
        if _ways(self) <= _ENUMERATED:
            return hits / len(weights)
        return (hits + 1) / (_DRAWN + 1)

    def margin(self, confidence: float = CONFIDENCE) -> float | None:
        """Half the interval's width, on the logarithm."""
        if self.standard_error is None:
            return None
        return t_quantile(0.5 + confidence / 2, self.degrees) * self.standard_error

    def estimate(self, confidence: float = CONFIDENCE) -> Estimate:
        """The ratio with its interval."""
        margin = self.margin(confidence)
        return Estimate(
            value=math.exp(self.log_ratio),
            low=None if margin is None else math.exp(self.log_ratio - margin),
            high=None if margin is None else math.exp(self.log_ratio + margin),
            launches=self.launches,
        )

    def detectable(self, alpha: float, power: float = 0.8) -> float | None:
        """The least change, as a share, that such launches would show with that probability.

        From the non-central t distribution (Cohen 1988, chapter 2).
        """
        if self.standard_error is None:
            return None
        reach = _detectable_errors(self.degrees, alpha, power)
        return math.expm1(min(reach * self.standard_error, _LARGEST_LOG))


def paired(log_ratios: Sequence[float]) -> Difference:
    """Student's paired test: one log-ratio a launch, of two cases that took turns in it.

    Raises `ValueError` for no values, or one that is not finite.
    """
    logs = _finite(log_ratios)
    number = len(logs)
    return Difference(
        log_ratio=fmean(logs),
        standard_error=stdev(logs) / math.sqrt(number) if number > 1 else None,
        degrees=number - 1,
        candidate=logs,
    )


def welch(baseline: Sequence[float], candidate: Sequence[float]) -> Difference:
    """Welch's test of log latencies, one a launch, of two runs: candidate over baseline.

    Raises `ValueError` for an empty side, or a value that is not finite.
    """
    sides = _finite(baseline), _finite(candidate)
    numbers = [len(side) for side in sides]
    error, degrees = None, 0.0
    if min(numbers) > 1:
        parts = [variance(side) / len(side) for side in sides]
        error = math.sqrt(sum(parts))
        spread = sum(part**2 / (number - 1) for part, number in zip(parts, numbers, strict=True))
        degrees = sum(parts) ** 2 / spread if spread else float(sum(numbers) - 2)
    return Difference(
        log_ratio=fmean(sides[1]) - fmean(sides[0]),
        standard_error=error,
        degrees=degrees,
        candidate=sides[1],
        baseline=sides[0],
    )


def log_estimate(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Estimate:
    """Geometric mean of positive per-launch values with Student's t interval on their logarithms.

    Raises `ValueError` for no values, or one that is not positive and finite.
    """
    return _mean_log(values).estimate(confidence)


def latency_estimate(launches: Sequence[Sequence[float]]) -> Estimate:
    """Seconds per iteration: the median of each launch's samples, then over launches."""
    return log_estimate([median(samples) for samples in launches])


def log_ratio(tops: Sequence[float], bottoms: Sequence[float]) -> float:
    """The median over turns of log(top / bottom) of two cases in one launch.

    Raises `ValueError` where the two sides differ in length or a sample is not positive.
    """
    return median(math.log(top / bottom) for top, bottom in zip(tops, bottoms, strict=True))


def log_median(samples: Sequence[float]) -> float:
    """The logarithm of a launch's median sample."""
    return math.log(median(samples))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment: each may be held against alpha, and all together keep it.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def tukey_outliers(samples: Sequence[float]) -> int:
    """How many samples lie more than 1.5 quartile distances outside the quartiles.

    >>> tukey_outliers([1.0, 1.1, 1.2, 1.1, 1.0, 9.0])
    1
    """
    if len(samples) < 4:
        return 0
    low, _, high = quantiles(samples, method="inclusive")
    reach = 1.5 * (high - low)
    return sum(not low - reach <= sample <= high + reach for sample in samples)


def half_width(spread: float, launches: int) -> float | None:
    """Half the interval of a ratio whose logarithm has that spread over so many launches."""
    if launches < 2:
        return None
    quantile = t_quantile(0.5 + CONFIDENCE / 2, launches - 1)
    return math.expm1(quantile * spread / math.sqrt(launches))


def t_quantile(probability: float, degrees: float) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit  # scipy.stats would take most of a second to import

    return float(stdtrit(degrees, probability))


@lru_cache(maxsize=4096)  # milliseconds each, and most cases of a run have the same degrees
def _detectable_errors(degrees: float, alpha: float, power: float) -> float:
    """The non-centrality that a t test finds with that power: an effect in standard errors."""
    from scipy.special import nctdtrinc

    return float(nctdtrinc(degrees, 1 - power, t_quantile(1 - alpha / 2, degrees)))


def _mean_log(values: Sequence[float]) -> Difference:
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"per-launch values must be positive and finite, got {list(values)}")
    return paired([math.log(value) for value in values])


def _finite(values: Sequence[float]) -> tuple[float, ...]:
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"one finite value a launch is needed, got {list(values)}")
    return tuple(values)


def _ways(difference: Difference) -> int:
    """How many arrangements there are of a difference's launches."""
    number = len(difference.candidate)
    if difference.baseline is None:
        return 1 << number
    return math.comb(number + len(difference.baseline), number)


@lru_cache(maxsize=16)
def _weights(number: int, others: int, *, enumerated: bool) -> "NDArray[np.float64]":
    """One row an arrangement: what each launch counts for in the difference of the means."""
    import numpy as np

    draw = np.random.default_rng(0)
    if not others:  # pairs, whose signs may be flipped
        if enumerated:
            bits: NDArray[Any] = np.arange(1 << number)[:, None] >> np.arange(number) & 1
        else:
            bits = draw.integers(0, 2, (_DRAWN, number))
        return (1.0 - 2.0 * bits) / number
    total = number + others
    if enumerated:
        first = np.array(list(combinations(range(total), number)))
    else:
        first = draw.random((_DRAWN, total)).argsort(axis=1)[:, :number]
    weights = np.full((len(first), total), -1.0 / others)
    np.put_along_axis(weights, first, 1.0 / number, axis=1)
    return weights
