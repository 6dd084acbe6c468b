"""Functions of torch, Python and cspbench that a model's code replaces, as far as can be seen."""

import builtins
import contextlib
import copy
import copyreg
import gc
import io
import json
import logging
import math
import operator
import os
import pathlib
import pickle
import random
import signal
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import nn

_PROGRAM = __package__.partition(".")[0]
_QUICK: tuple[tuple[str, Any], ...] = (
    ("builtins", builtins),
    ("time", time),
    ("torch.nn.functional", nn.functional),
)
_NAMESPACES: tuple[tuple[str, Any], ...] = (
    *_QUICK,
    ("torch", torch),
    ("torch.nn", nn),
    ("torch.nn.init", nn.init),
    ("torch.cuda", torch.cuda),
    ("torch.autograd", torch.autograd),
    ("torch.linalg", torch.linalg),
    ("torch.fft", torch.fft),
    ("torch.ops.aten", torch.ops.aten),
    ("torch._C", torch._C),  # noqa: SLF001 -- what torch's own code calls
    ("torch._C._nn", torch._C._nn),  # noqa: SLF001
    ("torch.Tensor", torch.Tensor),
    ("torch.no_grad", torch.no_grad),
    ("torch.optim.Optimizer", torch.optim.Optimizer),
    ("torch.optim.SGD", torch.optim.SGD),
    *((module.__name__, module) for module in (random, statistics, warnings, os, gc, sys, signal)),
    *((module.__name__, module) for module in (threading, contextlib, copy, copyreg, pickle)),
    *((module.__name__, module) for module in (io, json, logging, math)),
    ("random.Random", random.Random),
    ("pathlib.Path", pathlib.Path),
    *(
        (f"torch.nn.{layer.__name__}", layer)
        for layer in vars(nn).values()
        if isinstance(layer, type)
    ),
)
_MAX_NAMES = 6  # of replaced functions in a sentence
_STATE = {(torch, "Storage")}  # which follows the default dtype
_len, _all, _map, _zip, _is = len, all, map, zip, operator.is_  # a model may replace them

Table = dict[str, Any]
Snapshot = tuple[Table, ...]
Patches = dict[tuple[Any, str], Any]
"""Values by their owner and name; `_ABSENT` where there is none."""


class _Absent:
    """Stands for a name that its owner does not have."""


_ABSENT = _Absent()


@cache
def _owners() -> tuple[tuple[str, Any], ...]:
    """The names and objects whose functions are watched, the quick ones first."""
    return *_NAMESPACES, *_of_program()


def _of_program() -> Iterator[tuple[str, Any]]:
    """Cspbench's own modules and their classes, as far as they are loaded."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == _PROGRAM and isinstance(module, ModuleType):
            yield name, module
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == name:
                    yield f"{name}.{value.__name__}", value


@cache
def _tables() -> tuple[Any, ...]:
    return tuple(vars(owner) for _, owner in _owners())


def snapshot() -> Snapshot:
    """The functions and classes in force."""
    return (*({**table} for table in _tables()),)


def has_changed(before: Snapshot, *, quick: bool = False) -> bool:
    """Whether anything in the namespaces is not what it was; ``quick``: in the most used ones."""
    tables = _tables()[: _len(_QUICK)] if quick else _tables()
    for table, old in _zip(tables, before):
        if _len(table) != _len(old) or not _all(_map(_is, table.values(), old.values())):
            return True
    return False


def undo(before: Snapshot) -> Patches:
    """Put back functions and classes of ``before``; what was in force in their places.

    What was added or is no function is left alone: torch loads parts of itself late, and keeps its
    state beside its functions. A method that hides an inherited one counts as a replacement.
    """
    functions = {**builtins.__dict__}  # without them, nothing below can be relied on
    builtins.__dict__.update(before[0])
    patches: Patches = {}
    for (_, owner), table, old in zip(_owners(), _tables(), before, strict=True):
        new = functions if owner is builtins else {**table}
        for name in _different(old, new):
            if _is_watched(owner, name, old):
                patches[owner, name] = new.get(name, _ABSENT)
    tables = {id(owner): old for (_, owner), old in zip(_owners(), before, strict=True)}
    put({(owner, name): tables[id(owner)].get(name, _ABSENT) for owner, name in patches})
    return patches


def put(patches: Patches) -> None:
    """Put the values of ``patches`` into force."""
    for (owner, name), value in patches.items():
        if value is not _ABSENT:
            setattr(owner, name, value)
        elif name in vars(owner):
            delattr(owner, name)


def of_program(patches: Patches) -> Patches:
    """Those of ``patches`` that replace parts of cspbench itself."""
    return {key: value for key, value in patches.items() if is_of_program(key[0])}


def said(patches: Patches) -> str:
    """What a case does that makes ``patches``, with the case as the subject."""
    names = {id(owner): name for name, owner in _owners()}
    replaced, removed = (
        sorted(
            f"{names[id(owner)]}.{name}"
            for (owner, name), value in patches.items()
            if (value is _ABSENT) is is_removed
        )
        for is_removed in (False, True)
    )
    parts = [f"replaces {_listed(replaced)}"] if replaced else []
    parts += [f"removes {_listed(removed)}"] if removed else []
    return " and ".join(parts)


def is_of_program(owner: Any) -> bool:
    """Whether ``owner``, a module or a class, is one of cspbench's own."""
    module = owner.__module__ if isinstance(owner, type) else getattr(owner, "__name__", "")
    return str(module).partition(".")[0] == _PROGRAM


def _different(old: Table, new: Table) -> list[str]:
    if len(old) == len(new) and all(map(operator.is_, old.values(), new.values())):
        return []
    return [name for name in {**old, **new} if old.get(name, _ABSENT) is not new.get(name, _ABSENT)]


def _is_watched(owner: Any, name: str, old: Table) -> bool:
    """Whether a replacement of ``name`` in ``owner``, which held ``old``, counts."""
    if name not in old:
        bases = owner.__mro__[1:] if isinstance(owner, type) else ()
        return any(callable(vars(base).get(name)) for base in bases)
    if not callable(old[name]) or (owner, name) in _STATE:
        return False
    is_private = name.startswith("_") and name != "__import__"
    return isinstance(owner, type) or is_of_program(owner) or not is_private


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
