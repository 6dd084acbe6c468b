"""Calibration, samples and turns of a case, tested exactly with scripted times."""

from collections.abc import Callable, Iterable

import pytest

from cspbench.measures.timing.benchmark import Benchmark, iterations_per_sample, take_turns
from cspbench.measures.timing.clock import (
    TimeFunction,
    Timing,
)


class Script:
    """A `TimeFunction` that plays back seconds per iteration; the last one repeats for ever."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self.seconds = list(seconds)
        self.iterations: list[int] = []
        self.untimed: list[int] = []

    def __call__(self, iterations: int, *, untimed: int = 1) -> Timing:
        self.iterations.append(iterations)
        self.untimed.append(untimed)
        seconds = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return Timing(seconds * iterations)


@pytest.mark.parametrize(
    ("call_s", "resolution_s", "iterations"),
    [
        (2e-3, 1e-9, 1),  # longer than the least sample: a sample by itself
        (3e-4, 1e-9, 4),  # 0.3, 0.6, 1.2 ms
        (1e-3, 1e-5, 16),  # a coarse clock: 1000 ticks of 10 µs take 10 ms
        (1e-3, 0.0, 1),  # a clock that claims no resolution
    ],
)
def test_iterations_double_until_a_sample_is_long_enough(
    call_s: float, resolution_s: float, iterations: int
) -> None:
    """At least 1 ms, and 1000 times the clock's resolution."""
    script = Script([call_s])
    assert iterations_per_sample(script, min_time_s=1e-3, resolution_s=resolution_s) == iterations


def test_an_interrupted_reading_does_not_end_the_calibration() -> None:
    """0.3 ms an iteration, the first reading held up for 5 ms: 4 iterations all the same."""
    script = Script([5e-3, 3e-4])
    assert iterations_per_sample(script, min_time_s=1e-3, resolution_s=1e-9) == 4


def test_a_clock_that_stands_still_does_not_hang_the_calibration() -> None:
    """Doubling ends at a cap."""
    assert iterations_per_sample(Script([0.0]), min_time_s=1e-3, resolution_s=0.0) == 1 << 20


def test_a_sample_is_seconds_per_iteration() -> None:
    """Four timed together."""
    script = Script([2e-3])
    benchmark = benchmark_of(script, iterations=4)
    benchmark.sample()
    assert benchmark.samples_s == [2e-3]
    assert script.iterations == [4]
    assert script.untimed == [1]


def test_a_benchmark_records_how_many_iterations_precede_each_sample() -> None:
    """None, where all cases of a launch are slow."""
    script = Script([2e-2])
    benchmark = benchmark_of(script)
    benchmark.untimed = 0
    benchmark.sample()
    assert script.untimed == [0]
    assert benchmark.latency(launch=1).untimed == 0


def test_preparation_reads_the_first_call_then_warms_up_then_calibrates() -> None:
    """The first call, eight equal warm-ups, and doubling from 1 to 4 iterations of 0.3 ms.

    A sample that is too short is doubled at once; that 4 iterations suffice is read three times.
    """
    calls, samples = Script([5e-2, 3e-4]), Script([3e-4])
    benchmark = benchmark_of(samples, single_call_s=lambda: calls(1).seconds)
    benchmark.warm_up_fully()
    benchmark.calibrate(min_time_s=1e-3, resolution_s=1e-9)
    assert benchmark.first_call_s == 5e-2
    assert calls.iterations == [1] * 9
    assert samples.iterations == [1, 2, 4, 4, 4]
    assert benchmark.iterations == 4


def benchmark_of(
    time_function: TimeFunction,
    *,
    key: str = "a",
    single_call_s: Callable[[], float] = lambda: 1e-3,
    iterations: int = 1,
) -> Benchmark:
    return Benchmark(
        key=key, single_call_s=single_call_s, time_function=time_function, iterations=iterations
    )


def benchmarks_of(*keys: str) -> list[Benchmark]:
    return [benchmark_of(Script([1e-3]), key=key) for key in keys]


def take(
    benchmarks: list[Benchmark],
    sample: Callable[[Benchmark], bool],
    *,
    seed: int = 0,
    is_last: Callable[[int], bool] = lambda _: False,
    **turns: int,
) -> list[Benchmark]:
    return take_turns(benchmarks, turns=turns, seed=seed, sample=sample, is_last=is_last)


