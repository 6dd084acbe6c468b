"""The C library's allocator, set in a process of its own before it measures.

glibc moves its mmap and trim thresholds while a program runs, so that the page faults of a call
differ from process to process. ``mallopt`` after the fork does what the ``MALLOC_*`` variables do
before a start, and says whether it took.
"""

import ctypes
from typing import Literal

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4  # malloc.h


def _set(options: tuple[tuple[int, int], ...]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    results = [mallopt(option, value) for option, value in options]  # all are to be set
    return all(result == 1 for result in results)


def pin() -> Literal["pinned", "system"]:
    """Keep freed memory in the process and map nothing; the mode then in force."""
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2_000_000_000), (_TOP_PAD, 64 << 20))
    return "pinned" if _set(options) else "system"


def map_every_block() -> bool:
    """Map each block of 64 KiB or more and give it back when freed; False where it cannot be set.

    Only so does the resident set follow what is live.
    """
    options = ((_MMAP_MAX, 1 << 30), (_MMAP_THRESHOLD, 64 << 10), (_TRIM_THRESHOLD, 0))
    return _set((*options, (_TOP_PAD, 0)))
