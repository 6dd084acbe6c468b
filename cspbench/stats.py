"""Medians and intervals: pure functions. The unit of replication is the launch, not the sample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev


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


def log_estimate(values: Sequence[float], *, confidence: float = 0.95) -> Estimate:
    """Geometric mean of positive per-launch values with Student's t interval on their logarithms.

    Raises `ValueError` for no values, or one that is not positive and finite.
    """
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"per-launch values must be positive and finite, got {list(values)}")
    logs = [math.log(value) for value in values]
    centre = fmean(logs)
    if len(logs) == 1:
        return Estimate(value=values[0], low=None, high=None, launches=1)
    half = _t_quantile(0.5 + confidence / 2, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return Estimate(
        value=math.exp(centre),
        low=math.exp(centre - half),
        high=math.exp(centre + half),
        launches=len(logs),
    )


def latency_estimate(launches: Sequence[Sequence[float]]) -> Estimate:
    """Seconds per iteration: the median of each launch's samples, then over launches."""
    return log_estimate([median(samples) for samples in launches])


def ratio_estimate(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Estimate:
    """The ratio of two cases that took turns: (numerator, denominator) samples a launch.

    Each turn gives one ratio, each launch the median of its turns' ratios, the launches the
    estimate. Raises `ValueError` where the two sides of a launch differ in length.
    """
    return log_estimate(
        [
            median(top / bottom for top, bottom in zip(tops, bottoms, strict=True))
            for tops, bottoms in pairs
        ]
    )


def _t_quantile(probability: float, degrees: int) -> float:
    from scipy.special import stdtrit  # scipy.stats would take most of a second to import

    return float(stdtrit(degrees, probability))
