"""What a `Timer` prepares: calls on the CPU or on a GPU that is made up, and work as a graph."""

import time

import pytest
from fake_gpu import FakeGpu

from cspbench.measures.timing.timer import Timer
from cspbench.records.base import Failure

US = 1e-6


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


def test_what_an_earlier_launch_has_calibrated_is_not_calibrated_again() -> None:
    """The first call, four of a short warm-up, and none to find the iterations of a sample."""
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1

    timer = Timer(min_time_s=1e-3)
    benchmark = timer.prepare("a", call, iterations=64)
    assert benchmark.iterations == 64
    assert calls == 1 + len(benchmark.warm_up.seconds)
    assert benchmark.warm_up.window == 2
    calibrated = timer.prepare("a", call)
    assert calibrated.warm_up.window == 4
    assert calibrated.iterations > 64


@pytest.mark.parametrize("calls_in_time", [0, 3])
def test_a_slow_call_is_not_made_again_once_the_time_is_up(calls_in_time: int) -> None:
    """The first call and one more, or the one during which the time ends, and no calibration."""
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        time.sleep(2e-3)

    timer = Timer(min_time_s=1e-3, is_time_up=lambda: calls > calls_in_time)
    benchmark = timer.prepare("a", call)
    assert calls == max(2, calls_in_time + 1)
    assert benchmark.iterations == 1
    assert not benchmark.warm_up.is_steady


def test_a_quick_call_is_calibrated_even_then() -> None:
    """A sample of one such call would tell the clock's resolution."""
    assert Timer(min_time_s=1e-3, is_time_up=lambda: True).prepare("a", int).iterations > 64
