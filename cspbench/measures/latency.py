"""Latency: warm-up, calibrated samples, and cases that take turns. Time comes in as a callable."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles
from time import get_clock_info, perf_counter
from typing import NamedTuple, Protocol, Self

from ..machine.device import Gpu
from ..records.base import Failure
from ..records.lines import Latency

_MOST_ITERATIONS = 1 << 20
_EVENT_RESOLUTION_S = 1e-6  # CUDA states half a microsecond
_EMPTY_REGIONS = 25
_SINGLE_CALLS = 5


class Timing(NamedTuple):
    """Seconds that some iterations took: by the device's clock, and by the host's beside it."""

    seconds: float
    host_s: float | None = None


Timed = Callable[[int], Timing]
"""Times so many iterations, after an untimed one."""


class Watch(Protocol):
    """What a GPU is doing between samples."""

    def sm_mhz(self) -> float | Failure:
        """Its clock now."""

    def limits(self) -> tuple[str, ...]:
        """What holds its clock down now."""


def stopwatch(
    call: Callable[[], object],
    gpu: Gpu | None = None,
    *,
    cold: bool = False,
    clock: Callable[[], float] = perf_counter,
) -> Timed:
    """Times ``call``: on a CPU by the host's ``clock``, on a GPU by events and the host's clock.

    Each time an untimed iteration goes before. On a GPU nothing waits in between: the device is at
    work when the first event passes, and launches that overlap its work are not timed. The host's
    time is from an idle device to an idle one, the untimed iteration's share taken off. ``cold``:
    the GPU's L2 cache is flushed before each iteration, outside its two events; the host's time is
    then none of the call's.
    """
    if gpu is None:

        def on_cpu(iterations: int) -> Timing:
            call()
            began = clock()
            for _ in range(iterations):
                call()
            return Timing(clock() - began)

        return on_cpu

    pairs = [(gpu.event(), gpu.event())]

    def warm(iterations: int) -> Timing:
        start, end = pairs[0]
        gpu.synchronise()
        began = clock()
        call()
        gpu.mark(start)
        for _ in range(iterations):
            call()
        gpu.mark(end)
        gpu.synchronise()
        host_s = (clock() - began) * iterations / (iterations + 1)
        return Timing(gpu.seconds(start, end), host_s)

    def flushed(iterations: int) -> Timing:
        pairs.extend((gpu.event(), gpu.event()) for _ in range(iterations - len(pairs)))
        gpu.synchronise()
        call()
        for start, end in pairs[:iterations]:
            gpu.flush()
            gpu.mark(start)
            call()
            gpu.mark(end)
        gpu.synchronise()
        return Timing(sum(gpu.seconds(start, end) for start, end in pairs[:iterations]))

    return flushed if cold else warm


def waited_s(
    call: Callable[[], object], gpu: Gpu | None = None, clock: Callable[[], float] = perf_counter
) -> float:
    """Seconds of one call by the host's clock; on a GPU from an idle device to an idle device."""
    if gpu is not None:
        gpu.synchronise()
    began = clock()
    call()
    if gpu is not None:
        gpu.synchronise()
    return clock() - began


def issued_share(
    call: Callable[[], object], gpu: Gpu, clock: Callable[[], float] = perf_counter
) -> float:
    """The part of a call's time after which the host has handed it over: the median of a few.

    Near 1 the device waits for the host, near 0 the host for the device. Of single calls, as a
    device takes on only so many launches ahead, and then holds the host up.
    """

    def once() -> float:
        gpu.synchronise()
        began = clock()
        call()
        issued_s = clock() - began
        gpu.synchronise()
        whole_s = clock() - began
        return issued_s / whole_s if whole_s > 0 else 0.0

    return median(once() for _ in range(_SINGLE_CALLS))


def empty_region_s(gpu: Gpu) -> float:
    """What two events with nothing between them read: the median of a few."""
    nothing = stopwatch(lambda: None, gpu)
    return median(nothing(1).seconds for _ in range(_EMPTY_REGIONS))


