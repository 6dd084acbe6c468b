"""Trainings of blocks: similarities of gradients at several steps."""

from itertools import combinations
from statistics import fmean
from typing import Annotated

import msgspec

from .base import Amount, Frozen, Name, Share, Whole

Positive = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]

Square = tuple[tuple[Share, ...], ...]
"""A square matrix with a row and a column for each feature map."""


class Reading(Frozen, frozen=True, kw_only=True):
    """Similarities of the gradients of the held-out images at one step.

    ``cka`` and ``directions`` compare every two feature maps, ``parts_cka`` and
    ``parts_directions`` two parts of one map's gradient. ``control_cka`` compares the even and the
    odd channels, two halves that no design treats differently. ``effective_rank`` is the rank of
    the gradients of all maps side by side, ``columns`` channels in all. ``loss`` is taken in
    training mode, as the gradients are its own, and ``accuracy`` in evaluation mode.
    """

    step: Whole
    loss: Amount
    accuracy: Share
    cka: Square
    directions: Square
    parts_cka: Share
    parts_directions: Share
    control_cka: Share
    effective_rank: Amount
    columns: Positive

    @property
    def relative_rank(self) -> float:
        """The effective rank divided by the number of columns."""
        return self.effective_rank / self.columns

    @property
    def mean_cka(self) -> float | None:
        """The mean CKA over pairs of different maps; None if there is one map."""
        pairs = [self.cka[row][column] for row, column in combinations(range(len(self.cka)), 2)]
        return fmean(pairs) if pairs else None


COMPARED = ("parts_cka", "mean_cka", "relative_rank", "accuracy")
"""The figures of a training's last `Reading` that a comparison of two runs judges."""


class Training(Frozen, frozen=True, kw_only=True):
    """One training of a block: the measured feature maps, base first, and the readings.

    ``cut`` is the map whose two parts are compared and ``parts`` their numbers of channels. If
    ``own``, the block itself cuts the map; otherwise it is the base, cut in halves. ``parameters``
    counts those of the block alone.
    """

    seed: Whole
    parameters: Whole
    maps: tuple[Name, ...]
    cut: Name
    parts: tuple[Positive, Positive]
    own: bool
    readings: Annotated[tuple[Reading, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Raise ValueError unless each matrix compares every two maps."""
        for reading in self.readings:
            for square in (reading.cka, reading.directions):
                if {len(self.maps)} != {len(square), *map(len, square)}:
                    raise ValueError(f"step {reading.step}: not one similarity a pair of maps")
