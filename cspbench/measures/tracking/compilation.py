"""How long compiling a call takes, without the caches of earlier compilations."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator

from ...machine.device import gpu
from ..execution.call import Call
from ..timing.clock import wall_time_s


def compile_call(call: Call, device: str) -> tuple[float, bool]:
    """Seconds that compiling takes, and whether torch compiled the call into one graph.

    The seconds are those of the first two calls less those of two later ones; CUDA graphs are
    recorded in the second. Nothing comes from the cache of an earlier compilation, and the compiler
    itself, which takes seconds once a process, is loaded before. More than one graph: torch tried
    more than the one frame of the call.
    """
    from torch._dynamo.utils import counters

    on_gpu = gpu(device)
    with _without_caches():
        call.load_compiler()
        counters.clear()
        first, second, third = (wall_time_s(call, on_gpu) for _ in range(3))
    frames = counters["frames"]
    return max(first + second - 2 * third, 1e-9), frames["ok"] == frames["total"] == 1


@contextlib.contextmanager
def _without_caches() -> Iterator[None]:
    """Torch's compiler uses no cache inside, and leaves none."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    previous = os.environ.get(name)
    temporary = tempfile.TemporaryDirectory(
        ignore_cleanup_errors=True
    )  # its processes may write yet
    with warnings.catch_warnings(), temporary as folder:
        warnings.simplefilter("ignore")  # of caches that are off, and of torch's own old code
        from torch._inductor import config

        os.environ[name] = folder
        try:
            with config.patch(force_disable_caches=True):
                yield
        finally:
            del os.environ[name]
            if previous is not None:
                os.environ[name] = previous
