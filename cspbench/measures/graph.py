"""Whether a case's call can be captured as a CUDA graph, and what such a graph keeps of memory."""

import torch

from ..machine.device import gpu
from ..records.base import Failure
from ..records.measurements import Graph
from .base import Call, Subject


def graph(subject: Subject) -> Graph:
    """A graph of one call, captured and replayed once, and then thrown away.

    A capture that fails can leave torch unable to capture anything else, so that it is tried where
    nothing else is measured. Raises what the call itself raises.
    """
    case, device = subject.case, subject.case.device
    on_gpu = gpu(device)
    assert on_gpu is not None
    call = Call(case, subject.real(), device, compiled=True)
    call()
    call.forget_gradients()
    on_gpu.synchronise()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved(device)
    try:
        replay = on_gpu.capture(call)
        replay()
        on_gpu.synchronise()
    except RuntimeError as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        return Graph(case=case.key, graph_bytes=Failure(reason=f"no graph: {first}"))
    torch.cuda.empty_cache()
    kept = torch.cuda.memory_reserved(device) - before
    return Graph(case=case.key, graph_bytes=max(0, kept))
