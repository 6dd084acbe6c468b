"""Settings that the Python interpreter and its libraries keep.

All functions are bound when this module is loaded: a model's code may replace them later.
"""

import contextlib
import faulthandler
import gc
import logging
import operator
import sys
import threading
import warnings
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from .setting import Setting, flag


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001 -- of warnings itself


def _filters() -> list[Any]:
    return [*warnings.filters]


def _path() -> list[str]:
    return [*sys.path]


def _set_path(entries: list[str]) -> None:
    sys.path[:] = entries


def _streams() -> tuple[Any, Any]:
    return sys.stdout, sys.stderr


def _set_streams(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


_read_trace, _read_profile = sys.gettrace, sys.getprofile


def _tracing() -> tuple[Any, Any, Any, Any]:
    return _read_trace(), _read_profile(), threading._trace_hook, threading._profile_hook  # type: ignore[attr-defined]  # noqa: SLF001 -- what gettrace() and getprofile() return


def _set_tracing(functions: tuple[Any, Any, Any, Any]) -> None:
    trace, profile, of_threads, profile_of_threads = functions
    sys.settrace(trace)
    sys.setprofile(profile)
    threading.settrace(of_threads)
    threading.setprofile(profile_of_threads)


_enable_gc, _disable_gc = gc.enable, gc.disable


def _switch_gc(is_on: bool) -> None:  # noqa: FBT001 -- the value of a setting
    _enable_gc() if is_on else _disable_gc()


def _gc_callbacks() -> list[Any]:
    return [*gc.callbacks]


def _set_gc_callbacks(callbacks: list[Any]) -> None:
    gc.callbacks[:] = callbacks


def _logging() -> tuple[int, int, list[Any]]:
    return logging.root.manager.disable, logging.root.level, [*logging.root.handlers]


def _set_logging(value: tuple[int, int, list[Any]]) -> None:
    logging.root.manager.disable, level, logging.root.handlers[:] = value
    logging.root.setLevel(level)


def _switch_faulthandler(is_on: bool) -> None:  # noqa: FBT001 -- the value of a setting
    with contextlib.suppress(Exception):  # standard error may be closed
        faulthandler.enable() if is_on else faulthandler.disable()


@cache
def _modules() -> tuple[tuple[str, ...], tuple[ModuleType, ...]]:
    """The modules that are loaded before any model, by their names."""
    names = [name for name, module in sys.modules.items() if isinstance(module, ModuleType)]
    return (*names,), (*(sys.modules[name] for name in names),)


def _missing_modules() -> dict[str, ModuleType]:
    """The modules that are no longer in the import table, or not under their names."""
    names, modules = _modules()
    if all(map(operator.is_, map(sys.modules.get, names), modules)):
        return {}
    pairs = zip(names, modules, strict=True)
    return {name: module for name, module in pairs if sys.modules.get(name) is not module}


def _restore_modules(missing: dict[str, ModuleType]) -> None:
    for name, module in _missing_modules().items():
        if name not in missing:
            sys.modules[name] = module


def _missing_said(missing: dict[str, ModuleType]) -> str:
    names = sorted(missing)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"takes {', '.join(names[:3])}{more} out of the import table"


QUICK: tuple[Setting, ...] = (
    Setting(_filters, _set_filters, lambda _: "changes the filters of warnings"),
    Setting(_path, _set_path, lambda _: "changes the search path"),
    Setting(
        sys.getrecursionlimit,
        sys.setrecursionlimit,
        lambda limit: f"sets the recursion limit to {limit}",
    ),
    Setting(_streams, _set_streams, lambda _: "replaces the standard streams"),
    flag(gc.isenabled, _switch_gc, "garbage collection"),
    Setting(_tracing, _set_tracing, lambda _: "traces or profiles Python's calls"),
    Setting(
        sys.getswitchinterval,
        sys.setswitchinterval,
        lambda seconds: f"lets Python's threads switch every {seconds:g} s",
    ),
)

SLOW: tuple[Setting, ...] = (
    Setting(
        gc.get_threshold,
        lambda value: gc.set_threshold(*value),
        lambda _: "sets thresholds of garbage collection",
    ),
    Setting(_gc_callbacks, _set_gc_callbacks, lambda _: "is called by garbage collection"),
    flag(faulthandler.is_enabled, _switch_faulthandler, "reports of crashes"),
    Setting(_logging, _set_logging, lambda _: "configures logging"),
    Setting(_missing_modules, _restore_modules, _missing_said, is_own=False),
    Setting(
        np.geterr,
        lambda handling: np.seterr(**handling),
        lambda _: "changes how NumPy handles errors of arithmetic",
    ),
)
