"""Latency: warm-up, calibrated samples, and cases that take turns. Time comes in as a callable."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import get_clock_info, perf_counter
from typing import NamedTuple, Protocol, Self

from ..device import Gpu
from ..records import Failure, Latency

_MOST_ITERATIONS = 1 << 20
_EVENT_RESOLUTION_S = 1e-6  # CUDA states half a microsecond
_EMPTY_REGIONS = 25


class Timing(NamedTuple):
    """Seconds that some iterations took: by the device's clock, and by the host's beside it."""

    seconds: float
    host_s: float | None = None

    @property
    def waited_s(self) -> float:
        """What the host waited for them, as far as that is known."""
        return self.seconds if self.host_s is None else self.host_s


Timed = Callable[[int], Timing]
"""Times so many iterations, from an idle device to an idle device."""


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

    ``cold``: the GPU's L2 cache is flushed before each iteration, outside its two events; the
    host's time is then none of the call's.
    """
    if gpu is None:

        def on_cpu(iterations: int) -> Timing:
            began = clock()
            for _ in range(iterations):
                call()
            return Timing(clock() - began)

        return on_cpu

    def warm(iterations: int) -> Timing:
        gpu.synchronise()
        began = clock()
        start = gpu.mark()
        for _ in range(iterations):
            call()
        end = gpu.mark()
        gpu.synchronise()
        host_s = clock() - began
        return Timing(gpu.seconds(start, end), host_s)

    def flushed(iterations: int) -> Timing:
        gpu.synchronise()
        events = []
        for _ in range(iterations):
            gpu.flush()
            start = gpu.mark()
            call()
            events.append((start, gpu.mark()))
        gpu.synchronise()
        return Timing(sum(gpu.seconds(start, end) for start, end in events))

    return flushed if cold else warm


def empty_region_s(gpu: Gpu) -> float:
    """What two events with nothing between them read: the median of a few."""
    nothing = stopwatch(lambda: None, gpu)
    return median(nothing(1).seconds for _ in range(_EMPTY_REGIONS))


@dataclass(slots=True)
class WarmUp:
    """Untimed iterations end when two following windows agree, or at a cap.

    They agree when each one's median lies within the other's quartiles and the first value of the
    later window is no outlier in it, and, where a clock is read, when it moved by no more than
    ``clock_share`` over both. The cap is ``most`` iterations or ``limit_s`` seconds; it never ends
    before ``least_s`` seconds.
    """

    window: int = 4
    most: int = 40
    limit_s: float = 2.0
    least_s: float = 0.0
    clock_share: float = 0.02
    seconds: list[float] = field(default_factory=list)
    mhz: list[float] = field(default_factory=list)

    @classmethod
    def of_gpu(cls) -> Self:
        """One that leaves a GPU the time to raise its clocks, which calls alone do not tell."""
        return cls(most=_MOST_ITERATIONS, least_s=0.1)

    def add(self, seconds: float, mhz: float | None = None) -> None:
        """One more iteration took ``seconds``, and left the clock at ``mhz``."""
        self.seconds.append(seconds)
        if mhz is not None:
            self.mhz.append(mhz)

    @property
    def is_finished(self) -> bool:
        """Steady, or capped."""
        spent_s = sum(self.seconds)
        if spent_s < self.least_s and len(self.seconds) < self.most:
            return False
        return self.is_steady or len(self.seconds) >= self.most or spent_s > self.limit_s

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
        last = self.mhz[-2 * self.window :]
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
class Contestant:
    """One case of a group: how to time it, and what has been read of it.

    ``replayed`` times the same work as a replayed graph, or says why it cannot be captured.
    """

    key: str
    timed: Timed
    watch: Watch | None = None
    replayed: Timed | Failure | None = None
    first_call_s: float = 0.0
    iterations: int = 1
    warm_up: WarmUp = field(default_factory=WarmUp)
    samples_s: list[float] = field(default_factory=list)
    host_samples_s: list[float] = field(default_factory=list)
    graph_samples_s: list[float] = field(default_factory=list)
    throttled: int = 0

    def prepare(self, *, minimum_s: float, resolution_s: float | None = None) -> None:
        """First call, warm-up, calibration."""
        self.first_call_s = self.timed(1).waited_s
        while not self.warm_up.is_finished:
            self.warm_up.add(self.timed(1).seconds, self._mhz())
        if resolution_s is None:
            resolution_s = get_clock_info("perf_counter").resolution
        self.iterations = iterations_per_sample(
            self.timed, minimum_s=minimum_s, resolution_s=resolution_s
        )

    def sample(self) -> None:
        """One sample, after one untimed iteration; of the graph likewise."""
        self.timed(1)
        seconds, host_s = self.timed(self.iterations)
        self.samples_s.append(seconds / self.iterations)
        if host_s is not None:
            self.host_samples_s.append(host_s / self.iterations)
        if callable(self.replayed):
            self.replayed(1)
            self.graph_samples_s.append(self.replayed(self.iterations).seconds / self.iterations)
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
            throttled=self.throttled,
        )

    def _mhz(self) -> float | None:
        mhz = None if self.watch is None else self.watch.sm_mhz()
        return None if isinstance(mhz, Failure) else mhz


@dataclass(frozen=True, kw_only=True, slots=True)
class Ring:
    """Where contestants are made ready: a device, and how calls on it are timed."""

    minimum_s: float
    gpu: Gpu | None = None
    watch: Watch | None = None
    cold: bool = False
    graph: bool = False

    def enter(self, key: str, call: Callable[[], object], *, with_graph: bool = True) -> Contestant:
        """A contestant, called for the first time, warmed up, calibrated, and captured if asked."""
        contestant = Contestant(
            key=key, timed=stopwatch(call, self.gpu, cold=self.cold), watch=self.watch
        )
        if self.gpu is None:
            contestant.prepare(minimum_s=self.minimum_s)
            return contestant
        contestant.warm_up = WarmUp.of_gpu()
        contestant.prepare(minimum_s=self.minimum_s, resolution_s=_EVENT_RESOLUTION_S)
        if self.graph and with_graph:
            contestant.replayed = self._replayed(call, self.gpu)
        return contestant

    def _replayed(self, call: Callable[[], object], gpu: Gpu) -> Timed | Failure:
        try:
            replay = gpu.capture(call)
        except RuntimeError as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            return Failure(reason=f"no graph could be captured: {first}")
        return stopwatch(replay, gpu, cold=self.cold)


def take_turns(
    contestants: Sequence[Contestant],
    *,
    turns: int,
    seed: int,
    sample: Callable[[Contestant], bool],
) -> list[Contestant]:
    """Sample every contestant once a turn, in a new random order, so that drift is shared.

    ``sample`` takes one sample and says whether the contestant stays. Returns those who did.
    """
    order = random.Random(seed)  # noqa: S311 -- a schedule, not a secret
    staying = list(contestants)
    for _ in range(turns):
        gone = [one for one in order.sample(staying, len(staying)) if not sample(one)]
        staying = [one for one in staying if one not in gone]
    return staying
