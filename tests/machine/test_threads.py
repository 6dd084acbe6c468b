"""Which threads of this process are counted."""

import _thread
import threading
import time

from torch._inductor import config
from torch._inductor.async_compile import AsyncCompile

from cspbench.machine.threads import count_threads


def test_threads_that_threading_does_not_know_are_counted() -> None:
    """Until they end."""
    before = count_threads()
    end = threading.Event()
    _thread.start_new_thread(end.wait, ())
    assert comes_to(before + 1)
    end.set()
    assert comes_to(before)


def test_threads_that_torchs_compiler_keeps_are_no_models() -> None:
    """The compiler starts them at the first compilation that needs any."""
    AsyncCompile.pool.cache_clear()
    before = count_threads()
    with config.patch(compile_threads=2):
        pool = AsyncCompile.pool()
    assert pool.submit(threading.get_native_id).result() != threading.get_native_id()
    assert count_threads() == before
    AsyncCompile.pool.cache_clear()
    assert count_threads() == before + 1  # where torch keeps them elsewhere
    pool.shutdown()
    assert comes_to(before)


def comes_to(number: int) -> bool:
    """Whether there are soon so many threads: they are counted while they begin and end."""
    deadline = time.monotonic() + 10
    while count_threads() != number and time.monotonic() < deadline:
        time.sleep(0.01)
    return count_threads() == number
