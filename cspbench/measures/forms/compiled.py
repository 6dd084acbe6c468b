"""The compiled forms: a module as `torch.compile` makes it, for one shape of input."""

import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import nn

from ...choices import Form

_BACKENDS = frozenset(("cudagraphs", "aot_eager", "eager"))


def is_compiled(form: Form) -> bool:
    """Whether `torch.compile` makes ``form`` of the module, in each process anew."""
    return form.partition(":")[0] == "compiled"


def compiled(module: nn.Module, form: Form) -> Callable[..., object]:
    """``module`` compiled as ``form`` says, when it is first called.

    torch caches compiled code by code object, and after eight modules of one class runs further
    ones uncompiled. Each module therefore gets its own function and code object.
    """

    def forward(*args: object, **kwargs: object) -> object:
        result: object = module(*args, **kwargs)
        return result

    return _compile(
        FunctionType(forward.__code__.replace(), forward.__globals__, closure=forward.__closure__),
        form,
    )


def load_compiler(form: Form, device: str) -> None:
    """Compile a trivial function, so that the compiler is loaded."""
    _compile(torch.neg, form)(torch.zeros(8, device=device))


def _compile(function: Any, form: Form) -> Callable[..., object]:
    _, _, word = form.partition(":")
    options: dict[str, Any] = {}
    if word:
        options["backend" if word in _BACKENDS else "mode"] = word
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from code that torch imports
        result: Callable[..., object] = torch.compile(function, dynamic=False, **options)
    return result
