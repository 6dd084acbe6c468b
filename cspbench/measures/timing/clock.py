"""Timing of calls by the host's clock, and on a GPU by its events."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import NamedTuple, Protocol

from ...machine.device import Gpu

_READINGS = 16  # at most, within a sample by the host's clock
_EMPTY_REGIONS = 25
_SINGLE_CALLS = 5


class Timing(NamedTuple):
    """Seconds of several iterations by the device's clock, and of the same ones by the host's."""

    seconds: float
    host_s: float | None = None


class TimeFunction(Protocol):
    """Times a given number of iterations, after ``untimed`` others."""

    def __call__(self, iterations: int, *, untimed: int = 1) -> Timing: ...


def time_function(
    call: Callable[[], object],
    gpu: Gpu | None = None,
    *,
    cold: bool = False,
    clock: Callable[[], float] = perf_counter,
) -> TimeFunction:
    """A function that times ``call``: on a CPU by ``clock``, on a GPU by events and ``clock``.

    On a CPU the time is the number of iterations times the median of readings, one an iteration or
    one of several, so that an interruption of some is left out. On a GPU there is no
    synchronisation between iterations: the device is busy when it reaches the first event, so that
    kernel launches that overlap with its work are not timed. The host's time runs from an idle
    device to an idle one, less the untimed iterations' share. ``cold``: the GPU's L2 cache is
    flushed before each iteration, outside its two events; the host's time would include the flushes
    and is None.
    """
    if gpu is None:
        return _host_time_function(call, clock)
    return _cold_time_function(call, gpu) if cold else _gpu_time_function(call, gpu, clock)


def _host_time_function(call: Callable[[], object], clock: Callable[[], float]) -> TimeFunction:
    def time(iterations: int, *, untimed: int = 1) -> Timing:
        for _ in range(untimed):
            call()
        readings = min(iterations, _READINGS)
        calls, rest = divmod(iterations, readings)
        seconds = []
        for number in [calls + 1] * rest + [calls] * (readings - rest):
            started = clock()
            for _ in range(number):
                call()
            seconds.append((clock() - started) / number)
        return Timing(median(seconds) * iterations)

    return time


def _gpu_time_function(
    call: Callable[[], object], gpu: Gpu, clock: Callable[[], float]
) -> TimeFunction:
    start, end = gpu.event(), gpu.event()

    def time(iterations: int, *, untimed: int = 1) -> Timing:
        gpu.synchronise()
        started = clock()
        for _ in range(untimed):
            call()
        gpu.mark(start)
        for _ in range(iterations):
            call()
        gpu.mark(end)
        gpu.synchronise()
        host_s = (clock() - started) * iterations / (iterations + untimed)
        return Timing(gpu.seconds(start, end), host_s)

    return time


def _cold_time_function(call: Callable[[], object], gpu: Gpu) -> TimeFunction:
    events = [(gpu.event(), gpu.event())]

    def time(iterations: int, *, untimed: int = 1) -> Timing:
        events.extend((gpu.event(), gpu.event()) for _ in range(iterations - len(events)))
        gpu.synchronise()
        for _ in range(untimed):
            call()
        for start, end in events[:iterations]:
            gpu.flush()
            gpu.mark(start)
            call()
            gpu.mark(end)
        gpu.synchronise()
        return Timing(sum(gpu.seconds(start, end) for start, end in events[:iterations]))

    return time


def wall_time_s(
    call: Callable[[], object], gpu: Gpu | None = None, clock: Callable[[], float] = perf_counter
) -> float:
    """Seconds of one call by the host's clock, on a GPU until the device is idle again."""
    if gpu is not None:
        gpu.synchronise()
    started = clock()
    call()
    if gpu is not None:
        gpu.synchronise()
    return clock() - started


def launch_share(
    call: Callable[[], object], gpu: Gpu, clock: Callable[[], float] = perf_counter
) -> float:
    """The median share of a call's time that the host needs to issue all of its work.

    Near 1, the device waits for the host; near 0, the host waits for the device. Single calls are
    timed, because a device queues a limited number of kernels and then blocks the host.
    """

    def share() -> float:
        gpu.synchronise()
        started = clock()
        call()
        launched_s = clock() - started
        gpu.synchronise()
        finished_s = clock() - started
        return launched_s / finished_s if finished_s > 0 else 0.0

    return median(share() for _ in range(_SINGLE_CALLS))


def empty_region_s(gpu: Gpu) -> float:
    """The median time in seconds between two events with nothing between them."""
    time = time_function(lambda: None, gpu)
    return median(time(1).seconds for _ in range(_EMPTY_REGIONS))