def test_a_case_with_more_turns_does_not_keep_the_others_waiting() -> None:
    """All take part in the first two turns, b alone in the last three; the order is still random.

    Whoever has fewer turns takes the first, so that a turn of two cases is known by its number.
    """

    def orders(seed: int) -> str:
        keys: list[str] = []

        def sample(benchmark: Benchmark) -> bool:
            keys.append(benchmark.key)
            return True

        take(benchmarks_of(*"abc"), sample, seed=seed, a=2, b=5, c=3)
        return "".join(keys)

    order = orders(1)
    assert sorted(order[:3]) == sorted(order[3:6]) == list("abc")
    assert sorted(order[6:8]) == list("bc")
    assert order[8:] == "bb"
    assert len({orders(seed)[6:8] for seed in range(9)}) == 2


def test_no_turn_begins_once_the_time_is_up_but_the_first() -> None:
    """Every case has a sample; a turn that has begun is ended, so that samples stay paired."""
    counted = dict.fromkeys("ab", 0)

    def sample(benchmark: Benchmark) -> bool:
        counted[benchmark.key] += 1
        return True

    completed = take(benchmarks_of(*"ab"), sample, is_last=lambda _: True, a=9, b=9)
    assert counted == {"a": 1, "b": 1}
    assert [benchmark.key for benchmark in completed] == ["a", "b"]
    take(benchmarks_of(*"ab"), sample, is_last=lambda turns: turns == 2, a=9, b=9)
    assert counted == {"a": 3, "b": 3}


def test_every_case_has_one_sample_a_turn_in_a_seeded_order_that_changes() -> None:
    """The same seed gives the same order, and the turns differ among themselves."""

    def orders(seed: int) -> list[str]:
        keys: list[str] = []

        def sample(benchmark: Benchmark) -> bool:
            keys.append(benchmark.key)
            return True

        take(benchmarks_of(*"abcd"), sample, seed=seed, a=8, b=8, c=8, d=8)
        return ["".join(keys[start : start + 4]) for start in range(0, 32, 4)]

    assert all(sorted(order) == list("abcd") for order in orders(1))
    assert len(set(orders(1))) > 1
    assert orders(1) == orders(1) != orders(2)


def test_a_case_that_fails_leaves_and_the_others_go_on() -> None:
    """What is sampled after a failure is everyone else."""
    counted = dict.fromkeys("abc", 0)

    def sample(benchmark: Benchmark) -> bool:
        counted[benchmark.key] += 1
        return benchmark.key != "b"

    completed = take(benchmarks_of(*"abc"), sample, a=5, b=5, c=5)
    assert counted == {"a": 5, "b": 1, "c": 5}
    assert [benchmark.key for benchmark in completed] == ["a", "c"]


class Clocks:
    """A `ClockMonitor` that plays back readings of the clock; the last one repeats."""

    def __init__(self, *mhz: float, limits: tuple[str, ...] = ()) -> None:
        self._mhz = list(mhz)
        self._limits = limits

    def sm_mhz(self) -> float:
        return self._mhz.pop(0) if len(self._mhz) > 1 else self._mhz[0]

    def limits(self) -> tuple[str, ...]:
        return self._limits


def millisecond(monitor: Clocks) -> Benchmark:
    """A case of one millisecond."""
    return Benchmark(
        key="a",
        single_call_s=lambda: 1e-3,
        time_function=Script([1e-3]),
        monitor=monitor,
    )


def test_warm_up_goes_on_while_the_clock_rises() -> None:
    """Equal times from the start, but the clock stands only from the third window on.

    It is read before the first window of four and after each: 300, 900, 1900, 1980, 1980, 1980 MHz.
    """
    benchmark = millisecond(Clocks(300, 900, 1900, 1980))
    benchmark.warm_up_fully()
    assert len(benchmark.warm_up.seconds) == 5 * 4  # 1900 to 1980 MHz is a change of 4%
    assert benchmark.warm_up.is_steady


def test_samples_taken_while_something_holds_the_clock_down_are_counted() -> None:
    """Two samples, both of them."""
    benchmark = millisecond(Clocks(1980, limits=("heat",)))
    benchmark.sample()
    benchmark.sample()
    assert benchmark.latency(launch=1).throttled == 2
