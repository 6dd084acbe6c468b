"""One forward pass on meta tensors, observed by thop, by torch's formulas and by module hooks."""

import contextlib
import functools
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ...records.base import Failure
from ..execution.hooks import module_stack
from ..execution.inputs import Arguments
from ..execution.subject import Subject
from .operators import OperatorLog


@dataclass(slots=True)
class ThopMacs:
    """MACs counted by thop, for the model and for each module without its children."""

    total: int
    by_path: dict[str, int]


@dataclass(slots=True)
class ModuleCalls:
    """The number of calls of each module, and the shape of the first tensor it returned last."""

    number: Counter[str] = field(default_factory=Counter)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, path: str, output: object) -> None:
        """Count a call of ``path`` that returned ``output``."""
        self.number[path] += 1
        leaves = [output] if isinstance(output, Tensor) else pytree.tree_leaves(output)
        tensor = next((leaf for leaf in leaves if isinstance(leaf, Tensor)), None)
        if tensor is not None:
            self.shapes[path] = tuple(tensor.shape)


@dataclass(slots=True)
class Observation:
    """One pass of ``module`` on meta tensors, observed by all counters."""

    module: nn.Module
    log: OperatorLog
    calls: ModuleCalls
    thop: ThopMacs | Failure


class ThopError(Exception):
    """An exception under thop, which may come from thop or from the model."""


_Forward = Callable[[nn.Module, Arguments], ThopMacs | Failure]


def observe(subject: Subject) -> Observation:
    """Observe one forward pass by all counters, or without thop if it raises under thop.

    Lets exceptions of the module's forward through.
    """
    try:
        return _observe_forward(subject, _thop_forward)
    except ThopError as error:
        observation = _observe_forward(subject, _plain_forward)
        observation.thop = Failure(reason=f"thop raised {error}")
        return observation


def _observe_forward(subject: Subject, forward: _Forward) -> Observation:
    module = subject.meta().eval()
    arguments = subject.inputs("meta")
    calls = ModuleCalls()
    with module_stack(module, calls.add) as stack:
        log = OperatorLog(module, stack)
        with torch.no_grad(), log:
            thop = forward(module, arguments)
    return Observation(module=module, log=log, calls=calls, thop=thop)


def _plain_forward(module: nn.Module, arguments: Arguments) -> Failure:
    module(*arguments.args, **arguments.kwargs)
    return Failure(reason="thop was not run")


@contextlib.contextmanager
def _keywords_bound(module: nn.Module, kwargs: dict[str, Any]) -> Iterator[None]:
    """Give the forward of ``module`` these keyword arguments, which thop cannot pass."""
    if not kwargs:
        yield
        return
    with mock.patch.object(module, "forward", functools.partial(module.forward, **kwargs)):
        yield


def _thop_forward(module: nn.Module, arguments: Arguments) -> ThopMacs:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thop imports distutils
        import thop
    try:
        with _keywords_bound(module, arguments.kwargs):
            total, _, tree = thop.profile(
                module, arguments.args, verbose=False, ret_layer_info=True
            )
    except Exception as error:
        raise ThopError(f"{type(error).__name__}: {error}") from error
    by_path: dict[str, int] = {}

    def flatten(path: str, node: tuple[float, float, dict[str, Any]]) -> None:
        ops, _params, children = node
        by_path[path] = int(ops) - sum(int(child[0]) for child in children.values())
        for name, child in children.items():
            flatten(f"{path}.{name}" if path else name, child)

    flatten("", (total, 0, tree))
    return ThopMacs(total=int(total), by_path=by_path)
