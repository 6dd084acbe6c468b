"""Settings of the C library's allocator, made in a worker before it measures.

glibc adapts its mmap and trim thresholds while a program runs, so that the page faults of a call
differ from process to process. ``mallopt`` after the fork has the effect of the ``MALLOC_*``
variables before a start, and reports whether it succeeded.
"""

import ctypes

from ..choices import Allocator

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4  # malloc.h


def _set(options: tuple[tuple[int, int], ...]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    results = [mallopt(option, value) for option, value in options]  # set all, even if one fails
    return all(result == 1 for result in results)


def pin() -> Allocator:
    """Keep freed memory in the process and map no blocks; return the mode in force."""
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2_000_000_000), (_TOP_PAD, 64 << 20))
    return "pinned" if _set(options) else "system"


def map_every_block() -> bool:
    """Map each block of 64 KiB or more, so that the resident set follows live memory.

    Freed blocks are returned to the system. False if the allocator cannot be set.
    """
    options = ((_MMAP_MAX, 1 << 30), (_MMAP_THRESHOLD, 64 << 10), (_TRIM_THRESHOLD, 0))
    return _set((*options, (_TOP_PAD, 0)))
