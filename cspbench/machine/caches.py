"""The caches of the processor, as the kernel describes them."""

from collections.abc import Iterable
from pathlib import Path

from .system import CPU, listed

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def capacities(cores: Iterable[int], threads: int, root: Path = Path("/")) -> dict[str, int]:
    """The bytes of data that each level of cache holds for ``threads`` threads on ``cores``.

    Levels are named ``L1``, ``L2`` …, from the smallest on; of a level, as many caches count as
    threads can use, one a thread. Empty where the kernel does not say.
    """
    caches: dict[int, dict[str, int]] = {}  # by level, sizes by the cores that share the cache
    for core in cores:
        for folder in sorted((root / CPU / f"cpu{core}" / "cache").glob("index*")):
            try:
                kind, level, size, shared = (
                    (folder / name).read_text(encoding="ascii").strip()
                    for name in ("type", "level", "size", "shared_cpu_list")
                )
                listed(shared)
                if kind != "Instruction":
                    caches.setdefault(int(level), {})[shared] = _bytes(size)
            except (OSError, ValueError):
                continue
    return {
        f"L{level}": sum(sorted(sizes.values(), reverse=True)[:threads])
        for level, sizes in sorted(caches.items())
    }


def _bytes(text: str) -> int:
    """The number of bytes in a text like ``2048K``."""
    unit = _UNITS.get(text[-1:], 1)
    return int(text.rstrip("".join(_UNITS))) * unit
