"""One more pass of a call's module, counted by thop."""

import contextlib
import functools
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from ...records.base import Failure
from ..execution.call import Call
from ..execution.module_stack import module_stack
from .shortcuts import Shortcuts


@dataclass(slots=True)
class ThopMacs:
    """MACs counted by thop, for the model and for each module without its children.

    Modules inside one that thop counts as a whole are not in ``by_path``. ``calls`` is the number
    of calls of each module.
    """

    total: int
    by_path: dict[str, int]
    calls: Counter[str]


def profile(call: Call) -> ThopMacs | Failure:
    """MACs of one forward pass of the call's module, in its present mode, as thop counts them.

    thop counts by hooks, which can turn fused operators off, so it has a pass of its own.
    """
    thop = _thop()
    calls: Counter[str] = Counter()
    try:
        with (
            unset_fake_temporarily() as fake_mode,
            _ready_for_thop(call, fake_mode),
            module_stack(call.module, lambda path, _: calls.update([path])),
        ):
            total, _, tree = thop.profile(
                call.module, call.arguments.args, verbose=False, ret_layer_info=True
            )
    except Exception as error:  # noqa: BLE001 -- thop's own, or the module's under it
        return Failure(reason=f"thop raised {type(error).__name__}: {error}")
    by_path: dict[str, int] = {}

    def flatten(path: str, node: tuple[float, float, dict[str, Any]]) -> None:
        ops, _params, children = node
        by_path[path] = int(ops) - sum(int(child[0]) for child in children.values())
        for name, child in children.items():
            flatten(f"{path}.{name}" if path else name, child)

    flatten("", (total, 0, tree))
    return ThopMacs(total=int(total), by_path=by_path, calls=calls)


def _thop() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thop imports distutils
        import thop
    return thop


def rules() -> Mapping[type, object]:
    """The rules of the installed thop, by type of module."""
    _thop()
    return getattr(sys.modules["thop.profile"], "register_hooks", {})


@functools.cache
def inherits_rules() -> bool:
    """Whether the installed thop, or a fork of its name, applies rules to subclasses, too."""

    class Subclass(nn.Conv2d):
        """A convolution that no rule names."""

    with unset_fake_temporarily():
        module = Subclass(1, 1, 1, bias=False, device="meta")
        inputs = torch.empty(1, 1, 1, 1, device="meta")
        return bool(_thop().profile(module, (inputs,), verbose=False)[0])


def has_rule(kind: type) -> bool:
    """Whether the installed thop counts modules of type ``kind`` by a rule."""
    return any(base in rules() for base in (kind.__mro__ if inherits_rules() else (kind,)))


@contextlib.contextmanager
def _ready_for_thop(call: Call, fake_mode: TorchDispatchMode | None) -> Iterator[None]:
    """Let thop run the call's module as it is.

    thop passes no keyword arguments, sets the module to evaluation, and keeps its sums in tensors,
    whose values it could not read if they were fake.
    """
    module, register = call.module, nn.Module.register_forward_hook
    count_parameters = getattr(sys.modules["thop.profile"], "count_parameters", None)
    forward = functools.partial(module.forward, **call.arguments.kwargs)

    def forward_in_mode(*args: Any, **kwargs: Any) -> object:
        with fake_mode or Shortcuts():
            return forward(*args, **kwargs)

    def register_out_of_mode(child: nn.Module, rule: Callable[..., Any]) -> object:
        def rule_out_of_mode(*args: Any) -> None:
            if rule is not count_parameters:  # slow, and not read
                with _disable_current_modes():
                    rule(*args)

        return register(child, rule_out_of_mode)

    with (
        mock.patch.object(module, "forward", forward_in_mode),
        mock.patch.object(module, "eval", return_value=module),
        mock.patch.object(nn.Module, "register_forward_hook", register_out_of_mode),
    ):
        yield
