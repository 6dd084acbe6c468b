"""One call observed operator by operator and module by module, and counted once more by thop."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch._C._functorch import is_batchedtensor
from torch.utils import _pytree as pytree

from ...records.base import Failure
from ..execution.call import Call, Phase
from ..execution.module_stack import module_stack
from .operators import OperatorLog
from .shortcuts import Shortcuts
from .thop_profile import ThopMacs, profile


@dataclass(slots=True)
class ModuleCalls:
    """The number of calls of each module, and the shape of the first tensor it returned last.

    ``mapped`` are the modules that ran under `torch.func.vmap`.
    """

    number: Counter[str] = field(default_factory=Counter)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    mapped: set[str] = field(default_factory=set)

    def add(self, path: str, output: object) -> None:
        """Count a call of ``path`` that returned ``output``."""
        self.number[path] += 1
        leaves = [output] if isinstance(output, Tensor) else pytree.tree_leaves(output)
        tensor = next((leaf for leaf in leaves if isinstance(leaf, Tensor)), None)
        if tensor is not None and not tensor.is_nested:  # of one shape
            self.shapes[path] = tuple(tensor.shape)
            if is_batchedtensor(tensor):
                self.mapped.add(path)


@dataclass(slots=True)
class Observation:
    """One call of ``module``, observed by all counters; ``calls`` are those of its forward."""

    module: nn.Module
    log: OperatorLog
    calls: ModuleCalls
    thop: ThopMacs | Failure


def observe(call: Call) -> Observation:
    """Observe one call on tensors of any kind: meta, fake or real.

    Lets exceptions of the module's forward through.
    """
    _run(
        call, lambda _: None, nullcontext()
    )  # what a first call computes and keeps is no later call's work
    call.forget_gradients()
    calls = ModuleCalls()

    def add(path: str, output: object) -> None:
        if log.phase == "activations":  # not what a checkpoint runs again for the backward
            calls.add(path, output)

    with module_stack(call.module, add) as stack:
        log = OperatorLog(call, stack)
        _run(call, log.begin_phase, log)
        log.finish()
    return Observation(module=call.module, log=log, calls=calls, thop=profile(call))


def _run(
    call: Call,
    begin_phase: Callable[[Phase], object],
    log: AbstractContextManager[object],
) -> None:
    """Run ``call`` inside ``log``, or its forward only if nothing in it can need a gradient."""
    needs_gradient = [*call.module.parameters(), *call.arguments.tensors]
    is_frozen = call.training and not any(tensor.requires_grad for tensor in needs_gradient)
    with Shortcuts(), log:
        if is_frozen:
            with torch.no_grad():
                call.forward()
        else:
            call(begin_phase)
