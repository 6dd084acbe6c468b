"""Inputs that a caller gives in Python: tensors, shapes, and any tree of them."""

from typing import Any

import torch
from torch import Tensor

from ...catalogue.input_text import parse_words
from ...catalogue.inputs import Inputs, Items, Node, Table, TensorSpec
from ...errors import CspbenchError
from .inputs import Arguments, as_arguments
from .trees import tensors

_FORMS = (
    "a shape, a tensor, a tuple or list of arguments, a dict of keyword arguments, a text as on "
    "the command line, or a callable that makes them"
)


def read_inputs(value: object) -> tuple[Inputs, Arguments | None]:
    """The inputs that ``value`` stands for as data, and the arguments themselves if it has tensors.

    A shape stands for a floating-point tensor of random values, a text for what it does on the
    command line. A tensor is one argument; a tuple or a list holds arguments by position, a dict by
    name, each a tensor, a shape or a tree of them. A callable returns any of these. Raises
    `CspbenchError` for anything else.
    """
    if isinstance(value, Inputs):
        return value, None
    if isinstance(value, str):
        return parse_words([value]), None
    if callable(value) and not isinstance(value, Tensor):
        value = value()
    if _is_shape(value) or isinstance(value, TensorSpec):
        value = (value,)
    arguments = as_arguments(value)
    if arguments is None:
        raise CspbenchError(f"expected an input, got {type(value).__name__} (pass {_FORMS})")
    given = Arguments(
        tuple(map(_read, arguments.args)),
        {name: _read(item) for name, item in arguments.kwargs.items()},
    )
    inputs = Inputs(
        tuple(map(_described, given.args)),
        {name: _described(item) for name, item in given.kwargs.items()},
    )
    return inputs, given


def _read(value: Any) -> Any:
    """``value`` with a `TensorSpec` for each shape and each text of a tensor."""
    if _is_shape(value):
        if min(value, default=0) < 0:
            raise CspbenchError(f"sizes of an input must not be negative, got {tuple(value)}")
        return TensorSpec(tuple(value)).check()
    if type(value) in {list, tuple}:
        return type(value)(map(_read, value))
    if type(value) is dict:
        return {name: _read(item) for name, item in value.items()}
    return value


def _is_shape(value: Any) -> bool:
    if isinstance(value, torch.Size):
        return True
    is_sequence = type(value) in {list, tuple} and value
    return bool(is_sequence) and all(type(size) is int for size in value)


def _described(value: Any) -> Node:
    """``value`` as data; an object without a form there by the name of its class."""
    if isinstance(value, Tensor):
        return _spec(value)
    if isinstance(value, list | tuple):
        return Items(tuple(map(_described, value)), is_tuple=isinstance(value, tuple))
    if isinstance(value, dict):
        return Table({str(name): _described(item) for name, item in value.items()})
    if value is None or isinstance(value, TensorSpec | bool | int | float | str):
        return value
    parts = tensors(value)
    name = type(value).__name__
    return Table({name: Items(tuple(map(_spec, parts)))}) if parts else name


def _spec(tensor: Tensor) -> TensorSpec:
    """Shape, type and the range of values of ``tensor``."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    spec = TensorSpec(tuple(tensor.shape), dtype)
    is_random = tensor.is_floating_point() or tensor.is_complex() or tensor.is_meta
    if is_random or not tensor.numel():
        return spec
    low, high = (int(bound) for bound in (tensor.min(), tensor.max()))
    return TensorSpec(spec.shape, dtype, low, high + 1)
