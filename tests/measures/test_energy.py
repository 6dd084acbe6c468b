"""The energy of a call on a GPU that is made up, whose meters count what it takes."""

import time
from collections.abc import Callable

import msgspec
import pytest
from factories import make_case
from fake_gpu import FakeMeters, ProcessorAsGpu, fake_nvml

from cspbench.machine import device
from cspbench.machine.nvml import Nvml
from cspbench.measures import energy as energies
from cspbench.measures.energy import energy, metered
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.records.base import Failure
from cspbench.records.measurements import Energy
from cspbench.verdicts.energy import by_counter, by_power, call_energy, distance, mean_power
from cspbench.verdicts.stats import Estimate

IDLE_W, BUSY_W, CALL_S = 40.0, 300.0, 0.002
NOT_SUPPORTED = Failure(reason="NVML says: Not Supported")


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the time: what these meters tell is true at once, unless they average."""
    for name, seconds in (("_WINDOW_S", 0.2), ("_SETTLE_S", 0.1), ("_IDLE_S", 0.1)):
        monkeypatch.setattr(energies, name, seconds)


def nvml_of(meters: FakeMeters, processes: int = 1) -> Nvml:
    library = fake_nvml(processes=processes, attributes=meters.attributes())
    library.nvmlDeviceGetPowerUsage = meters.power_usage
    return Nvml(library, "handle")


def measured(meters: FakeMeters, **nvml: int) -> Energy:
    """Calls of 2 ms, from the first of which on the device takes more."""
    meters.take(IDLE_W)
    return metered("a", _call(meters), ProcessorAsGpu(), nvml_of(meters, **nvml))


def _call(meters: FakeMeters) -> Callable[[], None]:
    begun: list[bool] = []

    def call() -> None:
        if not begun:
            begun.append(True)
            meters.take(BUSY_W)
        time.sleep(CALL_S)

    return call


def expected_j(record: Energy) -> float:
    """By what the device takes and how long its calls took."""
    assert not isinstance(record.windows, Failure)
    seconds = sum(window.seconds for window in record.windows)
    return BUSY_W * seconds / sum(window.calls for window in record.windows)


def test_both_ways_tell_the_energy_of_a_call_and_the_power_of_idleness() -> None:
    """Three windows of at least their length, which give an interval."""
    record = measured(FakeMeters(time.perf_counter), processes=3)
    assert not isinstance(record.windows, Failure)
    assert len(record.windows) == 3
    assert all(window.seconds >= 0.2 for window in record.windows)
    counter, power = call_energy(record, by_counter), call_energy(record, by_power)
    assert isinstance(counter, Estimate)
    assert isinstance(power, Estimate)
    assert counter.value == pytest.approx(expected_j(record), rel=0.02)
    assert power.value == pytest.approx(expected_j(record), rel=0.02)
    assert counter.low is not None
    assert counter.launches == 3
    assert record.idle is not None
    assert record.idle.calls == 0
    assert mean_power([record.idle]) == pytest.approx(IDLE_W, rel=0.02)
    assert mean_power(record.windows) == pytest.approx(BUSY_W, rel=0.02)
    assert (record.power_sensor, record.others) == ("instant", 2)


def test_how_often_a_counter_moves_is_told_and_bounds_its_error() -> None:
    """It moves every 50 ms, in windows of four times as long."""
    record = measured(FakeMeters(time.perf_counter, step_s=0.05))
    assert record.counter_period_s == pytest.approx(0.05, abs=0.02)
    counter = call_energy(record, by_counter)
    assert isinstance(counter, Estimate)
    assert counter.value == pytest.approx(expected_j(record), rel=0.25)


def test_power_that_is_an_average_is_read_after_it_has_settled() -> None:
    """It averages over as long as is waited for, so that idle time does not count as calls'."""
    record = measured(FakeMeters(time.perf_counter, average_s=0.1))
    assert record.power_sensor == "average"
    power = call_energy(record, by_power)
    assert isinstance(power, Estimate)
    assert power.value == pytest.approx(expected_j(record), rel=0.03)
    assert record.idle is not None
    assert record.idle.power_j == pytest.approx(IDLE_W * record.idle.seconds, rel=0.03)


def test_a_device_without_a_counter_has_its_energy_by_power_alone() -> None:
    """With the reason in place of the other, and powers by what there is."""
    record = measured(FakeMeters(time.perf_counter, has_counter=False))
    assert call_energy(record, by_counter) == distance(record) == NOT_SUPPORTED
    assert not isinstance(record.windows, Failure)
    assert mean_power(record.windows) == pytest.approx(BUSY_W, rel=0.02)


def test_a_device_without_power_has_its_energy_by_the_counter_alone() -> None:
    """Likewise."""
    record = measured(FakeMeters(time.perf_counter, has_power=False))
    assert isinstance(call_energy(record, by_counter), Estimate)
    assert call_energy(record, by_power) == distance(record) == NOT_SUPPORTED
    assert record.power_sensor == NOT_SUPPORTED


def test_a_device_with_neither_makes_no_call() -> None:
    """The reason stands in place of the windows."""
    meters = FakeMeters(time.perf_counter, has_counter=False, has_power=False)
    calls: list[int] = []
    record = metered("a", lambda: calls.append(1), ProcessorAsGpu(), nvml_of(meters))
    assert record == Energy(case="a", windows=NOT_SUPPORTED)
    assert not calls


def test_a_counter_that_stands_still_is_no_energy_of_nothing() -> None:
    """A device that tells 0 W takes more than that."""
    meters = FakeMeters(time.perf_counter)
    record = metered("a", lambda: time.sleep(CALL_S), ProcessorAsGpu(), nvml_of(meters))
    assert call_energy(record, by_counter) == Failure(reason="NVML's energy counter stood still")
    assert call_energy(record, by_power) == Failure(reason="no energy was read in a window")


def test_the_energy_of_a_case_is_that_of_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training step of a module, where NVML answers; its reason where it does not."""
    meters = FakeMeters(time.perf_counter)
    meters.take(BUSY_W)
    case = msgspec.structs.replace(make_case("Good", mode="train"), device="cpu")
    subject = BuiltSubject(case)
    monkeypatch.setattr(energies, "is_gpu", lambda _: True)
    monkeypatch.setattr(device, "gpu", lambda _: ProcessorAsGpu())
    monkeypatch.setattr(device, "open_nvml", lambda _: nvml_of(meters))
    record = energy(subject)
    assert record.case == "Good train"
    assert isinstance(call_energy(record, by_counter), Estimate)
    absent = Failure(reason="NVIDIA's library is missing (pip install nvidia-ml-py)")
    monkeypatch.setattr(device, "open_nvml", lambda _: absent)
    assert energy(subject) == Energy(case="Good train", windows=absent)


def test_a_processor_has_no_energy() -> None:
    """`profile` may ask for it."""
    record = energy(BuiltSubject(make_case("Good")))
    assert record.windows == Failure(reason="energy is measured on GPUs only")
