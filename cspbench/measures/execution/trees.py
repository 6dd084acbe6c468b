"""Tensors and other leaves in trees and objects, as models take and return them."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn
from torch._ops import OperatorBase, OpOverloadPacket

_LEAVES = (
    *(Tensor, nn.Module, type(None), bool, int, float, complex, str, bytes, type),
    *(ModuleType, FunctionType, MethodType, BuiltinFunctionType),
    *(OperatorBase, OpOverloadPacket),  # torch's operators, through which all others are reached
)


def tensors(value: object) -> list[Tensor]:
    """The tensors in ``value``, in order, each once.

    They are found in sequences, sets, mappings, and in the attributes of any other object, nested;
    not in modules.
    """
    if isinstance(value, Tensor):
        return [value]
    by_identity = {id(leaf): leaf for _, leaf in named_leaves(value) if isinstance(leaf, Tensor)}
    return list(by_identity.values())


def named_leaves(value: object) -> Iterator[tuple[str, object]]:
    """The leaves in ``value`` in order, each with its path: ``.boxes[0]``; containers once each."""
    visited: dict[int, object] = {}  # holds the objects, so that no identity is used twice
    stack = [("", value)]
    while stack:
        path, current = stack.pop()
        if isinstance(current, _LEAVES):
            yield path, current
            continue
        if id(current) in visited:
            continue
        visited[id(current)] = current
        parts = [(path + step, part) for step, part in _parts(current)]
        if not parts:
            yield path, current
        stack += reversed(parts)


def _parts(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    return [(f".{name}", part) for name, part in _attributes(value).items()]


def _attributes(value: object) -> dict[str, Any]:
    """The attributes that ``value`` itself holds, those in slots included."""
    names = [
        name
        for kind in type(value).__mro__
        for slots in [vars(kind).get("__slots__", ())]
        for name in ([slots] if isinstance(slots, str) else slots)
    ]
    slotted = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {**slotted, **getattr(value, "__dict__", {})}
