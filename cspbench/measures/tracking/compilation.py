"""The time to compile a call, without caches of earlier compilations."""

from ...machine.device import gpu
from ..execution.call import Call
from ..execution.compiler_caches import without_compiler_caches
from ..forms.compiled import load_compiler
from ..timing.clock import wall_time_s


def compile_call(call: Call, device: str) -> tuple[float, bool]:
    """The seconds that compiling takes, and whether torch compiled the call into one graph.

    The seconds are those of the first two calls (CUDA graphs are recorded in the second) less twice
    the third. Caches of earlier compilations are not used, and the compiler itself, which takes
    seconds to load once a process, is loaded before. With more than one graph, torch compiles more
    frames than that of the call.
    """
    from torch._dynamo.utils import counters

    on_gpu = gpu(device)
    with without_compiler_caches():
        load_compiler(call.case.form, device)
        counters.clear()
        first, second, third = (wall_time_s(call, on_gpu) for _ in range(3))
    frames = counters["frames"]
    return max(first + second - 2 * third, 1e-9), frames["ok"] == frames["total"] == 1
