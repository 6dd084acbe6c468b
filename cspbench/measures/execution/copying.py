"""Copies of a module with converted tensors, for example on another device."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

Value = TypeVar("Value")


def copy_with(root: Value, convert: Callable[[Tensor], Tensor]) -> Value:
    """A deep copy of a module or a tree with each tensor replaced by ``convert(tensor)``.

    Modules and tensors are also found in lists, tuples, sets and dictionaries. Shared tensors stay
    shared, and no data is copied except by ``convert``.
    """
    memo: dict[int, Any] = {}
    visited: set[int] = set()
    queue: list[object] = [root]
    while queue:
        value = queue.pop()
        if id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, Tensor):
            converted = convert(value)
            if isinstance(value, nn.Parameter):
                converted = nn.Parameter(converted.detach(), requires_grad=value.requires_grad)
            memo[id(value)] = converted
        elif isinstance(value, nn.Module):
            queue.extend(vars(value).values())
        elif isinstance(value, dict):
            queue.extend(value.values())
        elif isinstance(value, list | tuple | set):
            queue.extend(value)
    return copy.deepcopy(root, memo)
