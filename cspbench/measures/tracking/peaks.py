"""The tensor peak of one call: the bytes before it, and the highest sum during it."""

from torch import Tensor
from torch.utils import _pytree as pytree

from ...records.measurements import Split, TensorPeak
from ..execution.call import Call, Phase
from ..execution.module_stack import module_stack
from .nodes import NodeOwners
from .storages import StorageTracker


def track(call: Call) -> TensorPeak:
    """The tensor peak of one call.

    In training, that of the second step, because the first creates the optimizer's state.
    """
    module = call.module
    if call.training:
        call()  # creates the optimizer's state, which exists in every later step
        call.forget_gradients()
    owners = NodeOwners(module)
    with module_stack(module, on_change=owners.enter) as stack:
        tracker = StorageTracker(stack, owners)
        for parameter in module.parameters():
            tracker.follow(parameter, "weights")
        for buffer in module.buffers():
            tracker.follow(buffer, "buffers")
        for tensor in call.arguments.tensors:
            tracker.follow(tensor, "inputs")
        if call.optimizer is not None:
            for leaf in pytree.tree_leaves(list(call.optimizer.state.values())):
                if isinstance(leaf, Tensor):
                    tracker.follow(leaf, "optimizer_state")
        baseline = tracker.reset_peak()

        def begin_phase(phase: Phase) -> None:
            tracker.kind = phase

        with tracker:
            call(begin_phase)
    return TensorPeak(
        case=call.case.key,
        peak_tensor_bytes=sum(tracker.peak.values()),
        baseline_bytes=baseline,
        split=Split(**tracker.peak),
        operator=tracker.operator,
        module=tracker.module,
    )
