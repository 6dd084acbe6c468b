"""GPUs and an NVML that are made up, so that what is timed on one is known exactly."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from types import MappingProxyType, SimpleNamespace
from typing import Any


class FakeGpu:
    """A `Gpu` of `machine.device`: the host gives it work and goes on; it does one thing at a time.

    ``now`` is the host's clock, ``idle_at`` when the device will have done all that it was given.
    Making an event takes the host ``event_s``.
    """

    event_s = 1e-3

    def __init__(self, *, flush_s: float = 0.0, capturable: bool = True) -> None:
        self.now = self.idle_at = 0.0
        self.waits = 0
        self._flush_s = flush_s
        self._capturable = capturable
        self._captured: list[float] | None = None

    def clock(self) -> float:
        """The host's time."""
        return self.now

    def kernel(self, *, launch_s: float, work_s: float) -> Callable[[], None]:
        """A call that takes the host ``launch_s`` to hand over and the device ``work_s``."""

        def call() -> None:
            if self._captured is not None:
                self._captured.append(work_s)
                return
            self.now += launch_s
            self._enqueue(work_s)

        return call

    def synchronise(self) -> None:
        self.waits += 1
        self.now = max(self.now, self.idle_at)

    def event(self) -> SimpleNamespace:
        self.now += self.event_s
        return SimpleNamespace(at=None)

    def mark(self, event: Any) -> None:
        event.at = max(self.now, self.idle_at)

    def seconds(self, start: Any, end: Any) -> float:
        return float(end.at - start.at)

    def flush(self) -> None:
        self._enqueue(self._flush_s)

    def capture(self, call: Callable[[], object]) -> Callable[[], object]:
        if not self._capturable:
            raise RuntimeError("operation not permitted when stream is capturing\nmore of it")
        self._captured = []
        call()
        work, self._captured = self._captured, None

        def replay() -> None:
            for seconds in work:
                self._enqueue(seconds)

        return replay

    def _enqueue(self, work_s: float) -> None:
        self.idle_at = max(self.idle_at, self.now) + work_s


class ProcessorAsGpu:
    """A `Gpu` of `machine.device` that is this processor: never ahead, and in real time."""

    def synchronise(self) -> None:
        """It has done all already."""

    def event(self) -> SimpleNamespace:
        return SimpleNamespace(at=None)

    def mark(self, event: Any) -> None:
        event.at = perf_counter()

    def seconds(self, start: Any, end: Any) -> float:
        return float(end.at - start.at)

    def flush(self) -> None:
        """No cache of its own."""

    def capture(self, call: Callable[[], object]) -> Callable[[], object]:
        return call


class NvmlError(Exception):
    """What NVML raises."""


def fake_nvml(
    *,
    reasons: int = 1,
    processes: int = 1,
    refuses: bool = False,
    queried_uuids: list[str] | None = None,
    attributes: Mapping[str, object] = MappingProxyType({}),
) -> SimpleNamespace:
    """As much of NVML's Python module as is used; reason 1 is an idle GPU, and power is unknown.

    It counts no limits, as older drivers do; ``more`` may.
    """

    def init() -> None:
        if refuses:
            raise NvmlError("Insufficient Permissions")

    def handle(uuid: str) -> str:
        if queried_uuids is not None:
            queried_uuids.append(uuid)
        return uuid

    def power(_: str) -> int:
        raise NvmlError("Not Supported")

    return SimpleNamespace(
        NVMLError=NvmlError,
        NVML_TEMPERATURE_GPU=0,
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        nvmlClocksThrottleReasonSwPowerCap=4,
        nvmlClocksThrottleReasonHwSlowdown=8,
        nvmlClocksThrottleReasonSwThermalSlowdown=0x20,
        nvmlClocksThrottleReasonHwThermalSlowdown=0x40,
        nvmlClocksThrottleReasonHwPowerBrakeSlowdown=0x80,
        nvmlInit=init,
        nvmlSystemGetDriverVersion=lambda: "570.1",
        nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetComputeRunningProcesses=lambda _: [0] * processes,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda _: reasons,
        nvmlDeviceGetTemperature=lambda _, sensor: 55,
        nvmlDeviceGetClockInfo=lambda _, kind: 1000 * kind,
        nvmlDeviceGetPowerUsage=power,
        **attributes,
    )


def limit_counters(held_ns: Mapping[int, int]) -> dict[str, object]:
    """More of NVML's module: counters of two limits, of which the second cannot be read."""

    def values(_: str, fields: Sequence[int]) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                nvmlReturn=0 if field in held_ns else 3,
                value=SimpleNamespace(ullVal=held_ns.get(field, 0)),
            )
            for field in fields
        ]

    return {
        "NVML_SUCCESS": 0,
        "NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP": 74,
        "NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN": 269,
        "nvmlDeviceGetFieldValues": values,
    }


class FakeMeters:
    """More of NVML's module: an energy counter and power, of a device that takes ``watts``.

    ``clock`` is the device's, in seconds. The counter moves every ``step_s``. ``average_s``: power
    is the mean of so long a time, by the older function only; else the newer one tells an instant.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        step_s: float = 0.0,
        average_s: float = 0.0,
        has_counter: bool = True,
        has_power: bool = True,
    ) -> None:
        self._clock, self._step_s, self._average_s = clock, step_s, average_s
        self._has_counter, self._has_power = has_counter, has_power
        self._changes = [(clock(), 0.0)]

    def take(self, watts: float) -> None:
        """Take so much from now on."""
        self._changes.append((self._clock(), watts))

    def attributes(self) -> dict[str, object]:
        """What `fake_nvml` is given."""
        instant = {"NVML_SUCCESS": 0, "nvmlDeviceGetFieldValues": self._fields}
        if not self._average_s:
            instant["NVML_FI_DEV_POWER_INSTANT"] = 186
        return {"nvmlDeviceGetTotalEnergyConsumption": self._counter, **instant}

    def power_usage(self, _: str) -> int:
        """The older function, in milliwatts."""
        if not self._has_power:
            raise NvmlError("Not Supported")
        now = self._clock()
        if not self._average_s:
            return round(1e3 * self._changes[-1][1])
        return round(
            1e3 * (self._joules(now) - self._joules(now - self._average_s)) / self._average_s
        )

    def _counter(self, _: str) -> int:
        if not self._has_counter:
            raise NvmlError("Not Supported")
        now = self._clock()
        return round(1e3 * self._joules(now - (now % self._step_s if self._step_s else 0.0)))

    def _fields(self, _: str, fields: Sequence[int]) -> list[SimpleNamespace]:
        value = SimpleNamespace(uiVal=round(1e3 * self._changes[-1][1]))
        return [
            SimpleNamespace(nvmlReturn=0 if self._has_power else 3, value=value) for _ in fields
        ]

    def _joules(self, until_s: float) -> float:
        ends = [at_s for at_s, _ in self._changes[1:]] + [until_s]
        return sum(
            watts * max(0.0, min(end_s, until_s) - at_s)
            for (at_s, watts), end_s in zip(self._changes, ends, strict=True)
        )
