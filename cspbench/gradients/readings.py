"""What a training leaves: similarities of gradients at some steps, and their means over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

from .. import stats

Square = tuple[tuple[float, ...], ...]
"""One row, and in it one column, a feature map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The gradients of the held images at one step.

    ``cka`` and ``directions`` compare each feature map with each; ``parts_cka`` and
    ``parts_directions`` two parts of one map's gradient, ``control_cka`` its even and its odd
    channels: two halves that no design treats differently. ``effective_rank`` is that of the
    gradients of all maps side by side, of ``columns`` channels together. ``loss`` and ``accuracy``
    are of the held images: the loss in training mode, as the gradients are its own; the accuracy in
    evaluation mode.
    """

    step: int
    loss: float
    accuracy: float
    cka: Square
    directions: Square
    parts_cka: float
    parts_directions: float
    control_cka: float
    effective_rank: float
    columns: int

    @property
    def relative_rank(self) -> float:
        """The effective rank over the number of columns."""
        return self.effective_rank / self.columns

    @property
    def mean_cka(self) -> float:
        """The mean over pairs of different maps; 0 where there is one map."""
        return _mean_of_pairs(self.cka)

    @property
    def mean_directions(self) -> float:
        """As `mean_cka`, of the shared directions."""
        return _mean_of_pairs(self.directions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One training of a block: the maps that were measured, base first, and the readings.

    ``cut`` is the map whose two parts are compared, ``parts`` their channels: where the block cuts
    a map (``own``), and else the base in halves. ``parameters`` are the block's alone.
    """

    seed: int
    parameters: int
    maps: tuple[str, ...]
    cut: str
    parts: tuple[int, int]
    own: bool
    readings: tuple[Reading, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean over seeds, with half its 95 % interval; None where there is one seed."""

    mean: float
    half_width: float | None


def over_seeds(values: Sequence[float]) -> Interval:
    """Mean of one value a seed, with Student's t interval; raises ValueError for none."""
    number = len(values)
    if number < 2:
        return Interval(mean=fmean(values), half_width=None)
    quantile = stats.t_quantile(0.5 + stats.CONFIDENCE / 2, number - 1)
    return Interval(mean=fmean(values), half_width=quantile * stdev(values) / math.sqrt(number))


def _mean_of_pairs(square: Square) -> float:
    pairs = [square[row][column] for row, column in combinations(range(len(square)), 2)]
    return fmean(pairs) if pairs else 0.0
