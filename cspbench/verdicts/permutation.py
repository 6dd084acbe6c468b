"""The permutation test of a difference between launches, shown beside Student's t."""

import math
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .stats import Difference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_PERMUTED = 500  # launches; of more, a mean is normally distributed whatever they are
_MAX_ENUMERATED = 1 << 14  # up to this many arrangements are enumerated
_DRAWN = 9_999  # and this many drawn at random if there are more


def smallest_p(difference: Difference) -> float:
    """The smallest possible p of a permutation test with as many launches.

    It is 1 of matched launches and with more than 500, of which no such test is made: Student's
    t needs none of them to be normally distributed, and drawing arrangements of so many takes
    minutes.
    """
    number = len(difference.candidate)
    if difference.is_matched or number + len(difference.baseline or ()) > _MAX_PERMUTED:
        return 1.0
    arrangements = _arrangements(difference)
    if arrangements > _MAX_ENUMERATED:
        return 1 / (_DRAWN + 1)
    is_symmetric = difference.baseline is None or number == len(difference.baseline)
    return (2 if is_symmetric else 1) / arrangements


def permutation_p(difference: Difference) -> float:
    """The p of a two-sided permutation test, which needs none of Student's assumptions.

    For paired launches, the share of sign patterns whose mean, weighted as the observed mean
    is, is at least as far from 0. For two sides, the share of ways to divide the launches whose
    means differ at least as much. Of more than 16,384 arrangements 9,999 are drawn, always the
    same.
    """
    import numpy as np

    values = np.array([*difference.candidate, *(difference.baseline or ())])
    number = len(difference.candidate)
    if difference.weights is not None:
        values *= number * np.array(difference.weights)
    weights = _weights(
        number, len(values) - number, enumerated=_arrangements(difference) <= _MAX_ENUMERATED
    )
    distances = np.abs(weights @ values)
    observed = abs(difference.log_ratio)
    # the tolerance covers rounding: equal sums are added up in different orders
    hits = int((distances >= observed - 1e-12 * (1 + observed)).sum())
    if _arrangements(difference) <= _MAX_ENUMERATED:
        return hits / len(weights)
    return (hits + 1) / (_DRAWN + 1)


def _arrangements(difference: Difference) -> int:
    """The number of arrangements of a difference's launches under a permutation test."""
    number = len(difference.candidate)
    if difference.baseline is None:
        return 1 << number
    return math.comb(number + len(difference.baseline), number)


@lru_cache(maxsize=4)  # up to 40 MB each
def _weights(number: int, others: int, *, enumerated: bool) -> "NDArray[np.float64]":
    """The weights of each launch in the difference of means: one row for each arrangement."""
    import numpy as np

    draw = np.random.default_rng(0)
    if not others:  # paired launches: an arrangement flips signs
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
