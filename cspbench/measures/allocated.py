"""Peaks of one call on real tensors: of live storages, and of allocated memory."""

from typing import TYPE_CHECKING

import msgspec

from ..plan.case import is_gpu
from ..records.measurements import Allocated
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(stage="allocated", place="real", help="peak of what the allocator gave out, real tensors")
def allocated(subject: "Subject") -> Allocated:
    """The tensor peak and allocated peak of one call on real tensors, and the time to compile.

    The tensor peak is that of the uncompiled module, because the operators of a compiled one
    cannot be followed.
    """
    from .execution.call import Call
    from .tracking.allocators import allocated_on_cpu, allocated_on_gpu
    from .tracking.compilation import compile_call
    from .tracking.peaks import track_operators

    case, device = subject.case, subject.case.device
    module = subject.real()
    tracked, operators = track_operators(Call(case, module, subject.inputs(device), device))
    call = Call(case, module, subject.inputs(device), device, compiled=True)
    compile_s, is_one_graph = compile_call(call, device) if case.compiler else (None, None)
    peaks = (
        allocated_on_gpu(call, tracked, device)
        if is_gpu(device)
        else allocated_on_cpu(call, tracked, operators)
    )
    return msgspec.structs.replace(peaks, compile_s=compile_s, is_one_graph=is_one_graph)
