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
