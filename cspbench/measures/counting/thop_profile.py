"""One more pass of a call's module, counted by thop."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

from torch import nn
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from ...records.base import Failure
from ..execution.call import Call


@dataclass(slots=True)
class ThopMacs:
    """MACs counted by thop, for the model and for each module without its children."""

    total: int
    by_path: dict[str, int]


def profile(call: Call) -> ThopMacs | Failure:
    """MACs of one forward pass of the call's module, in its present mode, as thop counts them.

    thop counts by hooks, which can turn fused operators off, so it has a pass of its own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thop imports distutils
        import thop
    try:
        with unset_fake_temporarily() as fake_mode, _ready_for_thop(call, fake_mode):
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
    return ThopMacs(total=int(total), by_path=by_path)


@contextlib.contextmanager
def _ready_for_thop(call: Call, fake_mode: TorchDispatchMode | None) -> Iterator[None]:
    """Let thop run the call's module as it is.

    thop passes no keyword arguments, sets the module to evaluation, and keeps its sums in tensors,
    whose values it could not read if they were fake.
    """
    from thop.vision.basic_hooks import count_parameters

    module, register = call.module, nn.Module.register_forward_hook
    forward = functools.partial(module.forward, **call.arguments.kwargs)

    def forward_in_mode(*args: Any, **kwargs: Any) -> object:
        with fake_mode or contextlib.nullcontext():
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
