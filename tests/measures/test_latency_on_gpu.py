"""What is timed on a GPU, on one that is made up: events, the host's clock, flushes and graphs."""

from collections.abc import Callable

import pytest
from fake_gpu import FakeGpu

from cspbench.measures.timing.benchmark import Benchmark
from cspbench.measures.timing.clock import (
    TimeFunction,
    Timing,
    empty_region_s,
    launch_share,
    time_function,
)
from cspbench.measures.timing.timer import Timer
from cspbench.measures.timing.warm_up import WarmUp
from cspbench.records.base import Failure

US = 1e-6


def timed(gpu: FakeGpu, call: Callable[[], object], *, cold: bool = False) -> TimeFunction:
    return time_function(call, gpu, cold=cold, clock=gpu.clock)


def test_a_busy_device_is_timed_without_any_launch_that_work_could_hide() -> None:
    """Its events read the work alone; the host's clock also waits for the very first launch.

    One untimed call and four timed ones: 10 + 5 * 100 µs by the host's clock, four fifths of them
    the timed ones'.
    """
    gpu = FakeGpu()
    seconds, host_s = timed(gpu, gpu.kernel(launch_s=10 * US, work_s=100 * US))(4)
    assert seconds == pytest.approx(400 * US)
    assert host_s == pytest.approx(510 * US * 4 / 5)


def test_a_single_call_is_timed_without_its_launch_too() -> None:
    """Long calls are samples by themselves: 1.2 ms of work, not 1.25."""
    gpu = FakeGpu()
    timing = timed(gpu, gpu.kernel(launch_s=50 * US, work_s=1200 * US))(1)
    assert timing.seconds == pytest.approx(1200 * US)


def test_a_device_that_starves_takes_as_long_as_its_launches() -> None:
    """Work of 10 µs behind launches of 100: the gaps are part of what a call costs."""
    gpu = FakeGpu()
    seconds, _ = timed(gpu, gpu.kernel(launch_s=100 * US, work_s=10 * US))(4)
    assert seconds == pytest.approx(400 * US)


@pytest.mark.parametrize(
    ("launch_s", "work_s", "share"), [(10 * US, 190 * US, 0.05), (90 * US, 10 * US, 0.9)]
)
def test_who_waits_for_whom_is_read_of_single_calls(
    launch_s: float, work_s: float, share: float
) -> None:
    """How far into a call's time the host was still handing it over."""
    gpu = FakeGpu()
    call = gpu.kernel(launch_s=launch_s, work_s=work_s)
    assert launch_share(call, gpu, gpu.clock) == pytest.approx(share)


def test_what_was_given_before_is_not_timed_and_nothing_waits_inside() -> None:
    """The device is idle before the untimed call; it is waited for once more, at the end."""
    gpu = FakeGpu()
    gpu.kernel(launch_s=0, work_s=1.0)()
    assert timed(gpu, gpu.kernel(launch_s=0, work_s=5 * US))(1).seconds == pytest.approx(5 * US)
    assert gpu.waits == 2


def test_events_are_made_before_anything_is_timed_and_used_again() -> None:
    """Making one takes the host a millisecond here, a thousand times the work."""
    gpu = FakeGpu()
    for cold in (False, True):
        time = timed(gpu, gpu.kernel(launch_s=0, work_s=US), cold=cold)
        first, before = time(4), gpu.now
        assert time(4).seconds == first.seconds == pytest.approx(4 * US)
        assert gpu.now - before < 100 * US


def test_a_flush_stands_outside_the_events_and_hides_the_launch() -> None:
    """The call is launched while the cache is flushed: what is read is the work, cold.

    Its host time would be the flush's: there is none.
    """
    gpu = FakeGpu(flush_s=500 * US)
    call = gpu.kernel(launch_s=20 * US, work_s=100 * US)
    seconds, host_s = timed(gpu, call, cold=True)(3)
    assert seconds == pytest.approx(300 * US)
    assert host_s is None
    assert gpu.waits == 2


def test_an_empty_region_reads_what_two_events_cost() -> None:
    """Nothing, on a device whose events are free."""
    assert empty_region_s(FakeGpu()) == 0.0


def test_a_captured_graph_is_timed_beside_the_calls_in_the_same_turn() -> None:
    """Ten launches of 30 µs for 5 µs of work each; as a graph the work alone is left.

    Its samples are calibrated by themselves: 32 replays of 50 µs, not 4, last a millisecond.
    """
    gpu = FakeGpu()
    kernel = gpu.kernel(launch_s=30 * US, work_s=5 * US)

    def call() -> None:
        for _ in range(10):
            kernel()

    benchmark = Timer(min_time_s=1e-3, gpu=gpu).prepare("a", call, graph=True)
    benchmark.sample()
    record = benchmark.latency(launch=1)
    assert record.iterations == 4  # 0.3 ms a call
    assert list(record.samples_s) == pytest.approx([300 * US])
    assert benchmark.graph_iterations == 32
    assert record.graph_samples_s == pytest.approx((50 * US,))
    assert record.first_call_s > 0
    assert record.issued_share is not None


def test_a_call_that_cannot_be_captured_is_timed_all_the_same() -> None:
    """Nothing is captured; the reason stands where the graph's samples would."""
    gpu = FakeGpu(capturable=False)
    refused = Failure(reason="no graph: operation not permitted")
    call = gpu.kernel(launch_s=US, work_s=1e-3)
    benchmark = Timer(min_time_s=1e-3, gpu=gpu).prepare("a", call, graph=refused)
    benchmark.sample()
    record = benchmark.latency(launch=1)
    assert len(record.samples_s) == 1
    assert record.graph_samples_s == refused


def test_a_capture_that_fails_beside_others_is_raised() -> None:
    """It may leave torch in no state to go on: the process must end."""
    gpu = FakeGpu(capturable=False)
    with pytest.raises(RuntimeError, match="operation not permitted when stream is capturing"):
        Timer(min_time_s=1e-3, gpu=gpu).prepare(
            "a", gpu.kernel(launch_s=US, work_s=1e-3), graph=True
        )


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
        time_function=lambda iterations: Timing(iterations * 1e-3),
        monitor=monitor,
    )


def test_warm_up_goes_on_while_the_clock_rises() -> None:
    """Equal times from the start, but the clock stands only from the third window on.

    It is read before the first window of four and after each: 300, 900, 1900, 1980, 1980, 1980 MHz.
    """
    benchmark = millisecond(Clocks(300, 900, 1900, 1980))
    benchmark.warm_and_calibrate(min_time_s=1e-3)
    assert len(benchmark.warm_up.seconds) == 5 * 4  # 1900 to 1980 MHz is a change of 4%
    assert benchmark.warm_up.is_steady


def test_a_gpu_is_kept_busy_for_a_while_before_its_calls_are_believed() -> None:
    """Steady from the first call on; its clock may not have begun to rise."""
    warm_up = WarmUp.for_gpu()
    while not warm_up.is_finished:
        warm_up.add(1e-3)
    assert sum(warm_up.seconds) == pytest.approx(0.1, abs=2e-3)
    assert warm_up.is_steady


def test_samples_taken_while_something_holds_the_clock_down_are_counted() -> None:
    """Two samples, both of them."""
    benchmark = millisecond(Clocks(1980, limits=("heat",)))
    benchmark.sample()
    benchmark.sample()
    assert benchmark.latency(launch=1).throttled == 2
