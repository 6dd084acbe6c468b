"""Energy of a call: means over windows with intervals, and mean powers.

The windows of a case follow each other in one process. Their interval therefore says nothing of
other processes or days, and energies get no verdict.
"""

from collections.abc import Callable, Sequence

from ..records.base import Failure
from ..records.measurements import Energy, EnergyWindow
from .stats import Estimate, log_estimate

WHY_NO_VERDICT = "an interval over windows of one process says nothing of another: no verdict"

Way = Callable[[EnergyWindow], float | Failure]
"""The joules of a window by one way of reading them."""


def by_counter(window: EnergyWindow) -> float | Failure:
    """The energy of a window by NVML's counter."""
    return window.counter_j


def by_power(window: EnergyWindow) -> float | Failure:
    """The energy of a window by readings of power."""
    return window.power_j


def call_energy(energy: Energy, way: Way) -> Estimate | Failure:
    """The joules of a call: geometric mean over windows, Student's t interval on logarithms."""
    if isinstance(energy.windows, Failure):
        return energy.windows
    energies_j = []
    for window in energy.windows:
        window_j = way(window)
        if isinstance(window_j, Failure):
            return window_j
        energies_j.append(window_j / window.calls)
    try:
        return log_estimate(energies_j)
    except ValueError:
        return Failure(reason="no energy was read in a window")


def distance(energy: Energy) -> float | Failure:
    """How far the energy by power lies from that by the counter, as a share of the latter."""
    counter, power = call_energy(energy, by_counter), call_energy(energy, by_power)
    if isinstance(counter, Failure):
        return counter
    return power if isinstance(power, Failure) else abs(power.value / counter.value - 1)


def mean_power(windows: Sequence[EnergyWindow]) -> float | Failure:
    """The mean power over ``windows`` in watts, by the counter where it could be read."""
    seconds = sum(window.seconds for window in windows)
    total = _sum(windows, by_counter)
    if isinstance(total, Failure):
        total = _sum(windows, by_power)
    return total if isinstance(total, Failure) else total / seconds


def _sum(windows: Sequence[EnergyWindow], way: Way) -> float | Failure:
    total = 0.0
    for window in windows:
        window_j = way(window)
        if isinstance(window_j, Failure):
            return window_j
        total += window_j
    return total
