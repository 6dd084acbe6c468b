"""A meter of a GPU's power and energy, which reads NVML from a thread of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from types import TracebackType
from typing import Self

from ..records.base import Failure
from .nvml import Nvml

PERIOD_S = 0.02
"""The time between two readings of power: sensors are not updated more often."""

Readings = Sequence[tuple[float, float]]
"""Times in seconds, ascending, and what was read at each."""


class PowerMeter:
    """Reads power and the energy counter every `PERIOD_S` inside its context.

    ``sensor`` says what power is read from, or why it cannot be read. ``clock`` returns seconds.
    """

    def __init__(self, nvml: Nvml, clock: Callable[[], float] = time.perf_counter) -> None:
        self.sensor, self._read_w = nvml.power_sensor()
        self._nvml = nvml
        self._clock = clock
        self._powers: list[tuple[float, float]] = []
        self._counts: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="power meter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def power_j(self, start_s: float, end_s: float) -> float | Failure:
        """The integral of the power read so far from ``start_s`` to ``end_s``, in joules."""
        if isinstance(self.sensor, Failure):
            return self.sensor
        energy_j = integral(self._powers, start_s, end_s)
        if energy_j is None:
            return Failure(reason="no power was read while the calls were made")
        return energy_j

    @property
    def power_period_s(self) -> float | None:
        """The time between two changes of the power that is read (`period_s`)."""
        return period_s(self._powers)

    @property
    def counter_period_s(self) -> float | None:
        """The time between two changes of the energy counter (`period_s`)."""
        return period_s(self._counts)

    def _read(self) -> None:
        while not self._ended.wait(PERIOD_S):
            for read, readings in (
                (self._read_w, self._powers),
                (self._nvml.energy_j, self._counts),
            ):
                value = read()
                if not isinstance(value, Failure):
                    readings.append((self._clock(), value))


def integral(readings: Readings, start_s: float, end_s: float) -> float | None:
    """The integral of ``readings`` over time, by trapezia; None without one from start to end.

    Before the first and after the last reading inside, their values are taken as constant.
    """
    inside = [(at_s, value) for at_s, value in readings if start_s <= at_s <= end_s]
    if not inside:
        return None
    points = [(start_s, inside[0][1]), *inside, (end_s, inside[-1][1])]
    return sum(
        (after_s - before_s) * (before + after) / 2
        for (before_s, before), (after_s, after) in pairwise(points)
    )


def period_s(readings: Readings) -> float | None:
    """The median time between two changes of what is read; None if it changed less than twice."""
    changes = [after[0] for before, after in pairwise(readings) if after[1] != before[1]]
    return median(late - early for early, late in pairwise(changes)) if len(changes) > 1 else None
