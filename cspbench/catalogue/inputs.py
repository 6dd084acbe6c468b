"""Inputs of models as data: tensors by shape, type and range, in any tree.

Nothing here imports torch, so that inputs are read and checked without loading it. `input_text`
reads and writes them as text.
"""

import json
import math
from collections.abc import Callable, Iterator

import msgspec

from ..errors import CspbenchError
from ..units import shape_text
from .values import MAX_ELEMENTS, Shape, Value, Word

FLOATING = ("float32", "float64", "float16", "bfloat16", "complex64", "complex128")
WHOLE = ("int64", "int32", "int16", "int8", "uint8", "bool")
# The bits of the largest number; int64's are one less, as torch takes its end in int64.
_BITS = {"int64": 62, "int32": 31, "int16": 15, "int8": 7, "uint8": 8, "bool": 1}


class TensorSpec(msgspec.Struct, frozen=True, tag="tensor", forbid_unknown_fields=True):
    """A tensor of random values; ``dtype`` is the name of torch's type, as in ``torch.int64``.

    Whole numbers and booleans are drawn from ``low`` to ``high`` (exclusive), other numbers from
    the standard normal distribution.
    """

    shape: Shape
    dtype: str = "float32"
    low: Word = 0
    high: Word = 2

    @property
    def text(self) -> str:
        """The tensor in a few characters, for keys and titles.

        >>> TensorSpec((1, 77), "int64", high=49408).text
        '1x77:int64:49408'
        >>> TensorSpec((1, 3, 64, 64)).text, TensorSpec((), "int32", low=1).text
        ('1x3x64x64', 'scalar:int32:1-2')
        """
        return f"{shape_text(self.shape) or 'scalar'}{self.type_text}"

    @property
    def type_text(self) -> str:
        """Type and range with a colon before each, where they differ from the defaults."""
        if (self.low, self.high) != (0, 2):
            low = f"{self.low}-" if self.low else ""
            return f":{self.dtype}:{low}{self.high}"
        return "" if self.dtype == "float32" else f":{self.dtype}"

    def check(self) -> "TensorSpec":
        """This tensor; raises `CspbenchError` if torch cannot make it."""
        if math.prod(self.shape) > MAX_ELEMENTS:
            raise CspbenchError(
                f"an input has more elements than a torch tensor can hold ({MAX_ELEMENTS:.3g}), "
                f"got {self.text}"
            )
        if (self.low, self.high) == (0, 2):
            return self
        if self.dtype not in WHOLE:
            raise CspbenchError(f"only integer and bool inputs take a range, got {self.text}")
        largest = 2 ** _BITS[self.dtype] - 1
        smallest = 0 if self.dtype in {"uint8", "bool"} else -largest - 1
        if not smallest <= self.low < self.high <= largest + 1:
            raise CspbenchError(
                f"a range of {self.dtype} must be LOW-HIGH (HIGH excluded) within {smallest} to "
                f"{largest}, got {self.text}"
            )
        return self


class Items(msgspec.Struct, frozen=True, tag="list", forbid_unknown_fields=True):
    """A list or a tuple."""

    items: "tuple[Node, ...]"
    is_tuple: bool = False


class Table(msgspec.Struct, frozen=True, tag="dict", forbid_unknown_fields=True):
    """A dictionary."""

    items: "dict[str, Node]"


