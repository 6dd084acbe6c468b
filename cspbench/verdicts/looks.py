"""Repeated looks at growing data: when a case is judged, and at which level each time.

A case that is judged again and again, as launches are added, would sooner or later be called worse,
better or the same by chance. The levels are group-sequential: each look may spend a share of the
whole error, after Lan and DeMets (Biometrika 70, 1983), and its level follows from the shares and
from what the looks have in common by the integration of Armitage, McPherson and Rowe (Journal of
the Royal Statistical Society A 132, 1969). Student's t is used at the level of the normal test, as
in section 4.4 of Jennison and Turnbull, Group Sequential Methods (2000), whose repeated confidence
intervals are those that are shown.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GROWTH = 1.25  # factor between the launches at one look and at the next
_KEPT = 0.8  # of the error that is left, at each look
_POINTS = 401  # of the grid that a density is integrated on
_MAX_SCORE = 40.0  # in standard deviations: no level is below the tail beyond it
_TOLERANCE = 1e-9  # of a bound, in standard deviations


def next_look(launches: int) -> int:
    """The number of launches at the look after the one at ``launches`` launches."""
    return max(launches + 1, math.ceil(launches * _GROWTH))


def looks(first: int, launches: int) -> tuple[int, ...]:
    """The launches at each look from ``first`` on, up to the first that has ``launches``."""
    return tuple(_looks(max(first, 2), launches))


def _looks(first: int, launches: int) -> Iterator[int]:
    yield first
    while first < launches:
        first = next_look(first)
        yield first


def level(error: float, numbers: Sequence[int]) -> float:
    """The two-sided level of the last of the looks at ``numbers`` of launches.

    Over all looks that may follow, identical code exceeds its levels with a probability of
    ``error``.
    """
    return _levels(error, tuple(numbers))[-1]


@lru_cache(maxsize=1024)
def _levels(error: float, numbers: tuple[int, ...]) -> tuple[float, ...]:
    """The level of each look; those of earlier looks do not depend on later ones."""
    spent = [error * (1 - _KEPT ** (index + 1)) for index in range(len(numbers))]
    if len(numbers) == 1:
        return (spent[0],)
    return tuple(spending_levels(numbers, spent))


def spending_levels(information: Sequence[float], spent: Sequence[float]) -> Iterator[float]:
    """The two-sided level of each look of a normal test that spends errors up to ``spent``.

    ``information`` grows from look to look, as the number of launches does; ``spent`` sums up.
    """
    import numpy as np
    from scipy.special import ndtr

    grid: NDArray[np.float64] = np.zeros(1)  # sums of the data, and the probability of each
    chances: NDArray[np.float64] = np.ones(1)
    before, spent_before = 0.0, 0.0
    for amount, spent_now in zip(information, spent, strict=True):
        deviation = math.sqrt(amount - before)
        bound = _bound(grid, chances, deviation, spent_now - spent_before, math.sqrt(amount))
        yield float(2 * ndtr(-bound / math.sqrt(amount)))
        points = np.linspace(-bound, bound, _POINTS)
        steps = np.full(_POINTS, points[1] - points[0])
        steps[[0, -1]] /= 2
        scores = (points[:, None] - grid[None, :]) / deviation
        densities = np.exp(-(scores**2) / 2) / (deviation * math.sqrt(2 * math.pi))
        grid, chances = points, steps * (densities @ chances)
        before, spent_before = amount, spent_now


def _bound(
    grid: "NDArray[np.float64]",
    chances: "NDArray[np.float64]",
    deviation: float,
    error: float,
    scale: float,
) -> float:
    """The sum that is exceeded on either side with a probability of ``error`` at this look."""
    from scipy.special import ndtr

    low, high = 0.0, _MAX_SCORE * scale
    while high - low > _TOLERANCE * scale:
        middle = (low + high) / 2
        beyond = ndtr((grid - middle) / deviation) + ndtr((-grid - middle) / deviation)
        if float(chances @ beyond) > error:
            low = middle
        else:
            high = middle
    return high
