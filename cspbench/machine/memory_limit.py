"""A limit on the memory of this process, so that what is too large raises and does not swap."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")
_OVERHEAD_BYTES = 512 << 20  # of Python, of libraries and of threads


@contextlib.contextmanager
def memory_limited(budget_bytes: int) -> Iterator[None]:
    """Let this process take what the budget is 60% of (`memory_budget_bytes`); more raises.

    Only Linux limits allocations so; elsewhere, and where the limit cannot be set, there is none.
    """
    try:
        import resource

        limits = resource.getrlimit(resource.RLIMIT_DATA)
        limit = _data_bytes() + budget_bytes * 5 // 3 + _OVERHEAD_BYTES
        ceilings = [bound for bound in limits if bound != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min([limit, *ceilings]), limits[1]))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)


def _data_bytes() -> int:
    """The writable private memory of this process, to which the limit applies."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "VmData":
            return int(value.split()[0]) * 1024
    raise OSError(f"{_STATUS} has no VmData")