Node = TensorSpec | Items | Table | Value | None
"""One argument, or a part of one; a value stands for itself."""


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a call of a model: ``args`` by position, ``kwargs`` by name.

    Instead, ``maker`` may name a callable that returns them, ``path/to/file.py:callable`` or
    ``package.module:callable``; ``sizes`` are passed to it by name.
    """

    args: tuple[Node, ...] = ()
    kwargs: dict[str, Node] = {}
    maker: str = ""
    sizes: dict[str, Word] = {}

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """All tensors, in order."""
        nodes = (*self.args, *self.kwargs.values())
        return tuple(tensor for node in nodes for tensor in _tensors(node))

    @property
    def shape(self) -> Shape:
        """The shape of the first tensor; () if there is none or it is not known."""
        return self.tensors[0].shape if self.tensors else ()

    @property
    def only_shape(self) -> Shape | None:
        """The shape, if all there is is one floating-point tensor with axes; None otherwise."""
        return self.shape if len(self.only_shapes) == 1 else None

    @property
    def only_shapes(self) -> tuple[Shape, ...]:
        """The shapes, if there are only floating-point tensors with axes, by position; else ()."""
        shapes = tuple(tensor.shape for tensor in self.tensors)
        return shapes if all(shapes) and self == of_shapes(*shapes) else ()

    @property
    def batch_size(self) -> int | None:
        """The first axis of the first tensor that has axes; None if it is not known."""
        if self.maker:
            return self.sizes.get("batch_size")
        return next((tensor.shape[0] for tensor in self.tensors if tensor.shape), None)

    @property
    def text(self) -> str:
        """All arguments in one word, for keys and titles.

        >>> Inputs((TensorSpec((1, 8)),), {"ids": TensorSpec((1, 77), "int64"), "mask": None}).text
        '1x8,ids=1x77:int64,mask=none'
        """
        if self.maker:
            sizes = ",".join(f"{name}={size}" for name, size in self.sizes.items())
            return self.maker + (f"({sizes})" if sizes else "")
        words = [_text(node) for node in self.args]
        words += [f"{name}={_text(node)}" for name, node in self.kwargs.items()]
        return ",".join(words) or "nothing"

    def resized(self, *, batch_size: int | None, img_size: int | None) -> "Inputs":
        """These inputs at another batch and image size; None keeps what there is.

        The batch (`batch_size`) is replaced in all tensors whose first axis is equally long. The
        image size is H and W of the floating-point tensors of four axes, (N, C, H, W); those of a
        pyramid, half or a quarter as high and wide as the largest and so on, stay so. A ``maker``
        gets both as arguments. Raises `CspbenchError` if no tensor has such axes, for images of
        other sizes, and for a size that cannot be halved as often.
        """
        sizes = {"batch_size": batch_size, "img_size": img_size}
        chosen = {name: size for name, size in sizes.items() if size is not None}
        if self.maker:
            return msgspec.structs.replace(self, sizes={**self.sizes, **chosen})
        inputs = self
        if img_size is not None:
            inputs = _at_img_size(inputs, img_size)
        return inputs if batch_size is None else _at_batch_size(inputs, batch_size)


def of_shape(shape: Shape) -> Inputs:
    """One floating-point tensor of ``shape``."""
    return of_shapes(shape)


def of_shapes(*shapes: Shape) -> Inputs:
    """A floating-point tensor of each of ``shapes``, by position."""
    return Inputs(args=tuple(map(TensorSpec, shapes)))


def _at_batch_size(inputs: Inputs, batch_size: int) -> Inputs:
    if inputs.batch_size is None:
        raise CspbenchError(f"a batch size needs an input with axes, got {inputs.text}")

    def resized(tensor: TensorSpec) -> TensorSpec:
        if tensor.shape[:1] != (inputs.batch_size,):
            return tensor
        return msgspec.structs.replace(tensor, shape=(batch_size, *tensor.shape[1:]))

    return _with_tensors(inputs, resized)


def _at_img_size(inputs: Inputs, img_size: int) -> Inputs:
    sizes = {tensor.shape[2:] for tensor in inputs.tensors if _is_image(tensor)}
    largest = max(sizes, default=())
    halvings = {size: times for size in sizes if (times := _halvings(largest, size)) is not None}
    if not sizes or len(halvings) < len(sizes):
        raise CspbenchError(
            "an image size needs floating-point inputs N,C,H,W"
            + (" of one size, or each half as high and wide as another" if sizes else "")
            + f", got {inputs.text}"
        )
    whole = 2 ** max(halvings.values())
    if img_size % whole:
        raise CspbenchError(
            f"an image size must be a multiple of {whole} for inputs {inputs.text}, whose sizes "
            f"are halved, got {img_size}"
        )

    def resized(tensor: TensorSpec) -> TensorSpec:
        if not _is_image(tensor):
            return tensor
        size = img_size >> halvings[tensor.shape[2:]]
        return msgspec.structs.replace(tensor, shape=(*tensor.shape[:2], size, size))

    return _with_tensors(inputs, resized)


def _halvings(largest: Shape, size: Shape) -> int | None:
    """How often ``largest`` is halved to make ``size``; None if it cannot be.

    >>> _halvings((32, 64), (8, 16)), _halvings((32, 64), (32, 64)), _halvings((32, 64), (8, 8))
    (2, 0, None)
    """
    for times in range(largest[0].bit_length() + 1):
        if tuple(extent << times for extent in size) == largest:
            return times
    return None


def _with_tensors(inputs: Inputs, change: Callable[[TensorSpec], TensorSpec]) -> Inputs:
    return msgspec.structs.replace(
        inputs,
        args=tuple(_mapped(node, change) for node in inputs.args),
        kwargs={name: _mapped(node, change) for name, node in inputs.kwargs.items()},
    )


def _is_image(tensor: TensorSpec) -> bool:
    return len(tensor.shape) == 4 and tensor.dtype in FLOATING


def _tensors(node: Node) -> Iterator[TensorSpec]:
    if isinstance(node, TensorSpec):
        yield node
    elif isinstance(node, Items | Table):
        items = node.items.values() if isinstance(node, Table) else node.items
        for item in items:
            yield from _tensors(item)


def _mapped(node: Node, change: Callable[[TensorSpec], TensorSpec]) -> Node:
    if isinstance(node, TensorSpec):
        return change(node).check()
    if isinstance(node, Items):
        items = tuple(_mapped(item, change) for item in node.items)
        return msgspec.structs.replace(node, items=items)
    if isinstance(node, Table):
        return Table({name: _mapped(item, change) for name, item in node.items.items()})
    return node


def _text(node: Node) -> str:
    if isinstance(node, TensorSpec):
        return node.text
    if isinstance(node, Items):
        begin, end = "()" if node.is_tuple else "[]"
        return begin + ",".join(map(_text, node.items)) + end
    if isinstance(node, Table):
        return "{" + ",".join(f"{name}={_text(item)}" for name, item in node.items.items()) + "}"
    if node is None or isinstance(node, bool):
        return str(node).lower()
    return json.dumps(node, ensure_ascii=False) if isinstance(node, str) else str(node)
