"""Settings of this process that a model's code may change, one row each, and functions it patches.

Some are read around each turn of a case, the others around builds and from time to time only
(`measures.execution.surroundings`), because reading them takes longer.
"""
# ruff: noqa: SLF001 -- torch, os and warnings have no public access to some of these

import gc
import locale
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import _C
from torch.nn.modules import module as hooks


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the process.

    ``write`` restores a value that ``read`` returned; ``apply`` puts a value that a case has set
    into force, if that is not the same. ``said`` says what a change to a value does, with the case
    as its subject; where it is None, the change is not worth saying. ``is_own``: the case's own
    calls run with its own value, those of others without.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    said: Callable[[Any], str] | None
    is_own: bool = True
    apply: Callable[[Any], object] | None = None


def precisions() -> tuple[Any, ...]:
    """The precision of float32 products, by both of torch's sets of flags.

    torch raises if one set is read while the two disagree; its value is then None.
    """
    old = (_readable(_C._get_float32_matmul_precision), _readable(_C._get_cudnn_allow_tf32))
    return *old, *(_C._get_fp32_precision_getter("cuda", part) for part in _PRECISION_PARTS)


def set_precisions(values: tuple[Any, ...]) -> None:
    """Restore what `precisions` returned, as far as it could be read."""
    matmul, convolutions, *new = values
    if matmul is not None:
        torch.set_float32_matmul_precision(matmul)
    if convolutions is not None:
        torch.backends.cudnn.allow_tf32 = convolutions
    for owner, value in zip(_PRECISION_OWNERS, new, strict=True):
        owner.fp32_precision = value


