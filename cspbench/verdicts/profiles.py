"""Statistics over the profiles of a case: one value a process, with intervals."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from .stats import Estimate, log_estimate


def over_profiles(values: Sequence[float]) -> Estimate:
    """The mean of values, one a profile, so that means of parts add up.

    Its interval is Student's on the logarithm, about the mean; there is none if a value is 0.
    Raises `ValueError` for no values.
    """
    mean = fmean(values)
    if min(values) <= 0:
        return Estimate(value=mean, low=None, high=None, launches=len(values))
    geometric = log_estimate(values)
    if geometric.low is None or geometric.high is None:
        return replace(geometric, value=mean)
    scale = mean / geometric.value
    return replace(geometric, value=mean, low=scale * geometric.low, high=scale * geometric.high)


def share_over_profiles(shares: Sequence[float]) -> Estimate:
    """`over_profiles` of shares, whose interval ends at 1."""
    estimate = over_profiles(shares)
    return estimate if estimate.high is None else replace(estimate, high=min(1.0, estimate.high))
