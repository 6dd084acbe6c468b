"""The results of `verify`: published figures beside ours."""

from collections.abc import Mapping
from typing import Literal

from ..catalogue.entry import Shape, Value
from .base import Frozen

Convention = Literal[
    "P", "P_all", "W", "MACs", "products", "fvcore", "BF", "BF_products", "act", "CIO"
]
Answer = Literal["equal", "equal as rounded", "differs, as known", "differs"]

CONVENTIONS: Mapping[Convention, str] = {
    "P": "all trainable parameters",
    "P_all": "all parameters, frozen ones included",
    "W": "weights of convolutions and fully connected layers",
    "MACs": "multiply-accumulates of these layers",
    "products": "MACs of all other products, above all attention's",
    "fvcore": "MACs of all products, and operations of normalisation, 2 an element of BatchNorm",
    "BF": "2 × MACs / 10⁹",
    "BF_products": "2 × (MACs + products) / 10⁹",
    "act": "output elements of these layers",
    "CIO": "input + output elements of convolutions",
}
"""What each convention counts."""


class Check(Frozen, frozen=True, kw_only=True):
    """One figure from a source beside ours.

    The source publishes the figure if ``is_published``, else it was derived by hand. ``ours`` is in
    the unit of the convention, ``ours_text`` in that of the figure. ``difference`` is ours over the
    published figure, minus 1. ``reason`` says why they differ, if that is known.
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
