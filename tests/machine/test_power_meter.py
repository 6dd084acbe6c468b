"""The meter of power: integrals, periods, and what it says where a sensor is missing."""

import time
from types import SimpleNamespace

import pytest
from fake_gpu import FakeMeters, fake_nvml

from cspbench.machine.nvml import Nvml
from cspbench.machine.power_meter import PowerMeter, integral, period_s
from cspbench.records.base import Failure


def metered(meters: FakeMeters) -> Nvml:
    """That GPU, through NVML's newer functions and its older one."""
    library = fake_nvml(attributes=meters.attributes())
    library.nvmlDeviceGetPowerUsage = meters.power_usage
    return Nvml(library, "handle")


@pytest.mark.parametrize(
    ("readings", "joules"),
    [
        ([(0.0, 100.0), (1.0, 100.0), (2.0, 100.0)], 200.0),
        ([(0.0, 0.0), (2.0, 100.0)], 100.0),
        ([(-1.0, 900.0), (0.5, 100.0), (1.5, 200.0), (2.5, 900.0)], 50.0 + 150.0 + 100.0),
        ([(1.0, 70.0)], 140.0),
        ([(2.0, 50.0), (2.1, 0.0)], 100.0),
    ],
)
def test_power_is_integrated_over_the_window_alone(
    readings: list[tuple[float, float]], joules: float
) -> None:
    """By trapezia from 0 to 2 s; the outermost readings inside stand for what lies beyond them."""
    assert integral(readings, 0.0, 2.0) == pytest.approx(joules)


def test_without_a_reading_in_the_window_there_is_no_integral() -> None:
    """What was read before and after says nothing of it."""
    assert integral([(0.0, 100.0), (3.0, 100.0)], 1.0, 2.0) is None
    assert integral([], 1.0, 2.0) is None


def test_a_sensors_period_is_the_time_between_changes_not_between_readings() -> None:
    """Read ten times as often as it moves; one change tells none."""
    readings = [(0.01 * index, float(index // 10)) for index in range(100)]
    assert period_s(readings) == pytest.approx(0.1)
    assert period_s([(0.0, 1.0), (1.0, 2.0), (2.0, 2.0)]) is None


@pytest.mark.parametrize(("average_s", "sensor"), [(0.0, "instant"), (0.1, "average")])
def test_the_meter_reads_the_power_of_an_instant_where_there_is_one(
    average_s: float, sensor: str
) -> None:
    """A hundred watts for a fifth of a second, by either sensor."""
    meters = FakeMeters(time.perf_counter, average_s=average_s)
    meters.take(100.0)
    time.sleep(average_s)
    with PowerMeter(metered(meters)) as meter:
        started = time.perf_counter()
        time.sleep(0.2)
        energy_j = meter.power_j(started, started + 0.2)
    assert meter.sensor == sensor
    assert energy_j == pytest.approx(20.0, rel=1e-3)
    assert meter.counter_period_s is not None


def test_a_meter_without_a_sensor_says_why() -> None:
    """It runs, and tells nothing."""
    reason = Failure(reason="NVML says: Not Supported")
    with PowerMeter(metered(FakeMeters(time.perf_counter, has_power=False))) as meter:
        time.sleep(0.05)
        assert meter.sensor == meter.power_j(0.0, 1e9) == reason
    assert meter.power_period_s is None


def test_a_time_in_which_nothing_was_read_has_no_energy() -> None:
    """The sensor is there, the readings are of another time."""
    with PowerMeter(metered(FakeMeters(time.perf_counter))) as meter:
        assert meter.power_j(-1.0, 0.0) == Failure(
            reason="no power was read while the calls were made"
        )


def test_the_counter_is_in_joules() -> None:
    """NVML counts millijoules."""
    library: SimpleNamespace = fake_nvml(
        attributes={"nvmlDeviceGetTotalEnergyConsumption": lambda _: 1234}
    )
    assert Nvml(library, "handle").energy_j() == 1.234
