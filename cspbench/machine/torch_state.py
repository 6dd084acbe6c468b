"""Settings that torch keeps, for the process or for its main thread."""
# ruff: noqa: SLF001 -- torch has no public access to some of these

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import _C
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.modules import module as hooks
from torch.utils._device import DeviceContext

from .patches import is_of_program
from .setting import Setting, flag

_Modes = tuple[Any, ...]
_autograd: Any = _C._autograd


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


def _default_device() -> tuple[_Modes, Any]:
    """The function modes in force, innermost last, and torch's own for the default device."""
    count = _C._len_torch_function_stack()
    modes = (*map(_C._get_function_stack_at, range(count)),) if count else ()
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return modes, context


def _set_default_device(value: tuple[_Modes, Any]) -> None:
    modes, context = value
    for _ in range(_C._len_torch_function_stack()):
        _C._pop_torch_function_stack()
    for mode in modes:
        _C._push_on_torch_function_stack(mode)
    torch._GLOBAL_DEVICE_CONTEXT.device_context = context


def _apply_default_device(value: tuple[_Modes, Any]) -> None:
    """Set torch's default device, unless it is that: torch cannot set it below a context."""
    modes, current = _default_device()
    wanted = value[1]
    if (current and current.device) != (wanted and wanted.device):
        torch.set_default_device(wanted and wanted.device)
    for mode in _of_its_own(value[0]):
        if mode not in modes:
            _C._push_on_torch_function_stack(mode)


def _default_device_said(value: tuple[_Modes, Any]) -> str:
    if modes := _of_its_own(value[0]):
        return f"leaves {_named(modes)} on"
    return f"sets torch's default device to {value[1].device if value[1] else 'cpu'}"


def _of_its_own(modes: _Modes) -> list[Any]:
    return [mode for mode in modes if not isinstance(mode, DeviceContext)]


def _dispatch_modes() -> _Modes:
    count = _C._len_torch_dispatch_stack()
    return (*map(_C._get_dispatch_stack_at, range(count)),) if count else ()


def _set_dispatch_modes(modes: _Modes) -> None:
    for mode in reversed(_dispatch_modes()):
        _C._pop_torch_dispatch_stack(getattr(mode, "_mode_key", None))
    for mode in modes:
        _C._push_on_torch_dispatch_stack(mode)


def _apply_dispatch_modes(modes: _Modes) -> None:
    current = _dispatch_modes()
    for mode in _of_models(modes):
        if mode not in current:
            _C._push_on_torch_dispatch_stack(mode)


def _dispatch_modes_said(modes: _Modes) -> str:
    own = _of_models(modes)
    return f"leaves {_named(own)} on" if own else "leaves a mode of dispatch on"


def _of_models(modes: _Modes) -> list[Any]:
    """The modes without those that count and observe: a mode left on them is taken off instead."""
    return [
        mode
        for mode in modes
        if not isinstance(mode, FakeTensorMode) and not is_of_program(type(mode))
    ]


def _named(modes: list[Any]) -> str:
    return " and ".join(dict.fromkeys(f"the mode {type(mode).__name__}" for mode in modes))


def _saved_tensors_hooks() -> tuple[Any, ...]:
    """The pairs of hooks on tensors that are saved for backward passes, innermost last."""
    pairs: tuple[Any, ...] = ()
    while pair := _autograd._top_saved_tensors_default_hooks(True):  # noqa: FBT003
        pairs = (pair, *pairs)
        _autograd._pop_saved_tensors_default_hooks()
    for pair in pairs:
        _autograd._push_saved_tensors_default_hooks(*pair)
    return pairs


def _set_saved_tensors_hooks(pairs: tuple[Any, ...]) -> None:
    while _autograd._top_saved_tensors_default_hooks(True):  # noqa: FBT003
        _autograd._pop_saved_tensors_default_hooks()
    for pair in pairs:
        _autograd._push_saved_tensors_default_hooks(*pair)


def _forbid_saved_tensors_hooks(message: str | None) -> None:
    if message is None:
        _autograd._saved_tensors_hooks_enable()
    else:
        _autograd._saved_tensors_hooks_disable(message)


_inference_modes: list[Any] = []
"""Guards of inference mode: each would undo itself if it were collected."""


def _set_inference_mode(is_on: bool) -> None:  # noqa: FBT001 -- the value of a setting
    has_gradients = torch.is_grad_enabled()  # which a guard sets, too
    _inference_modes.append(_C._InferenceMode(is_on))
    _C._set_grad_enabled(has_gradients)


def _stop_profiler(is_on: bool) -> None:  # noqa: FBT001 -- the value of a setting
    if not is_on:
        _autograd._disable_profiler()


def _flushes_denormals() -> bool:
    return _TINY * 0.5 == 0.0


def _cpu_precisions() -> tuple[str, ...]:
    return (*(_C._get_fp32_precision_getter(*part) for part in _CPU_PRECISIONS),)


def _set_cpu_precisions(values: tuple[str, ...]) -> None:
    for part, value in zip(_CPU_PRECISIONS, values, strict=True):
        _C._set_fp32_precision_setter(*part, value)


