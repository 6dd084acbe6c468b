"""Benchmarks: the cases of a launch with their samples, which take turns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from time import get_clock_info
from typing import Protocol

from ...records.base import Failure
from ...records.lines import Latency
from .clock import TimeFunction
from .warm_up import MAX_ITERATIONS, WarmUp


class ClockMonitor(Protocol):
    """Reads a GPU's clock and its limits between samples."""

    def sm_mhz(self) -> float | Failure:
        """The current clock of the multiprocessors, in MHz."""

    def limits(self) -> tuple[str, ...]:
        """The limits that held the clock down since the last call."""


def iterations_per_sample(
    time_function: TimeFunction, *, min_time_s: float, resolution_s: float
) -> int:
    """The number of iterations, a power of 2, that last at least ``min_time_s``.

    They also last at least 1000 times ``resolution_s``. The shortest of three readings counts,
    because an interrupted one is long with any number.
    """
    min_sample_s = max(min_time_s, 1000 * resolution_s)
    iterations = 1
    while iterations < MAX_ITERATIONS and any(
        time_function(iterations).seconds < min_sample_s for _ in range(3)
    ):
        iterations *= 2
    return iterations


@dataclass(slots=True, kw_only=True)
class Benchmark:
    """One case of a launch: the functions that time it, and its samples.

    ``single_call_s`` makes one call and returns its time by the host's clock.
    ``graph_time_function`` times the same work as a replayed graph; a `Failure` says why there is
    none. ``untimed`` iterations precede each sample.
    """

    key: str
    single_call_s: Callable[[], float]
    time_function: TimeFunction
    monitor: ClockMonitor | None = None
    graph_time_function: TimeFunction | Failure | None = None
    first_call_s: float = 0.0
    iterations: int = 1
    untimed: int = 1
    graph_iterations: int = 1
    warm_up: WarmUp = field(default_factory=WarmUp)
    samples_s: list[float] = field(default_factory=list)
    host_samples_s: list[float] = field(default_factory=list)
    graph_samples_s: list[float] = field(default_factory=list)
    issued_share: float | None = None
    throttled: int = 0

    def warm_up_fully(self, is_time_up: Callable[[], bool] = lambda: False) -> None:
        """Make the first call, and calls until their times are steady, or the time is up.

        There is one at least, which tells what an iteration takes.
        """
        self.first_call_s = self.single_call_s()
        self._read_clock()
        while not self.warm_up.is_finished:
            self.warm_up.add(self.single_call_s())
            if self.warm_up.is_clock_due:
                self._read_clock()
            if is_time_up():
                break

    @property
    def iteration_s(self) -> float:
        """Seconds of an iteration, by the last ones of the warm-up."""
        return median(self.warm_up.seconds[-self.warm_up.window :])

    def calibrate(self, *, min_time_s: float, resolution_s: float | None = None) -> None:
        """Set the iterations of a sample."""
        if resolution_s is None:
            resolution_s = get_clock_info("perf_counter").resolution
        self.iterations = iterations_per_sample(
            self.time_function, min_time_s=min_time_s, resolution_s=resolution_s
        )

    def add_graph(
        self, time_function: TimeFunction, *, min_time_s: float, resolution_s: float
    ) -> None:
        """Also sample the same work as a graph, timed by ``time_function`` and calibrated here."""
        self.graph_time_function = time_function
        self.graph_iterations = iterations_per_sample(
            time_function, min_time_s=min_time_s, resolution_s=resolution_s
        )

    def sample(self) -> None:
        """Take one sample of the calls, and one of the graph if there is one."""
        seconds, host_s = self.time_function(self.iterations, untimed=self.untimed)
        self.samples_s.append(seconds / self.iterations)
        if host_s is not None:
            self.host_samples_s.append(host_s / self.iterations)
        if callable(self.graph_time_function):
            graph_s = self.graph_time_function(self.graph_iterations).seconds
            self.graph_samples_s.append(graph_s / self.graph_iterations)
        if self.monitor is not None and self.monitor.limits():
            self.throttled += 1

    def latency(self, *, launch: int) -> Latency:
        """The samples and readings as the record of ``launch``."""
        graph = self.graph_time_function
        return Latency(
            case=self.key,
            launch=launch,
            samples_s=tuple(self.samples_s),
            iterations=self.iterations,
            first_call_s=self.first_call_s,
            warmup_iterations=len(self.warm_up.seconds),
            steady=self.warm_up.is_steady,
            untimed=self.untimed,
            host_samples_s=tuple(self.host_samples_s) or None,
            graph_samples_s=tuple(self.graph_samples_s)
            or (graph if isinstance(graph, Failure) else None),
            issued_share=self.issued_share,
            throttled=self.throttled,
        )

    def _read_clock(self) -> None:
        mhz = None if self.monitor is None else self.monitor.sm_mhz()
        if mhz is not None and not isinstance(mhz, Failure):
            self.warm_up.clocks_mhz.append(mhz)


def take_turns(
    benchmarks: Sequence[Benchmark],
    *,
    turns: Mapping[str, int],
    seed: int,
    sample: Callable[[Benchmark], bool],
    is_last: Callable[[int], bool] = lambda _: False,
) -> list[Benchmark]:
    """Sample benchmarks once a turn, in a new random order each, so that drift is shared.

    ``turns`` holds, by key, the number of turns of each, which takes part in the first ones.
    ``sample`` takes one sample and returns False if that failed; the benchmark then gets no further
    turn. ``is_last`` says, of a number of turns taken, whether no other is to follow. Returns the
    benchmarks that did not fail.
    """
    order = Random(seed)  # noqa: S311 -- a schedule, not a secret
    remaining = list(benchmarks)
    for turn in range(max(turns[benchmark.key] for benchmark in benchmarks)):
        if turn and is_last(turn):
            break
        taking_part = [benchmark for benchmark in remaining if turn < turns[benchmark.key]]
        failed = [
            benchmark
            for benchmark in order.sample(taking_part, len(taking_part))
            if not sample(benchmark)
        ]
        remaining = [benchmark for benchmark in remaining if benchmark not in failed]
    return remaining
