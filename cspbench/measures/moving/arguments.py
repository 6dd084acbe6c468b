"""What an operator reads and writes, by its schema and its name."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload

from ..counting.lineage import SHAPE_ONLY, tensors_in
from ..counting.normalisation import updated_statistics
from ..execution.placement import components
from ..execution.storages import storage_key
from .regions import distinct_bytes

_OVERWRITING = frozenset(
    """
    bernoulli_ cauchy_ copy_ exponential_ fill_ geometric_ log_normal_ normal_ random_ uniform_
    zero_
    """.split()  # noqa: SIM905
)
"""Operators that write their first argument without reading it."""

_GATHERING = frozenset(
    """
    embedding gather index index_select masked_select take
    """.split()  # noqa: SIM905
)
"""Operators that read of their first argument no more than they return."""

_EMPTY = frozenset(
    """
    empty empty_like empty_permuted empty_strided new_empty new_empty_strided
    """.split()  # noqa: SIM905
)
"""Operators that return memory as it is."""


class Moved(NamedTuple):
    """The bytes that an operator reads and writes."""

    read: int
    written: int


def moved(func: Any, args: Sequence[Any], keywords: Mapping[str, Any], result: object) -> Moved:
    """The bytes that the operator ``func`` reads and writes, each distinct one once.

    Nothing for a view, for memory that is not initialised, and where no tensor comes out. Every
    tensor argument counts whole, even where a stride skips parts of it; of a table that is looked
    up, at most what is returned.
    """
    name = getattr(func, "overloadpacket", func).__name__
    results = list(tensors_in((result,)))
    if name in _EMPTY or torch.Tag.inplace_view in getattr(func, "tags", ()):
        return Moved(0, 0)
    mutated, overwritten = _mutated(func, args, keywords)
    arguments = [] if name in SHAPE_ONLY else list(tensors_in((*args, *keywords.values())))
    if not mutated and _keys(results) <= _keys(arguments):
        return Moved(0, 0)
    updated = updated_statistics(name, args)
    written = distinct_bytes([*_not_among(results, mutated), *mutated, *updated])
    unread = {id(tensor) for tensor in (*overwritten, *_unused(name, args))}
    inputs = [tensor for tensor in arguments if id(tensor) not in unread]
    if name in _GATHERING and inputs:
        table, *others = inputs
        return Moved(min(distinct_bytes([table]), written) + distinct_bytes(others), written)
    return Moved(distinct_bytes(inputs), written)


def _unused(name: str, args: Sequence[Any]) -> list[Tensor]:
    """The arguments that a convolution's backward does not need for the gradients asked for.

    The gradient of the weight needs the input, that of the input the weight.
    """
    if name != "convolution_backward":
        return []
    inputs, weight, (for_inputs, for_weight, _) = args[1], args[2], args[-1]
    return [*([] if for_weight else [inputs]), *([] if for_inputs else [weight])]


def _mutated(
    func: Any, args: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[list[Tensor], list[Tensor]]:
    """The arguments that ``func`` writes, and those of them that it does not read."""
    positions, names, outputs = _writes(func)
    values = [
        *(args[index] for index in positions if index < len(args)),
        *(keywords[name] for name in names if name in keywords),
    ]
    mutated = list(tensors_in(values))
    overwritten = list(tensors_in(keywords[name] for name in outputs if name in keywords))
    if getattr(func, "overloadpacket", func).__name__ in _OVERWRITING:
        overwritten += mutated[:1]
    return mutated, overwritten


@functools.cache
def _writes(func: Any) -> tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...]]:
    """The positions and names of the arguments that ``func`` writes, and the names of its outputs.

    Outputs are arguments like ``out``, which are written and not read.
    """
    if not isinstance(func, OpOverload):
        return (), (), ()
    arguments = func._schema.arguments  # noqa: SLF001 -- torch has no public access to it
    written = [
        (index, argument)
        for index, argument in enumerate(arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    return (
        tuple(index for index, argument in written if not argument.kwarg_only),
        tuple(argument.name for _, argument in written),
        tuple(argument.name for _, argument in written if argument.is_out),
    )


def _keys(tensors: Sequence[Tensor]) -> set[int]:
    return {storage_key(part) for tensor in tensors for part in components(tensor)}


def _not_among(results: Sequence[Tensor], mutated: Sequence[Tensor]) -> list[Tensor]:
    """The ``results`` that are new, and not one of the arguments that were written."""
    keys = _keys(mutated)
    return [tensor for tensor in results if not _keys([tensor]) <= keys]
