"""Warm-up, calibration and turns, tested exactly with a scripted clock."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.measures.timing.benchmark import Benchmark, iterations_per_sample, take_turns
from cspbench.measures.timing.clock import TimeFunction, Timing, time_function
from cspbench.measures.timing.warm_up import WarmUp


class Script:
    """A `TimeFunction` that plays back seconds per iteration; the last one repeats for ever."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self.seconds = list(seconds)
        self.iterations: list[int] = []

    def __call__(self, iterations: int) -> Timing:
        self.iterations.append(iterations)
        seconds = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return Timing(seconds * iterations)


def warmed(seconds: Iterable[float], **options: float) -> WarmUp:
    warm_up = WarmUp(**options)  # type: ignore[arg-type]
    for value in seconds:
        if warm_up.is_finished:
            break
        warm_up.add(value)
    return warm_up


def test_warm_up_ends_at_once_on_equal_times() -> None:
    """Two windows of four are the least that can agree; no spread at all is no division by zero."""
    warm_up = warmed([1e-3] * 100)
    assert (len(warm_up.seconds), warm_up.is_steady) == (8, True)


def test_warm_up_waits_for_a_slow_start_to_pass() -> None:
    """Three slow calls first: the windows agree only when none of them is in the earlier one."""
    warm_up = warmed([9e-3, 7e-3, 5e-3, *[1e-3] * 100])
    assert (len(warm_up.seconds), warm_up.is_steady) == (10, True)


def test_warm_up_on_a_drift_is_capped_and_says_so() -> None:
    """Times that keep falling by a tenth never agree."""
    warm_up = warmed([1e-3 * 0.9**index for index in range(100)])
    assert (len(warm_up.seconds), warm_up.is_steady) == (40, False)


def test_warm_up_is_capped_in_seconds_for_a_slow_case() -> None:
    """A case of 1.5 s a call is not called 40 times to find out."""
    warm_up = warmed([1.5, 1.0, 1.2])
    assert (len(warm_up.seconds), warm_up.is_finished, warm_up.is_steady) == (2, True, False)


def test_one_huge_outlier_delays_warm_up_but_does_not_defeat_it() -> None:
    """It may not be the first value of the later window; inside a window it is passed over."""
    warm_up = warmed([*[1e-3] * 4, 1.0, *[1e-3] * 100], max_s=10.0)
    assert warm_up.is_steady
    assert len(warm_up.seconds) > 8


@pytest.mark.parametrize("pattern", [[1e-3, 2e-3], [1e-3, 1e-3, 2e-3, 2e-3]])
def test_warm_up_takes_two_speeds_that_mix_for_steady(pattern: list[float]) -> None:
    """Two windows with both speeds agree: that is how the case runs, not how it starts."""
    warm_up = warmed(pattern * 20)
    assert (len(warm_up.seconds), warm_up.is_steady) == (8, True)


def test_warm_up_that_ends_in_another_speed_goes_on() -> None:
    """Slow at first, fast from the sixth call on: windows of one speed each do not agree."""
    warm_up = warmed([*[2e-3] * 5, *[1e-3] * 100])
    assert warm_up.is_steady
    assert len(warm_up.seconds) > 10


@given(st.lists(st.floats(1e-9, 10.0), min_size=1, max_size=60))
def test_warm_up_always_ends(times: list[float]) -> None:
    """Whatever the times, at the latest at the cap."""
    warm_up = warmed([*times, *[1e-3] * 60])
    assert warm_up.is_finished
    assert len(warm_up.seconds) <= warm_up.max_iterations


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


def test_an_untimed_iteration_goes_before_those_that_are_timed() -> None:
    """A call that takes 5 s at first and 1 s then: three calls, of which two are timed."""
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 1.0 if now else 5.0

    assert time_function(call, clock=lambda: now)(2).seconds == 2.0
    assert now == 7.0


def test_preparation_reads_the_first_call_then_warms_up_then_calibrates() -> None:
    """The first call, eight equal warm-ups, and doubling from 1 to 4 iterations of 0.3 ms.

    A sample that is too short is doubled at once; that 4 iterations suffice is read three times.
    """
    calls, samples = Script([5e-2, 3e-4]), Script([3e-4])
    benchmark = benchmark_of(samples, single_call_s=lambda: calls(1).seconds)
    benchmark.warm_and_calibrate(min_time_s=1e-3, resolution_s=1e-9)
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


def test_every_case_has_one_sample_a_turn_in_a_seeded_order_that_changes() -> None:
    """The same seed gives the same order, and the turns differ among themselves."""

    def orders(seed: int) -> list[str]:
        keys: list[str] = []

        def sample(benchmark: Benchmark) -> bool:
            keys.append(benchmark.key)
            return True

        take_turns(benchmarks_of(*"abcd"), turns=8, seed=seed, sample=sample)
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

    completed = take_turns(benchmarks_of(*"abc"), turns=5, seed=0, sample=sample)
    assert counted == {"a": 5, "b": 1, "c": 5}
    assert [benchmark.key for benchmark in completed] == ["a", "c"]
