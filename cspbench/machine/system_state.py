"""Settings that the operating system keeps of this process.

All functions are bound when this module is loaded: a model's code may replace them later.
"""
# ruff: noqa: PTH109, PTH208 -- a path would be made anew at each turn

import contextlib
import locale
import os
import resource
import signal
import threading
from collections.abc import Callable
from os import chdir, getcwd, getpriority, listdir, sched_getaffinity, umask
from resource import getrlimit, setrlimit
from signal import getitimer, getsignal, pthread_sigmask, setitimer
from typing import Any

from . import descriptors
from .setting import Setting

_TASKS = "/proc/self/task"
_SIGNALS = tuple(
    number for number in signal.valid_signals() if number not in {signal.SIGKILL, signal.SIGSTOP}
)
_LIMITS = tuple(
    sorted((value, name) for name, value in vars(resource).items() if name.startswith("RLIMIT_"))
)
_NO_TIMER = (0.0, 0.0)
_LATER_TIMERS = (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def _folder() -> str | None:
    try:
        return getcwd()
    except OSError:  # it has been removed
        return None


def _set_folder(folder: str | None) -> None:
    if folder is not None:
        chdir(folder)


def _environment() -> dict[bytes, bytes]:
    return {**os.environ._data}  # type: ignore[attr-defined]  # noqa: SLF001 -- to be quick


def _set_environment(variables: dict[bytes, bytes]) -> None:
    for name in os.environb.keys() - variables.keys():
        del os.environb[name]
    os.environb.update(variables)


def _handlers() -> tuple[Any, ...]:
    return (*map(getsignal, _SIGNALS),)


def _set_handlers(handlers: tuple[Any, ...]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in zip(_SIGNALS, handlers, strict=True):
        if handler is not None and getsignal(number) is not handler:
            signal.signal(number, handler)


def _blocked_signals() -> set[int]:
    return pthread_sigmask(signal.SIG_BLOCK, ())


def _block_signals(numbers: set[int]) -> None:
    pthread_sigmask(signal.SIG_SETMASK, numbers)


def _has_alarm() -> bool:
    return getitimer(signal.ITIMER_REAL) != _NO_TIMER


def _has_later_timer() -> bool:
    return any(getitimer(timer) != _NO_TIMER for timer in _LATER_TIMERS)


def _stop_timers(is_set: bool) -> None:  # noqa: FBT001 -- the value of a setting
    """Stop all timers, unless they were set before the case ran."""
    if not is_set:
        for timer in (signal.ITIMER_REAL, *_LATER_TIMERS):
            setitimer(timer, 0.0)


def _umask() -> int:
    mask = umask(0o077)
    umask(mask)
    return mask


def _niceness() -> int:
    return getpriority(os.PRIO_PROCESS, 0)


def _set_niceness(value: int) -> None:
    _of_all_threads(lambda thread: os.setpriority(os.PRIO_PROCESS, thread, value))


def _affinity() -> set[int]:
    return sched_getaffinity(0)


def _set_affinity(cores: set[int]) -> None:
    _of_all_threads(lambda thread: os.sched_setaffinity(thread, cores))


def _of_all_threads(change: Callable[[int], object]) -> None:
    """Change all threads: those that began meanwhile have inherited the setting."""
    change(0)
    for thread in map(int, listdir(_TASKS)):
        with contextlib.suppress(ProcessLookupError):  # it has ended since
            change(thread)


def _limits() -> tuple[tuple[int, int], ...]:
    return (*(getrlimit(number) for number, _ in _LIMITS),)


def _set_limits(limits: tuple[tuple[int, int], ...]) -> None:
    for (number, _), limit in zip(_LIMITS, limits, strict=True):
        if getrlimit(number) != limit:
            setrlimit(number, limit)


QUICK: tuple[Setting, ...] = (
    Setting(
        descriptors.pipe,
        descriptors.reopen_pipe,
        lambda _: "closes or replaces the pipe to the process that measures",
        is_own=False,
    ),
    Setting(_has_alarm, _stop_timers, lambda _: "sets a timer", is_own=False),
    Setting(_folder, _set_folder, lambda _: "changes the working directory"),
    Setting(_environment, _set_environment, lambda _: "changes the environment"),
    Setting(_umask, umask, lambda mask: f"sets the mask of new files to {mask:03o}"),
    Setting(_niceness, _set_niceness, lambda value: f"sets its niceness to {value}"),
    Setting(
        _affinity,
        _set_affinity,
        lambda cores: f"binds itself to {len(cores)} core{'s' if len(cores) > 1 else ''}",
    ),
    Setting(_blocked_signals, _block_signals, lambda _: "blocks signals"),
)

SLOW: tuple[Setting, ...] = (
    Setting(
        descriptors.streams,
        descriptors.reopen_streams,
        lambda _: "closes or replaces the standard streams' descriptors",
        is_own=False,
    ),
    Setting(_has_later_timer, _stop_timers, lambda _: "sets a timer", is_own=False),
    Setting(_handlers, _set_handlers, lambda _: "replaces handlers of signals"),
    Setting(_limits, _set_limits, lambda _: "changes limits on the resources of its process"),
    Setting(
        lambda: locale.setlocale(locale.LC_ALL),
        lambda text: locale.setlocale(locale.LC_ALL, text),
        lambda text: f"sets the locale to {text}",
    ),
)
