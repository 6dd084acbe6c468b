"""Functions of torch, time and Python that a model's code replaces, as far as they can be seen."""

import builtins
import operator
import os
import random
import time
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

_NAMESPACES: tuple[tuple[str, Any], ...] = (
    ("torch", torch),
    ("torch.nn", nn),
    ("torch.nn.functional", nn.functional),
    ("torch.nn.init", nn.init),
    ("torch.cuda", torch.cuda),
    ("torch.autograd", torch.autograd),
    ("torch.Tensor", torch.Tensor),
    ("torch.nn.Module", nn.Module),
    ("time", time),
    ("random", random),
    ("warnings", warnings),
    ("os", os),
    ("builtins", builtins),
)
_LAYERS = tuple(value for value in vars(nn).values() if isinstance(value, type))
_STATE = {(torch, "Storage")}  # which follows the default dtype
_METHODS = ("__init__", "forward")
_SPECIAL = {"__init__", "__call__", "_call_impl", "__setattr__", "__getattr__"}

Snapshot = tuple[tuple[dict[str, Any], ...], tuple[Any, ...]]
Patches = dict[tuple[Any, str], Any]
"""Values by their owner and name."""


def snapshot() -> Snapshot:
    """The functions and classes in force."""
    methods = tuple(vars(layer).get(name) for layer in _LAYERS for name in _METHODS)
    return tuple(dict(vars(owner)) for _, owner in _NAMESPACES), methods


def replaced(before: Snapshot, after: Snapshot) -> Patches:
    """What is in force at ``after`` in place of functions and classes of ``before``.

    What was added or is no function is left out: torch loads parts of itself late, and keeps its
    state beside its functions.
    """
    patches: Patches = {}
    for (_, owner), old, new in zip(_NAMESPACES, before[0], after[0], strict=True):
        if _is_identical(old, new):
            continue
        for name, value in old.items():
            is_function = callable(value) and (name in _SPECIAL or not name.startswith("_"))
            is_function = is_function and (owner, name) not in _STATE
            if is_function and name in new and new[name] is not value:
                patches[owner, name] = new[name]
    names = ((layer, name) for layer in _LAYERS for name in _METHODS)
    for (layer, name), method, now in zip(names, before[1], after[1], strict=True):
        if now is not method and now is not None and method is not None:
            patches[layer, name] = now
    return patches


def values(patches: Patches, at: Snapshot) -> Patches:
    """The values at the snapshot ``at`` of what ``patches`` replace."""
    namespaces = {id(owner): table for (_, owner), table in zip(_NAMESPACES, at[0], strict=True)}
    methods = dict(zip(((id(layer), n) for layer in _LAYERS for n in _METHODS), at[1], strict=True))
    return {
        (owner, name): namespaces[id(owner)][name]
        if id(owner) in namespaces
        else methods[id(owner), name]
        for owner, name in patches
    }


def put(patches: Patches) -> None:
    """Put the values of ``patches`` into force."""
    for (owner, name), value in patches.items():
        setattr(owner, name, value)


def said(patches: Patches) -> str:
    """What a case does that makes ``patches``, with the case as the subject."""
    names = {id(owner): name for name, owner in _NAMESPACES}
    listed = sorted(
        f"{names.get(id(owner)) or f'torch.nn.{owner.__name__}'}.{name}" for owner, name in patches
    )
    return f"replaces {', '.join(listed)}"


def _is_identical(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return len(before) == len(after) and all(map(operator.is_, before.values(), after.values()))
