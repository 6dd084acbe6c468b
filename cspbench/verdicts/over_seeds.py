"""Statistics over seeds of trainings: means with intervals, and differences paired by seed."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from ..records.trainings import Reading, Training
from .stats import CONFIDENCE, Difference, Estimate, paired, t_quantile


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of shares, one a seed, with Student's t interval clipped to 0 and 1.

    Raises `ValueError` for no values.
    """
    mean, number = fmean(values), len(values)
    if number < 2:
        return Estimate(value=mean, low=None, high=None, launches=number)
    quantile = t_quantile(0.5 + CONFIDENCE / 2, number - 1)
    half = quantile * stdev(values) / math.sqrt(number)
    return Estimate(
        value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), launches=number
    )


def paired_by_seed(
    candidate: Sequence[Training],
    baseline: Sequence[Training],
    value: Callable[[Reading], float],
    place: int,
) -> Difference | None:
    """The difference of ``value`` between two blocks, paired by seed; None if no seed is shared.

    ``place`` is the index of the reading: 0 for the start, -1 for the end. The difference is on the
    scale of the value itself, not a logarithm.
    """
    baselines = {training.seed: training for training in baseline}
    differences = [
        value(training.readings[place]) - value(baselines[training.seed].readings[place])
        for training in candidate
        if training.seed in baselines
    ]
    return paired(differences) if differences else None
