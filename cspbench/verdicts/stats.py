"""Medians, intervals and tests of latencies, as pure functions.

Comparisons use logarithms, so that a ratio and its inverse are treated alike, and one value a
launch, because samples of one process are not independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median, quantiles, stdev, variance

CONFIDENCE = 0.95
"""The confidence level of all intervals in reports."""

MOST_DEGREES = 1e6
"""Student's t with more degrees of freedom differs from the normal distribution no longer."""

_MAX_LOG = 230.0  # of 1e100: what is beyond overflows soon
_FAR_QUANTILE = 1000.0  # here the approximation is right to 4 digits


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its interval; ``low`` and ``high`` are None with a single launch."""

    value: float
    low: float | None
    high: float | None
    launches: int

    @property
    def relative_half_width(self) -> float | None:
        """Half the width of the interval, divided by the value; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2 / self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The mean logarithm of a latency ratio: over paired launches, or of candidate over baseline.

    ``standard_error`` is None if a side has one launch. ``degrees`` are degrees of freedom of
    Student's t. ``candidate`` and ``baseline`` hold one logarithm a launch; for paired launches
    ``candidate`` holds those of the ratios and ``baseline`` is None. ``weights`` are those of
    paired launches, which sum to 1; None if all are equal. ``is_matched``: launches were compared
    with those of the other side in a like state (`matching`), so that they cannot change sides in
    a permutation test; the two sides hold those that count. ``fixed_error`` is the part of
    ``standard_error`` that no number of launches reduces.
    """

    log_ratio: float
    standard_error: float | None
    degrees: float
    candidate: tuple[float, ...]
    baseline: tuple[float, ...] | None = None
    weights: tuple[float, ...] | None = None
    is_matched: bool = False
    fixed_error: float = 0.0

    @property
    def launches(self) -> int:
        """The number of paired launches, or of launches on the side with fewer."""
        sides = (self.candidate, self.baseline or self.candidate)
        return min(map(len, sides))

    @property
    def p(self) -> float:
        """The two-sided p of Student's t against a ratio of 1; 1 without a standard error."""
        if self.standard_error is None:
            return 1.0
        if self.standard_error == 0:
            return 1.0 if self.log_ratio == 0 else 0.0
        from scipy.special import stdtr

        return float(2 * stdtr(self.degrees, -abs(self.log_ratio / self.standard_error)))

    def expected(self, launches: int) -> tuple[float, float]:
        """The standard error and degrees of freedom of so many launches of the same spread.

        Raises `ValueError` without a standard error.
        """
        if self.standard_error is None:
            raise ValueError("one launch on a side has no spread")
        degrees = self.degrees * (launches - 1) / (self.launches - 1)
        variance_now = self.standard_error**2 - self.fixed_error**2
        if variance_now <= 0:
            return self.standard_error, degrees
        expected_variance = variance_now * self.launches / launches
        error = math.hypot(math.sqrt(expected_variance), self.fixed_error)
        now = self.standard_error**2 / variance_now
        degrees *= (error**2 / expected_variance / now) ** 2
        return error, min(degrees, MOST_DEGREES)

    def margin(self, confidence: float = CONFIDENCE) -> float | None:
        """Half the width of the interval, on the logarithm; None without a standard error."""
        if self.standard_error is None:
            return None
        return t_quantile(0.5 + confidence / 2, self.degrees) * self.standard_error

    def estimate(self, confidence: float = CONFIDENCE) -> Estimate:
        """The ratio with its interval."""
        margin = self.margin(confidence)
        return Estimate(
            value=exp(self.log_ratio),
            low=None if margin is None else exp(self.log_ratio - margin),
            high=None if margin is None else exp(self.log_ratio + margin),
            launches=self.launches,
        )

    def detectable(self, alpha: float, power: float = 0.8) -> float | None:
        """The smallest change, as a share, that a t test at ``alpha`` detects with ``power``.

        From the non-central t distribution (Cohen 1988, chapter 2). None without a standard error.
        """
        if self.standard_error is None:
            return None
        errors = _detectable_errors(self.degrees, alpha, power)
        return expm1(errors * self.standard_error)


def paired(log_ratios: Sequence[float], weights: Sequence[float] | None = None) -> Difference:
    """The difference of two cases from one log-ratio a launch in which they took turns.

    ``weights`` of launches that are known with different precision are proportional to the inverse
    of their variances. The error is that of Hartung and Knapp (Statistics in Medicine 20, 2001) and
    of Sidik and Jonkman (ibid. 21, 2002): with equal weights that of Student's t. Raises
    `ValueError` for no values or a value that is not finite.
    """
    logs = finite(log_ratios)
    number = len(logs)
    if weights is None:
        return Difference(
            log_ratio=fmean(logs),
            standard_error=stdev(logs) / math.sqrt(number) if number > 1 else None,
            degrees=number - 1,
            candidate=logs,
        )
    total = math.fsum(weights)
    shares = tuple(weight / total for weight in weights)
    mean = math.fsum(share * log for share, log in zip(shares, logs, strict=True))
    squares = (share * (log - mean) ** 2 for share, log in zip(shares, logs, strict=True))
    return Difference(
        log_ratio=mean,
        standard_error=math.sqrt(math.fsum(squares) / (number - 1)) if number > 1 else None,
        degrees=number - 1,
        candidate=logs,
        weights=shares,
    )


