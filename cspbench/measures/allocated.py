"""Peaks of one call on real tensors: of live storages, and of allocated memory."""

from typing import TYPE_CHECKING

import msgspec

from ..choices import RUNTIME_FORMS
from ..plan.case import is_gpu
from ..records.base import Failure
from ..records.measurements import Allocated
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(stage="allocated", place="real", help="peak of what the allocator gave out, real tensors")
def allocated(subject: "Subject") -> Allocated:
    """The tensor peak and allocated peak of one call on real tensors, and the time to compile.

    The tensor peak is that of the uncompiled module, because the operators of a compiled one
    cannot be followed; of a file it is that of the module which it was made of.
    """
    from .execution.call import Call
    from .forms.compiled import is_compiled
    from .forms.timed import module_call
    from .tracking.allocators import allocated_on_cpu, allocated_on_gpu
    from .tracking.compilation import compile_call
    from .tracking.peaks import track_operators

    case, device = subject.case, subject.case.device
    module = subject.real()
    tracked, operators = track_operators(Call(case, module, subject.inputs(device), device))
    if case.form in RUNTIME_FORMS:
        return Allocated(
            case=case.key,
            peak_tensor_bytes=tracked.peak_tensor_bytes,
            peak_alloc_bytes=Failure(reason="the runtime allocates by itself, see the peak RSS"),
        )
    call = module_call(subject, module)
    compile_s, is_one_graph = compile_call(call, device) if is_compiled(case.form) else (None, None)
    peaks = (
        allocated_on_gpu(call, tracked, device)
        if is_gpu(device)
        else allocated_on_cpu(call, tracked, operators)
    )
    return msgspec.structs.replace(peaks, compile_s=compile_s, is_one_graph=is_one_graph)
