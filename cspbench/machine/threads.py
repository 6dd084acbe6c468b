"""The threads of this process."""

import _thread
import sys


def count_threads() -> int:
    """Those that run beside the main one and that `threading` need not know.

    Not counted are those that torch's compiler keeps for later compilations, as no model started
    them. Where torch keeps them elsewhere than it did, they are counted.
    """
    return _thread._count() - _of_compiler()  # noqa: SLF001 -- the only count of all


def _of_compiler() -> int:
    try:
        pool = sys.modules["torch._inductor.async_compile"].AsyncCompile.pool
        return len(pool()._threads) if pool.cache_info().currsize else 0  # noqa: SLF001
    except (KeyError, AttributeError):
        return 0
