"""The time to compile a call, without caches of earlier compilations."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator

from ...machine import temporary
from ...machine.device import gpu
from ..execution.call import Call
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
    with _without_caches():
        call.load_compiler()
        counters.clear()
        first, second, third = (wall_time_s(call, on_gpu) for _ in range(3))
    frames = counters["frames"]
    return max(first + second - 2 * third, 1e-9), frames["ok"] == frames["total"] == 1


@contextlib.contextmanager
def _without_caches() -> Iterator[None]:
    """Make torch's compiler use no caches inside the context and leave none."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    previous = os.environ.get(name)
    # Processes of the compiler may still write into the folder while it is removed.
    cache = tempfile.TemporaryDirectory(dir=temporary.folder(), ignore_cleanup_errors=True)
    with warnings.catch_warnings(), cache as folder:
        warnings.simplefilter("ignore")  # about disabled caches, and from code that torch imports
        from torch._inductor import config

        os.environ[name] = folder
        try:
            with config.patch(force_disable_caches=True):
                yield
        finally:
            del os.environ[name]
            if previous is not None:
                os.environ[name] = previous
