"""Inputs of models as data: tensors by shape, type and range, in any tree.

Nothing here imports torch, so that inputs are read and checked without loading it.
"""

import msgspec

from .entry import Shape, Value


class TensorSpec(msgspec.Struct, frozen=True, tag="tensor", forbid_unknown_fields=True):
    """A tensor of random values; ``dtype`` is torch's name without the prefix.

    Integers and booleans are drawn from ``low`` to ``high`` (exclusive), floating-point numbers
    from the standard normal distribution.
    """

    shape: Shape
    dtype: str = "float32"
    low: int = 0
    high: int = 2


class Items(msgspec.Struct, frozen=True, tag="list", forbid_unknown_fields=True):
    """A list, or a tuple."""

    items: "tuple[Node, ...]"
    is_tuple: bool = False


class Table(msgspec.Struct, frozen=True, tag="dict", forbid_unknown_fields=True):
    """A dictionary."""

    items: "dict[str, Node]"


Node = TensorSpec | Items | Table | Value | None


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a call of a model."""

    args: tuple[Node, ...] = ()
    kwargs: dict[str, Node] = {}
