"""What `verify` answers: published figures beside ours."""

from collections.abc import Mapping
from typing import Literal

from ..catalogue.entry import Shape, Value
from .base import Frozen

Convention = Literal["P", "W", "MACs", "BF", "act", "CIO"]
Answer = Literal["equal", "equal as rounded", "differs, as known", "differs"]

CONVENTIONS: Mapping[Convention, str] = {
    "P": "all trainable parameters",
    "W": "weights of convolutions and fully connected layers",
    "MACs": "multiply-accumulates of these layers",
    "BF": "2 × MACs / 10⁹",
    "act": "output elements of these layers",
    "CIO": "input + output elements of convolutions",
}
"""What a figure counts, by the word for it in the published figures."""


class Check(Frozen, frozen=True, kw_only=True):
    """One figure from a source beside ours; it was derived by hand unless ``is_published``.

    ``ours`` is in the convention's own unit, ``ours_text`` is written as the published figure is.
    ``difference`` is ours over the published one, minus 1. ``reason`` says why they differ, where
    that is known.
    """

    entry: str
    arguments: dict[str, Value]
    input_shape: Shape
    convention: Convention
    source: str
    is_published: bool
    published: str
    ours: float
    ours_text: str
    difference: float
    answer: Answer
    reason: str
