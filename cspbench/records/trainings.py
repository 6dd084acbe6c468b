"""What a training leaves: similarities of gradients at some steps."""

from itertools import combinations
from statistics import fmean
from typing import Annotated, Literal, get_args

import msgspec

from .base import Frozen, Share, Whole

Positive = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]

Head = Literal["pool", "conv"]
HEADS: tuple[Head, ...] = get_args(Head)
"""What follows a block in training: a global average pool at once, or a 3x3 convolution before."""

Square = tuple[tuple[Share, ...], ...]
"""One row, and in it one column, a feature map."""


class Reading(Frozen, frozen=True, kw_only=True):
    """The gradients of the held images at one step.

    ``cka`` and ``directions`` compare each feature map with each; ``parts_cka`` and
    ``parts_directions`` two parts of one map's gradient, ``control_cka`` its even and its odd
    channels: two halves that no design treats differently. ``effective_rank`` is that of the
    gradients of all maps side by side, of ``columns`` channels together. ``loss`` and ``accuracy``
    are of the held images: the loss in training mode, as the gradients are its own; the accuracy in
    evaluation mode.
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
        """The effective rank over the number of columns."""
        return self.effective_rank / self.columns

    @property
    def mean_cka(self) -> float | None:
        """The mean over pairs of different maps; None where there is one map."""
        pairs = [self.cka[row][column] for row, column in combinations(range(len(self.cka)), 2)]
        return fmean(pairs) if pairs else None


COMPARED = ("parts_cka", "mean_cka", "relative_rank", "accuracy")
"""Figures of the last `Reading` of trainings that a comparison of two runs looks at."""


class Training(Frozen, frozen=True, kw_only=True):
    """One training of a block: the maps that were measured, base first, and the readings.

    ``cut`` is the map whose two parts are compared, ``parts`` their channels: where the block cuts
    a map (``own``), and else the base in halves. ``parameters`` are the block's alone.
    """

    seed: Whole
    parameters: Whole
    maps: tuple[str, ...]
    cut: str
    parts: tuple[Positive, Positive]
    own: bool
    readings: Annotated[tuple[Reading, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Raises ValueError where a similarity is not of each map with each."""
        for reading in self.readings:
            for square in (reading.cka, reading.directions):
                if {len(self.maps)} != {len(square), *map(len, square)}:
                    raise ValueError(f"step {reading.step}: not one similarity a pair of maps")
