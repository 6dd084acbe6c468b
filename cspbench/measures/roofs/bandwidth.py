"""The bytes a second that a device moves between its processors and each level of memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ...machine.device import Gpu, gpu
from ...records.ceilings import Bandwidth
from .sampling import shortest_s

_ITEM = 4  # bytes of a number in single precision
_SAMPLING_S, _CACHED_S = 0.5, 0.05
_LAST_FACTOR = 4  # STREAM's rule: each array at least four times the last cache
_FEWEST_BYTES = 256 << 20
_ABOVE_BELOW = 1.25  # times what the level below holds, so that it does not
_SHARES = (0.25, 0.5)  # of a cache, which the arrays fill together
_IN_GRAPH = 50  # calls
_ARRAYS = {"copy_bytes": 2, "triad_bytes": 3, "sum_bytes": 1}
"""By field of `Bandwidth`, the number of arrays of the operation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A cache that holds ``capacity_bytes``, or memory if that is None.

    ``sizes`` are the bytes that the arrays of one operation fill together.
    """

    name: str
    capacity_bytes: int | None
    sizes: tuple[int, ...]


def levels(caches: Mapping[str, int], budget_bytes: int) -> list[Level]:
    """The levels to measure: each of ``caches`` but L1, and memory.

    ``caches`` are capacities in bytes by name, from the smallest on. L1 is left out: a call of an
    operator takes longer than its data from there. Arrays of memory are each four times the last
    cache and at least 256 MiB, if three fit into half of ``budget_bytes``.
    """
    measured, below = [], 0
    for name, capacity in caches.items():
        sizes = [int(_ABOVE_BELOW * below), *(int(share * capacity) for share in _SHARES)]
        usable = tuple(size for size in sizes if below < size < capacity)
        if usable and name != "L1":
            measured.append(Level(name=name, capacity_bytes=capacity, sizes=usable))
        below = capacity
    array_bytes = min(max(_FEWEST_BYTES, _LAST_FACTOR * below), budget_bytes // 6)
    return [*measured, Level(name="memory", capacity_bytes=None, sizes=(3 * array_bytes,))]


def bandwidth(device: str, level: Level) -> Bandwidth:
    """The highest rates of a copy, a triad and a sum whose arrays fill ``level``.

    Of a cache, the best of several sizes: a small one spends more of its time on starting threads.
    """
    on_gpu = gpu(device)
    rates = dict.fromkeys(_ARRAYS, 0.0)
    with torch.no_grad():
        for size in level.sizes:
            buffers: list[torch.Tensor] = []
            for name, arrays in sorted(_ARRAYS.items(), key=lambda item: -item[1]):
                # In memory, where pages take long to be made, all operations share the arrays.
                if not (buffers and level.capacity_bytes is None):
                    buffers = [
                        torch.ones(max(1, size // arrays // _ITEM), device=device)
                        for _ in range(arrays)
                    ]
                seconds = _seconds(name, buffers, level, on_gpu)
                rates[name] = max(rates[name], arrays * buffers[0].nbytes / seconds)
    return Bandwidth(
        level=level.name,
        capacity_bytes=level.capacity_bytes,
        array_bytes=max(level.sizes) // 3,
        **{name: (rate,) for name, rate in rates.items()},
    )


def _seconds(name: str, buffers: Sequence[torch.Tensor], level: Level, on_gpu: Gpu | None) -> float:
    """The seconds that the operation ``name`` takes at least."""

    def call() -> object:
        return _operate(name, buffers)

    if level.capacity_bytes is None:
        return shortest_s(call, on_gpu, seconds=_SAMPLING_S)
    if on_gpu is None:
        return shortest_s(call, on_gpu, seconds=_CACHED_S)

    def several() -> None:
        for _ in range(_IN_GRAPH):
            call()

    # Launched one by one, such short kernels would wait for the host.
    return shortest_s(on_gpu.capture(several), on_gpu, seconds=_CACHED_S) / _IN_GRAPH


def _operate(name: str, buffers: Sequence[torch.Tensor]) -> object:
    """One pass over the arrays; the scaled sum is one operator, so that it is one pass, too."""
    if name == "copy_bytes":
        return buffers[0].copy_(buffers[1])
    if name == "triad_bytes":
        return torch.add(buffers[1], buffers[2], alpha=3.0, out=buffers[0])
    return buffers[0].sum()