def _global_hooks() -> tuple[tuple[tuple[int, Any], ...], ...]:
    if not any(_HOOK_TABLES):
        return _NO_HOOKS
    return (*((*table.items(),) for table in _HOOK_TABLES),)


def _set_global_hooks(tables: tuple[tuple[tuple[int, Any], ...], ...]) -> None:
    for table, entries in zip(_HOOK_TABLES, tables, strict=True):
        table.clear()
        table.update(entries)


_TINY = 1e-310  # a denormal number
_CPU_PRECISIONS = (
    ("generic", "all"),
    *(("mkldnn", part) for part in ("all", "matmul", "conv", "rnn")),
)
_PRECISION_PARTS = ("matmul", "conv", "rnn")
_PRECISION_OWNERS: tuple[Any, ...] = (
    torch.backends.cuda.matmul,
    torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn,
)
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
        torch.is_inference_mode_enabled,
        _set_inference_mode,
        lambda is_on: f"turns inference mode {'on' if is_on else 'off'}",
        is_own=False,
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
    flag(_C._get_cudnn_benchmark, _C._set_cudnn_benchmark, "cuDNN's search"),
    flag(_C._get_cudnn_deterministic, _C._set_cudnn_deterministic, "deterministic cuDNN"),
    flag(_C._get_cudnn_enabled, _C._set_cudnn_enabled, "cuDNN"),
    flag(_C._get_mkldnn_enabled, _C._set_mkldnn_enabled, "oneDNN"),
    flag(_C._get_flash_sdp_enabled, _C._set_sdp_use_flash, "flash attention"),
    flag(
        _C._get_mem_efficient_sdp_enabled,
        _C._set_sdp_use_mem_efficient,
        "memory-efficient attention",
    ),
    flag(_C._get_math_sdp_enabled, _C._set_sdp_use_math, "attention by products"),
    flag(
        torch.backends.mha.get_fastpath_enabled,
        torch.backends.mha.set_fastpath_enabled,
        "the fast path of attention",
    ),
    *(
        flag(
            partial(torch.is_autocast_enabled, device),
            partial(torch.set_autocast_enabled, device),
            f"autocast on {device}",
        )
        for device in ("cpu", "cuda")
    ),
    *(
        Setting(
            partial(torch.get_autocast_dtype, device),
            partial(torch.set_autocast_dtype, device),
            lambda dtype: f"sets the dtype of autocast to {str(dtype).removeprefix('torch.')}",
        )
        for device in ("cpu", "cuda")
    ),
    flag(torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled, "autocast's cache"),
    Setting(
        _cpu_precisions, _set_cpu_precisions, lambda _: "changes the precision of oneDNN's products"
    ),
    flag(_flushes_denormals, torch.set_flush_denormal, "flushing of denormal numbers"),
    flag(_C._is_multithreading_enabled, _C._set_multithreading_enabled, "threads of backward"),
    Setting(
        _autograd._profiler_enabled,
        _stop_profiler,
        lambda _: "leaves torch's profiler on",
        is_own=False,
    ),
    Setting(
        _dispatch_modes,
        _set_dispatch_modes,
        _dispatch_modes_said,
        apply=_apply_dispatch_modes,
        holds_own=_of_models,
    ),
    Setting(
        _autograd._saved_tensors_hooks_get_disabled_error_message,
        _forbid_saved_tensors_hooks,
        lambda message: f"{'allows' if message is None else 'forbids'} hooks on saved tensors",
    ),
    Setting(_saved_tensors_hooks, _set_saved_tensors_hooks, lambda _: "hooks all saved tensors"),
    Setting(_global_hooks, _set_global_hooks, lambda _: "hooks all modules"),
)

SLOW: tuple[Setting, ...] = (
    flag(_C._get_nnpack_enabled, _C._set_nnpack_enabled, "NNPACK"),
    flag(_C._get_mkldnn_deterministic, _C._set_mkldnn_deterministic, "deterministic oneDNN"),
    flag(_C._is_view_replay_enabled, _C._set_view_replay_enabled, "replaying of views"),
    flag(torch.is_warn_always_enabled, torch.set_warn_always, "repeated warnings"),
    flag(
        torch.__future__.get_swap_module_params_on_conversion,
        torch.__future__.set_swap_module_params_on_conversion,
        "swapping of parameters",
    ),
    flag(
        torch.__future__.get_overwrite_module_params_on_conversion,
        torch.__future__.set_overwrite_module_params_on_conversion,
        "overwriting of parameters",
    ),
    flag(
        _C._get_deterministic_fill_uninitialized_memory,
        _C._set_deterministic_fill_uninitialized_memory,
        "filling of new memory",
    ),
    Setting(
        _C._get_qengine,
        _C._set_qengine,
        lambda _: "changes the engine of quantized operators",
    ),
    Setting(
        torch.get_num_interop_threads,
        torch.set_num_interop_threads,
        lambda number: f"sets the number of torch's threads between operators to {number}",
    ),
)
