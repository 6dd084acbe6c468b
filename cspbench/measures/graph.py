"""The memory that a CUDA graph of a case's call keeps, if the call can be captured."""

from typing import TYPE_CHECKING

from ..errors import message_of
from ..records.base import Failure
from ..records.measurements import Graph
from ..records.run import Settings
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


def _is_requested(settings: Settings) -> bool:
    return settings.cuda_graph


def _without_graph(case: str, reason: str) -> Graph:
    """The record of a call that cannot be captured; the case is then timed without a graph."""
    return Graph(case=case, graph_bytes=Failure(reason=reason))


@measure(
    stage="graph",
    place="real",
    help="what a captured CUDA graph of a call keeps of the GPU's memory (--cuda-graph)",
    applies=_is_requested,
    after_exit=_without_graph,
    is_destructive=True,
)
def graph(subject: "Subject") -> Graph:
    """Capture one call as a CUDA graph, replay it once, and return the memory that it keeps.

    A failed capture can leave torch unable to capture anything else, so it is tried in a process
    that measures nothing afterwards. Lets exceptions of the call itself through.
    """
    import torch

    from ..machine.device import gpu
    from .forms.timed import module_call

    case, device = subject.case, subject.case.device
    on_gpu = gpu(device)
    assert on_gpu is not None
    call = module_call(subject)
    call()
    call.forget_gradients()
    on_gpu.synchronise()
    torch.cuda.empty_cache()
    reserved_before = torch.cuda.memory_reserved(device)
    try:
        replay = on_gpu.capture(call)
        replay()
        on_gpu.synchronise()
    except RuntimeError as error:
        first_line = next(iter(message_of(error).splitlines()), type(error).__name__)
        return _without_graph(case.key, f"no graph: {first_line}")
    torch.cuda.empty_cache()
    graph_bytes = torch.cuda.memory_reserved(device) - reserved_before
    return Graph(case=case.key, graph_bytes=max(0, graph_bytes))
