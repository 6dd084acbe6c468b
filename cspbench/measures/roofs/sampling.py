"""The fastest of repeated samples."""

import math
from collections.abc import Callable
from time import perf_counter

from ...machine.device import Gpu
from ..timing.clock import time_function, wall_time_s

_SAMPLE_S = 0.02  # much longer than the clock's resolution, and shorter than most interruptions


def shortest_s(
    call: Callable[[], object],
    gpu: Gpu | None,
    *,
    seconds: float,
    fewest: int = 3,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """The seconds of one call in the fastest sample of those that fit into ``seconds``.

    At least ``fewest`` are taken, after two calls. On a CPU, a sample is the median of several
    readings where it has several calls, so that no single reading decides.
    """
    call()  # pages, kernels and workspaces are made in a first call
    once_s = wall_time_s(call, gpu, clock)
    iterations = max(1, math.ceil(_SAMPLE_S / max(once_s, 1e-9)))
    time = time_function(call, gpu, clock=clock)
    began = clock()
    samples: list[float] = []
    while len(samples) < fewest or clock() - began < seconds:
        samples.append(time(iterations, untimed=0).seconds / iterations)
    return min(samples)