def welch(baseline: Sequence[float], candidate: Sequence[float]) -> Difference:
    """The difference of candidate over baseline by Welch's test, from one log latency a launch.

    Raises `ValueError` for an empty side or a value that is not finite.
    """
    sides = finite(baseline), finite(candidate)
    numbers = [len(side) for side in sides]
    error, degrees = None, 0.0
    if min(numbers) > 1:
        parts = [variance(side) / len(side) for side in sides]
        error, degrees = math.sqrt(sum(parts)), welch_degrees(parts, numbers)
    return Difference(
        log_ratio=fmean(sides[1]) - fmean(sides[0]),
        standard_error=error,
        degrees=degrees,
        candidate=sides[1],
        baseline=sides[0],
    )


def log_estimate(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Estimate:
    """The geometric mean of per-launch values, with Student's t interval on their logarithms.

    Raises `ValueError` for no values or a value that is not positive and finite.
    """
    return _mean_log(values).estimate(confidence)


def latency_estimate(launches: Sequence[Sequence[float]]) -> Estimate:
    """The latency in seconds per iteration: `log_estimate` of the launches' median samples."""
    return log_estimate([median(samples) for samples in launches])


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted by Holm's method, so that together they keep the level alpha.

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
    """The number of samples more than 1.5 interquartile ranges outside the quartiles.

    >>> tukey_outliers([1.0, 1.1, 1.2, 1.1, 1.0, 9.0])
    1
    """
    if len(samples) < 4:
        return 0
    low, _, high = quantiles(samples, method="inclusive")
    reach = 1.5 * (high - low)
    return sum(not low - reach <= sample <= high + reach for sample in samples)


def welch_degrees(variances: Sequence[float], launches: Sequence[float]) -> float:
    """The degrees of freedom of a difference (Welch, Biometrika 34, 1947).

    ``variances`` are those of the two means, each estimated from that many ``launches``.
    """
    squares = (part**2 / (number - 1) for part, number in zip(variances, launches, strict=True))
    spread = sum(squares)
    most = sum(launches) - 2.0  # and at least those of the smaller side, but for rounding
    degrees = sum(variances) ** 2 / spread if spread else most
    return min(max(degrees, min(launches) - 1.0), most)


def half_width(spread: float, launches: int) -> float | None:
    """Half the width of a ratio's interval, given the standard deviation of its logarithm.

    None for fewer than two launches.
    """
    if launches < 2:
        return None
    quantile = t_quantile(0.5 + CONFIDENCE / 2, launches - 1)
    return expm1(quantile * spread / math.sqrt(launches))


def exp(log: float) -> float:
    """The exponential, within 1e-100 to 1e100."""
    return math.exp(min(max(log, -_MAX_LOG), _MAX_LOG))


def expm1(log: float) -> float:
    """The exponential less 1, at most 1e100."""
    return math.expm1(min(log, _MAX_LOG))


def t_quantile(probability: float, degrees: float) -> float:
    """The quantile of Student's t distribution with ``degrees`` degrees of freedom."""
    from scipy.special import stdtrit  # scipy.stats would take most of a second to import

    return float(stdtrit(degrees, probability))


@lru_cache(maxsize=4096)  # milliseconds each, and most cases of a run have the same degrees
def _detectable_errors(degrees: float, alpha: float, power: float) -> float:
    """The effect, in standard errors, that a t test at ``alpha`` detects with ``power``.

    For a ``quantile`` of t far beyond 1, the normal part of the non-central t is negligible: the
    effect divided by the spread's chi must exceed it. SciPy would not end there.
    """
    from scipy.special import chdtri, nctdtrinc

    quantile = t_quantile(1 - alpha / 2, degrees)
    if quantile > _FAR_QUANTILE:
        return float(quantile * math.sqrt(chdtri(degrees, 1 - power) / degrees))
    return float(nctdtrinc(degrees, 1 - power, quantile))


def _mean_log(values: Sequence[float]) -> Difference:
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"per-launch values must be positive and finite, got {list(values)}")
    return paired([math.log(value) for value in values])


def finite(values: Sequence[float]) -> tuple[float, ...]:
    """``values``; raises `ValueError` if there are none or one is not finite."""
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"one finite value a launch is needed, got {list(values)}")
    return tuple(values)