@dataclass(slots=True)
class WarmUp:
    """Untimed iterations end when two following windows agree, or at a cap.

    They agree when each one's median lies within the other's quartiles and the first value of the
    later window is no outlier in it, and, where a clock is read, when it moved by no more than
    ``clock_share`` over both: it is read at the end of each window, as reading takes time. The cap
    is ``most`` iterations or ``limit_s`` seconds; it never ends before ``least_s`` seconds.
    """

    window: int = 4
    most: int = 40
    limit_s: float = 2.0
    least_s: float = 0.0
    clock_share: float = 0.02
    seconds: list[float] = field(default_factory=list)
    mhz: list[float] = field(default_factory=list)
    spent_s: float = 0.0

    @classmethod
    def of_gpu(cls) -> Self:
        """One that leaves a GPU the time to raise its clocks, which calls alone do not tell."""
        return cls(most=_MOST_ITERATIONS, least_s=0.1)

    def add(self, seconds: float) -> None:
        """One more iteration took ``seconds``."""
        self.seconds.append(seconds)
        self.spent_s += seconds

    @property
    def is_clock_due(self) -> bool:
        """Whether a window has just ended, so that the clock is to be read."""
        return len(self.seconds) % self.window == 0

    @property
    def is_finished(self) -> bool:
        """Steady, or capped."""
        if self.spent_s < self.least_s and len(self.seconds) < self.most:
            return False
        return self.is_steady or len(self.seconds) >= self.most or self.spent_s > self.limit_s

    @property
    def is_steady(self) -> bool:
        """Whether the last two windows agree."""
        if len(self.seconds) < 2 * self.window or not self._is_clock_steady:
            return False
        earlier = self.seconds[-2 * self.window : -self.window]
        later = self.seconds[-self.window :]
        low, _, high = quantiles(later, method="inclusive")
        return (
            _within_quartiles(median(earlier), later)
            and _within_quartiles(median(later), earlier)
            and later[0] <= high + 1.5 * (high - low) + 0.01 * high
        )

    @property
    def _is_clock_steady(self) -> bool:
        last = self.mhz[-3:]  # at the ends of the last windows
        return not last or max(last) - min(last) <= self.clock_share * max(last)


def _within_quartiles(value: float, window: Sequence[float]) -> bool:
    low, _, high = quantiles(window, method="inclusive")
    slack = 0.01 * value  # equal but for the clock's last digits
    return low - slack <= value <= high + slack


def iterations_per_sample(timed: Timed, *, minimum_s: float, resolution_s: float) -> int:
    """Double the iterations until a sample lasts ``minimum_s`` and 1000 times the resolution.

    The shortest of three readings counts: one that was interrupted lasts long with any number.
    """
    enough = max(minimum_s, 1000 * resolution_s)
    iterations = 1
    while iterations < _MOST_ITERATIONS and any(
        timed(iterations).seconds < enough for _ in range(3)
    ):
        iterations *= 2
    return iterations


