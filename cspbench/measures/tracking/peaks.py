"""The tensor peak of one call: the bytes before it, and the highest sum during it."""

import contextlib
import gc
from collections import Counter
from collections.abc import Callable, Iterator

from torch import Tensor, nn

from ...records.tensor_peak import Split, TensorPeak
from ..execution.call import Call
from ..execution.module_stack import module_stack
from ..execution.trees import named_leaves, tensors
from .nodes import NodeOwners
from .storages import StorageTracker


def track(call: Call) -> TensorPeak:
    """The tensor peak of one call.

    That of the second call: the first creates the optimizer's state, and whatever else is kept.
    """
    return track_operators(call)[0]


def track_operators(call: Call) -> tuple[TensorPeak, Counter[str]]:
    """The tensor peak of one call as of `track`, and the calls of each operator in it."""
    with warm_tracker(call) as tracker:
        baseline = tracker.total
        with tracker:
            call(tracker.begin_phase)
    peak = TensorPeak(
        case=call.case.key,
        peak_tensor_bytes=sum(tracker.peak.values()),
        baseline_bytes=baseline,
        split=Split(**tracker.peak),
        operator=tracker.operator,
        module=tracker.module,
    )
    return peak, tracker.operators


@contextlib.contextmanager
def warm_tracker(
    call: Call,
    on_call: Callable[[str, object], None] | None = None,
    on_return: Callable[[str, object], None] | None = None,
) -> Iterator[StorageTracker]:
    """A tracker that knows what is alive after a first call, for another call inside the context.

    ``on_call`` and ``on_return`` are called for modules as by `module_stack`, in that other call.
    """
    owners = NodeOwners(call.module)
    with module_stack(call.module, on_change=owners.enter) as stack:
        tracker = StorageTracker(stack, owners)
        _warm_up(call, tracker)
    with module_stack(call.module, on_return, owners.enter, on_call) as stack:
        tracker.stack = stack
        tracker.reset_peak()
        yield tracker


def _warm_up(call: Call, tracker: StorageTracker) -> None:
    """Make a first call, and let the tracker know every tensor that is alive after it.

    What is neither parameter, input nor the optimizer's counts as a buffer: tensors in attributes
    and lists, and those that the call has kept wherever they are.
    """
    tracker.begin_phase("buffers")
    with tracker:
        call()
    call.forget_gradients()
    for tensor in (*held_tensors(call.module), *call.module.buffers()):  # scripts hold in C++
        tracker.assign(tensor, "buffers")
    for parameter in call.module.parameters():
        tracker.assign(parameter, "weights")
    for tensor in call.arguments.tensors:
        tracker.assign(tensor, "inputs")
    if call.optimizer is not None:
        for tensor in tensors(list(call.optimizer.state.values())):
            tracker.assign(tensor, "optimizer_state")
    if tracker.has_unassigned:
        gc.collect()  # what the call left in reference cycles is not kept


def held_tensors(module: nn.Module) -> Iterator[Tensor]:
    """The tensors in the attributes of ``module`` and of every module that it holds.

    Modules in plain lists are among them. A tensor may come more than once.
    """
    visited: set[nn.Module] = set()
    queue = [module]
    while queue:
        child = queue.pop()
        if child in visited:
            continue
        visited.add(child)
        for value in vars(child).values():
            if value is None or isinstance(value, bool | int | float | str) or _is_empty(value):
                continue
            for _, leaf in named_leaves(value):
                if isinstance(leaf, Tensor):
                    yield leaf
                elif isinstance(leaf, nn.Module):
                    queue.append(leaf)


def _is_empty(value: object) -> bool:
    return isinstance(value, dict | list | tuple | set) and not value
