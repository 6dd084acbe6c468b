"""A GPU's state through a made-up management library: what can be read is, the rest says why."""

import sys
from types import SimpleNamespace

import pytest
from fake_gpu import fake_nvml, limit_counters

from cspbench.machine.device import GpuMonitor
from cspbench.machine.nvml import Nvml
from cspbench.records.base import Failure
from cspbench.records.machine import GpuState


def opened(monkeypatch: pytest.MonkeyPatch, library: SimpleNamespace | None) -> Nvml | Failure:
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return Nvml.open("1234-5678")


def working(monkeypatch: pytest.MonkeyPatch, library: SimpleNamespace) -> Nvml:
    nvml = opened(monkeypatch, library)
    assert isinstance(nvml, Nvml)
    return nvml


def test_a_gpu_is_asked_for_by_its_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is CUDA's, which the library may count otherwise."""
    uuids: list[str] = []
    working(monkeypatch, fake_nvml(queried_uuids=uuids))
    assert uuids == ["GPU-1234-5678"]


def test_each_reading_stands_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """This GPU tells no power; an idle one is not throttled; the caller is no other process."""
    nvml = working(monkeypatch, fake_nvml(processes=1))
    assert nvml.state() == GpuState(
        sm_mhz=1000.0,
        memory_mhz=2000.0,
        celsius=55.0,
        watts=Failure(reason="NVML says: Not Supported"),
        limits=(),
        others=0,
    )
    assert nvml.driver() == "570.1"


def test_others_on_it_and_what_holds_it_back_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three processes are two others; power and heat, with the bit of idling beside them."""
    state = working(monkeypatch, fake_nvml(processes=3, reasons=1 | 4 | 0x40)).state()
    assert state.others == 2
    assert state.limits == ("power cap", "heat (hardware)")


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (None, "NVIDIA's library is missing (pip install nvidia-ml-py)"),
        (fake_nvml(refuses=True), "NVML says: Insufficient Permissions"),
    ],
)
def test_a_library_that_is_absent_or_refuses_is_said_and_never_fatal(
    monkeypatch: pytest.MonkeyPatch, library: SimpleNamespace | None, reason: str
) -> None:
    """A launch goes on without it: it saw no limits and no clock."""
    failure = opened(monkeypatch, library)
    assert failure == Failure(reason=reason)
    assert isinstance(failure, Failure)
    monitor = GpuMonitor("cuda", failure)
    monitor.start()
    assert monitor.limits() == ()
    assert monitor.sm_mhz() == failure
    activity = monitor.activity(empty_region_s=1e-6)
    assert (activity.limits, activity.others) == ((), 0)
    assert activity.before == activity.after == GpuState.unknown(failure)
    assert activity.before.watts == failure


def test_a_limit_that_came_and_went_between_two_states_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seen at one sample only; what was seen before the samples began does not count."""
    library = fake_nvml(reasons=0x20)
    monitor = GpuMonitor("cuda:1", working(monkeypatch, library))
    assert monitor.limits() == ("heat",)
    library.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 0
    monitor.start()
    library.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 8
    assert monitor.limits() == ("hardware slowdown",)
    library.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 0
    activity = monitor.activity(empty_region_s=1e-6)
    assert (activity.device, activity.limits) == ("cuda:1", ("hardware slowdown",))


def test_a_limit_that_the_driver_counts_is_judged_by_how_long_it_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than a twentieth of the time since it was last asked; a glimpse of it is none.

    The limit that cannot be counted here, heat, is judged by whether it holds.
    """
    held_ns = {74: 5_000_000_000}
    library = fake_nvml(reasons=4 | 0x20, attributes=limit_counters(held_ns))
    clock = [100.0]
    monitor = GpuMonitor("cuda", working(monkeypatch, library), clock=lambda: clock[0])
    monitor.start()
    for grown_ns, limits in ((40_000_000, ("heat",)), (60_000_000, ("heat", "power cap"))):
        clock[0] += 1.0
        held_ns[74] += grown_ns
        assert monitor.limits() == limits
    clock[0] += 1.0
    library.nvmlDeviceGetCurrentClocksThrottleReasons = lambda _: 4
    assert monitor.limits() == ()
    assert monitor.activity(empty_region_s=0.0).limits == ("heat", "power cap")


def test_a_library_that_shows_no_process_does_not_say_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller has a context there: what does not show it may hide others."""
    state = working(monkeypatch, fake_nvml(processes=0)).state()
    assert state.others == Failure(reason="NVML sees no process, not even this one")


def test_what_is_counted_by_its_parts_is_not_judged_by_a_glimpse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hardware slowdown is shown where heat or the power brake hold, which are counted here."""
    library = fake_nvml(reasons=8, attributes=limit_counters({269: 0, 270: 0}))
    library.NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN = 270
    monitor = GpuMonitor("cuda", working(monkeypatch, library))
    monitor.start()
    assert monitor.limits() == ()
