"""Change points of noisy series: where the mean of a case's runs steps, one value a run.

PELT (Killick, Fearnhead and Eckley, Journal of the American Statistical Association 107, 2012)
proposes where a series may step; its penalty is low, so that it misses nothing. Student's t between
the runs on both sides, over the spread of all runs about their means, decides; it allows for every
place at which a step could have been proposed, and for every series looked at.
"""

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import TypeVar

from ..records.gate import THRESHOLD_BETWEEN_RUNS
from .judge import ALPHA
from .stats import Difference, finite

Key = TypeVar("Key")

FEWEST_RUNS = 6
"""In a series of fewer runs no step can be told from noise."""

_SMALLEST = 3  # runs between two steps, so that one odd run is none
_PENALTY = 2.0  # of PELT, times the logarithm of the number of runs: that of BIC
_MAD = 0.6745  # of a standard normal distribution


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of a series: its first value after it, and by how much the logarithm's mean steps."""

    index: int
    difference: Difference


def is_installed() -> bool:
    """Whether the package that `steps` needs is installed."""
    return importlib.util.find_spec("ruptures") is not None


def steps(
    series: Mapping[Key, Sequence[float]],
    *,
    alpha: float = ALPHA,
    threshold: float = THRESHOLD_BETWEEN_RUNS,
) -> dict[Key, tuple[Step, ...]]:
    """The steps of each series of logarithms, those that are more than ``threshold``.

    ``alpha`` is the probability that any is named if none of the series steps. Raises `ValueError`
    for a value that is not finite.
    """
    share = alpha / max(1, len(series))
    return {
        key: tuple(
            step
            for step in _significant(finite(values), share)
            if abs(step.difference.log_ratio) > math.log1p(threshold)
        )
        if len(values) >= FEWEST_RUNS
        else ()
        for key, values in series.items()
    }


def _significant(values: Sequence[float], alpha: float) -> list[Step]:
    """The proposed steps, without the least significant until all that are left are significant."""
    indices = _proposed(values)
    while indices:
        candidates = _tested(values, indices)
        weakest = max(candidates, key=lambda step: step.difference.p)
        if weakest.difference.p * (len(values) - 1) < alpha:
            return candidates
        indices.remove(weakest.index)
    return []


def _proposed(values: Sequence[float]) -> list[int]:
    import numpy as np
    from ruptures import KernelCPD

    changes = [abs(after - before) for before, after in pairwise(values)]
    spread = median(changes) / _MAD / math.sqrt(2)
    if not spread:  # most runs are equal
        spread = fmean(changes) or 1.0
    scaled = (np.array(values) - fmean(values)) / spread
    # With a linear kernel this is PELT with the cost of means, in C: 200 times faster than `Pelt`.
    search = KernelCPD(kernel="linear", min_size=_SMALLEST).fit(scaled)
    ends: list[int] = search.predict(pen=_PENALTY * math.log(len(values)))
    return ends[:-1]


def _tested(values: Sequence[float], indices: Sequence[int]) -> list[Step]:
    """The steps at ``indices``, each between the values up to its neighbours."""
    parts = [tuple(values[start:end]) for start, end in pairwise([0, *indices, len(values)])]
    degrees = len(values) - len(parts)
    squares = math.fsum((value - fmean(part)) ** 2 for part in parts for value in part)
    spread = math.sqrt(squares / degrees)
    return [
        Step(
            index=index,
            difference=Difference(
                log_ratio=fmean(after) - fmean(before),
                standard_error=spread * math.sqrt(1 / len(before) + 1 / len(after)),
                degrees=degrees,
                candidate=after,
                baseline=before,
            ),
        )
        for index, (before, after) in zip(indices, pairwise(parts), strict=True)
    ]