@dataclass(slots=True, kw_only=True)
class Benchmark:
    """One case of a group: how to time it, and what has been read of it.

    ``once`` gives the seconds of a single call by the host's clock. ``replayed`` times the same
    work as a replayed graph, or says why it cannot be captured.
    """

    key: str
    once: Callable[[], float]
    timed: Timed
    watch: Watch | None = None
    replayed: Timed | Failure | None = None
    first_call_s: float = 0.0
    iterations: int = 1
    graph_iterations: int = 1
    warm_up: WarmUp = field(default_factory=WarmUp)
    samples_s: list[float] = field(default_factory=list)
    host_samples_s: list[float] = field(default_factory=list)
    graph_samples_s: list[float] = field(default_factory=list)
    issued_share: float | None = None
    throttled: int = 0

    def warm_and_calibrate(self, *, minimum_s: float, resolution_s: float | None = None) -> None:
        """First call, warm-up, calibration."""
        self.first_call_s = self.once()
        self._read_clock()
        while not self.warm_up.is_finished:
            self.warm_up.add(self.once())
            if self.warm_up.is_clock_due:
                self._read_clock()
        if resolution_s is None:
            resolution_s = get_clock_info("perf_counter").resolution
        self.iterations = iterations_per_sample(
            self.timed, minimum_s=minimum_s, resolution_s=resolution_s
        )

    def replay(self, replayed: Timed, *, minimum_s: float, resolution_s: float) -> None:
        """Sample ``replayed``, too: the same work as a graph, which is calibrated by itself."""
        self.replayed = replayed
        self.graph_iterations = iterations_per_sample(
            replayed, minimum_s=minimum_s, resolution_s=resolution_s
        )

    def sample(self) -> None:
        """One sample; of the graph likewise."""
        seconds, host_s = self.timed(self.iterations)
        self.samples_s.append(seconds / self.iterations)
        if host_s is not None:
            self.host_samples_s.append(host_s / self.iterations)
        if callable(self.replayed):
            replayed_s = self.replayed(self.graph_iterations).seconds
            self.graph_samples_s.append(replayed_s / self.graph_iterations)
        if self.watch is not None and self.watch.limits():
            self.throttled += 1

    def latency(self, *, launch: int) -> Latency:
        """What was read of it, as a record."""
        replayed = self.replayed if isinstance(self.replayed, Failure) else None
        return Latency(
            case=self.key,
            launch=launch,
            samples_s=tuple(self.samples_s),
            iterations=self.iterations,
            first_call_s=self.first_call_s,
            warmup_iterations=len(self.warm_up.seconds),
            steady=self.warm_up.is_steady,
            host_samples_s=tuple(self.host_samples_s) or None,
            graph_samples_s=tuple(self.graph_samples_s) or replayed,
            issued_share=self.issued_share,
            throttled=self.throttled,
        )

    def _read_clock(self) -> None:
        mhz = None if self.watch is None else self.watch.sm_mhz()
        if mhz is not None and not isinstance(mhz, Failure):
            self.warm_up.mhz.append(mhz)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timer:
    """Where benchmarks are made ready: a device, and how calls on it are timed."""

    minimum_s: float
    gpu: Gpu | None = None
    watch: Watch | None = None
    cold: bool = False

    def prepare(
        self, key: str, call: Callable[[], object], *, graph: bool | Failure = False
    ) -> Benchmark:
        """A benchmark, called for the first time, warmed up and calibrated.

        ``graph``: captured, too, or why it cannot be. Raises RuntimeError for a capture that fails.
        """
        benchmark = Benchmark(
            key=key,
            once=partial(waited_s, call, self.gpu),
            timed=stopwatch(call, self.gpu, cold=self.cold),
            watch=self.watch,
        )
        if self.gpu is None:
            benchmark.warm_and_calibrate(minimum_s=self.minimum_s)
            return benchmark
        least = {"minimum_s": self.minimum_s, "resolution_s": _EVENT_RESOLUTION_S}
        benchmark.warm_up = WarmUp.of_gpu()
        benchmark.warm_and_calibrate(**least)
        benchmark.issued_share = issued_share(call, self.gpu)
        if isinstance(graph, Failure):
            benchmark.replayed = graph
        elif graph:
            replay = self.gpu.capture(call)
            benchmark.replay(stopwatch(replay, self.gpu, cold=self.cold), **least)
        return benchmark


def take_turns(
    benchmarks: Sequence[Benchmark],
    *,
    turns: int,
    seed: int,
    sample: Callable[[Benchmark], bool],
) -> list[Benchmark]:
    """Sample every benchmark once a turn, in a new random order, so that drift is shared.

    ``sample`` takes one sample and says whether the benchmark stays. Returns those who did.
    """
    order = random.Random(seed)  # noqa: S311 -- a schedule, not a secret
    staying = list(benchmarks)
    for _ in range(turns):
        gone = [one for one in order.sample(staying, len(staying)) if not sample(one)]
        staying = [one for one in staying if one not in gone]
    return staying