def _readable(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RuntimeError:
        return None


def _default_device() -> tuple[tuple[Any, ...], Any]:
    """The function modes in force, innermost last, and torch's own for the default device."""
    count = _C._len_torch_function_stack()
    modes = tuple(map(_C._get_function_stack_at, range(count))) if count else ()
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return modes, context


def _set_default_device(value: tuple[tuple[Any, ...], Any]) -> None:
    modes, context = value
    for _ in range(_C._len_torch_function_stack()):
        _C._pop_torch_function_stack()
    for mode in modes:
        _C._push_on_torch_function_stack(mode)
    torch._GLOBAL_DEVICE_CONTEXT.device_context = context


def _apply_default_device(value: tuple[tuple[Any, ...], Any]) -> None:
    """Set torch's default device, unless it is that: torch cannot set it below a context."""
    current, wanted = _default_device()[1], value[1]
    if (current and current.device) != (wanted and wanted.device):
        torch.set_default_device(wanted and wanted.device)


def _default_device_said(value: tuple[tuple[Any, ...], Any]) -> str:
    return f"sets torch's default device to {value[1].device if value[1] else 'cpu'}"


def _handlers() -> tuple[Any, ...]:
    return tuple(map(signal.getsignal, _SIGNALS))


def _set_handlers(handlers: tuple[Any, ...]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in zip(_SIGNALS, handlers, strict=True):
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 -- a path would be made anew at each turn
    except OSError:  # it has been removed
        return None


def _set_folder(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _environment() -> dict[bytes, bytes]:
    return dict(os.environ._data)  # type: ignore[attr-defined]


def _set_environment(variables: dict[bytes, bytes]) -> None:
    for name in os.environb.keys() - variables.keys():
        del os.environb[name]
    os.environb.update(variables)


def _set_path(entries: list[str]) -> None:
    sys.path[:] = entries


def _set_streams(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


def _global_hooks() -> tuple[tuple[tuple[int, Any], ...], ...]:
    if not any(_HOOK_TABLES):
        return _NO_HOOKS
    return tuple(tuple(table.items()) for table in _HOOK_TABLES)


def _set_global_hooks(tables: tuple[tuple[tuple[int, Any], ...], ...]) -> None:
    for table, entries in zip(_HOOK_TABLES, tables, strict=True):
        table.clear()
        table.update(entries)


def _random_states() -> tuple[Any, ...]:
    with _C._DisableTorchDispatch():
        states = [torch.get_rng_state()]
        if torch.cuda.is_initialized():
            states.append(torch.cuda.get_rng_state())
        tensors = tuple(state.numpy().tobytes() for state in states)
    return tensors, random.getstate(), _numpy_state()


def _set_random_states(states: tuple[Any, ...]) -> None:
    tensors, python, numpy = states
    with _C._DisableTorchDispatch():
        cpu, *gpu = (torch.frombuffer(bytearray(s), dtype=torch.uint8) for s in tensors)
        torch.set_rng_state(cpu)
        if gpu:
            torch.cuda.set_rng_state(gpu[0])
    random.setstate(python)
    if numpy is not None:
        from numpy import frombuffer
        from numpy import random as numpy_random

        kind, key, *rest = numpy
        numpy_random.set_state((kind, frombuffer(key, dtype="uint32"), *rest))


def _numpy_state() -> tuple[Any, ...] | None:
    if "numpy.random" not in sys.modules:
        return None
    kind, key, *rest = sys.modules["numpy.random"].get_state()
    return kind, key.tobytes(), *rest


_PRECISION_PARTS = ("matmul", "conv", "rnn")
_PRECISION_OWNERS: tuple[Any, ...] = (
    torch.backends.cuda.matmul,
    torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn,
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1)
_HOOK_TABLES: tuple[dict[int, Any], ...] = (
    hooks._global_forward_hooks,
    hooks._global_forward_pre_hooks,
    hooks._global_backward_hooks,
    hooks._global_backward_pre_hooks,
    hooks._global_module_registration_hooks,
    hooks._global_buffer_registration_hooks,
    hooks._global_parameter_registration_hooks,
)
_NO_HOOKS: tuple[tuple[tuple[int, Any], ...], ...] = ((),) * len(_HOOK_TABLES)


def _flag(read: Callable[[], bool], write: Callable[[bool], object], name: str) -> Setting:
    return Setting(read, write, lambda is_on: f"turns {name} {'on' if is_on else 'off'}")


QUICK: tuple[Setting, ...] = (
    Setting(
        torch.get_default_dtype,
        torch.set_default_dtype,
        lambda dtype: f"sets torch's default dtype to {str(dtype).removeprefix('torch.')}",
    ),
    Setting(
        _default_device, _set_default_device, _default_device_said, apply=_apply_default_device
    ),
    Setting(
        torch.get_num_threads,
        torch.set_num_threads,
        lambda number: f"sets the number of torch's threads to {number}",
    ),
    Setting(
        torch.is_grad_enabled,
        _C._set_grad_enabled,
        lambda is_on: f"turns gradients {'on' if is_on else 'off'}",
        is_own=False,
    ),
    Setting(
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
        lambda value: f"turns deterministic algorithms {'on' if value[0] else 'off'}",
    ),
    Setting(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda value: torch.set_anomaly_enabled(*value),
        lambda value: f"turns anomaly detection {'on' if value[0] else 'off'}",
    ),
    Setting(precisions, set_precisions, lambda _: "changes the precision of float32 products"),
    _flag(_C._get_cudnn_benchmark, _C._set_cudnn_benchmark, "cuDNN's search"),
    _flag(_C._get_cudnn_deterministic, _C._set_cudnn_deterministic, "deterministic cuDNN"),
    _flag(_C._get_cudnn_enabled, _C._set_cudnn_enabled, "cuDNN"),
    _flag(_C._get_mkldnn_enabled, _C._set_mkldnn_enabled, "oneDNN"),
    _flag(_C._get_flash_sdp_enabled, _C._set_sdp_use_flash, "flash attention"),
    _flag(
        _C._get_mem_efficient_sdp_enabled,
        _C._set_sdp_use_mem_efficient,
        "memory-efficient attention",
    ),
    _flag(_C._get_math_sdp_enabled, _C._set_sdp_use_math, "attention by products"),
    _flag(
        torch.backends.mha.get_fastpath_enabled,
        torch.backends.mha.set_fastpath_enabled,
        "the fast path of attention",
    ),
    *(
        _flag(
            partial(torch.is_autocast_enabled, device),
            partial(torch.set_autocast_enabled, device),
            f"autocast on {device}",
        )
        for device in ("cpu", "cuda")
    ),
    Setting(_global_hooks, _set_global_hooks, lambda _: "hooks all modules"),
    Setting(_folder, _set_folder, lambda _: "changes the working directory"),
    Setting(_environment, _set_environment, lambda _: "changes the environment"),
    Setting(
        lambda: list(warnings.filters),
        _set_filters,
        lambda _: "changes the filters of warnings",
    ),
    Setting(lambda: list(sys.path), _set_path, lambda _: "changes the search path"),
    Setting(
        sys.getrecursionlimit,
        sys.setrecursionlimit,
        lambda limit: f"sets the recursion limit to {limit}",
    ),
    Setting(
        lambda: (sys.stdout, sys.stderr), _set_streams, lambda _: "replaces the standard streams"
    ),
    Setting(
        gc.isenabled,
        lambda is_on: gc.enable() if is_on else gc.disable(),
        lambda is_on: f"turns garbage collection {'on' if is_on else 'off'}",
    ),
)
"""Settings that can be read in a microsecond or less."""


def quick_values() -> list[Any]:
    """The values of `QUICK`."""
    return [setting.read() for setting in QUICK]


SLOW: tuple[Setting, ...] = (
    Setting(_handlers, _set_handlers, lambda _: "replaces handlers of signals"),
    Setting(
        lambda: locale.setlocale(locale.LC_ALL),
        lambda text: locale.setlocale(locale.LC_ALL, text),
        lambda text: f"sets the locale to {text}",
    ),
    Setting(
        gc.get_threshold,
        lambda value: gc.set_threshold(*value),
        lambda _: "sets thresholds of garbage collection",
    ),
    Setting(
        np.geterr,
        lambda handling: np.seterr(**handling),
        lambda _: "changes how NumPy handles errors of arithmetic",
    ),
)
"""Settings that take longer to read, or that are hardly ever changed."""

RANDOM = Setting(_random_states, _set_random_states, None, is_own=False)
"""The states of all random generators, which building a model normally advances."""
