"""How calls are timed, on a CPU and on a GPU that is made up: events, the host's clock, flushes."""

from collections.abc import Callable

import pytest
from fake_gpu import FakeGpu

from cspbench.measures.timing.clock import (
    TimeFunction,
    empty_region_s,
    launch_share,
    time_function,
)

US = 1e-6


def timed(gpu: FakeGpu, call: Callable[[], object], *, cold: bool = False) -> TimeFunction:
    return time_function(call, gpu, cold=cold, clock=gpu.clock)


def test_an_untimed_iteration_goes_before_those_that_are_timed() -> None:
    """A call that takes 5 s at first and 1 s then: three calls, of which two are timed."""
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 1.0 if now else 5.0

    assert time_function(call, clock=lambda: now)(2).seconds == 2.0
    assert now == 7.0


def test_an_interruption_of_one_iteration_is_left_out() -> None:
    """Four calls of 1 s, the third held up for 9: four seconds, not thirteen."""
    now, calls = 0.0, 0

    def call() -> None:
        nonlocal now, calls
        calls += 1
        now += 10.0 if calls == 4 else 1.0

    assert time_function(call, clock=lambda: now)(4).seconds == 4.0


def test_many_iterations_are_read_sixteen_times() -> None:
    """All 100 are made; the clock is read before and after each sixteenth of them."""
    readings = calls = 0

    def clock() -> float:
        nonlocal readings
        readings += 1
        return float(calls)

    def call() -> None:
        nonlocal calls
        calls += 1

    assert time_function(call, clock=clock)(100, untimed=0).seconds == 100.0
    assert (calls, readings) == (100, 32)


@pytest.mark.parametrize("on_gpu", [False, True])
def test_untimed_iterations_can_be_left_out(on_gpu: bool) -> None:
    """Two calls, both timed; on a GPU the host's clock takes no share off."""
    gpu = FakeGpu()
    calls = 0
    kernel = gpu.kernel(launch_s=US, work_s=100 * US)

    def call() -> None:
        nonlocal calls
        calls += 1
        kernel()

    timing = (timed(gpu, call) if on_gpu else time_function(call, clock=gpu.clock))(2, untimed=0)
    assert calls == 2
    assert timing.host_s == (pytest.approx(201 * US) if on_gpu else None)


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
