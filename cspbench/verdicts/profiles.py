"""Statistics over the profiles of a case: one value a process, with intervals."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from .stats import Estimate, log_estimate


def over_profiles(values: Sequence[float]) -> Estimate:
    """The geometric mean of values, one a profile, with Student's t interval on the logarithm.

    The mean without an interval, if a value is 0. Raises `ValueError` for no values.
    """
    if values and min(values) <= 0:
        return Estimate(value=fmean(values), low=None, high=None, launches=len(values))
    return log_estimate(values)


def share_over_profiles(shares: Sequence[float]) -> Estimate:
    """`over_profiles` of shares, whose interval ends at 1."""
    estimate = over_profiles(shares)
    return estimate if estimate.high is None else replace(estimate, high=min(1.0, estimate.high))
