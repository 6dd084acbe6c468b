"""The state of a GPU, read with NVIDIA's management library (NVML); nothing here raises.

GPUs are identified by UUID, because NVML numbers devices differently from CUDA, which follows
CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER.
"""

from collections.abc import Callable
from typing import Any, Self, TypeVar

from ..records.base import Failure
from ..records.machine import GpuState, PowerSensor

_LIMITS = {
    "SwPowerCap": "power cap",
    "HwSlowdown": "hardware slowdown",
    "SwThermalSlowdown": "heat",
    "HwThermalSlowdown": "heat (hardware)",
    "HwPowerBrakeSlowdown": "power brake",
}
"""Reasons for reduced clocks, by NVML's names; idling and clocks set by hand are not among them."""

_COUNTERS = {
    "power cap": "NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP",
    "heat": "NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN",
    "heat (hardware)": "NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN",
    "power brake": "NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN",
}
"""Counters of newer drivers: nanoseconds for which a limit has held the clocks down."""

PARTS = {"hardware slowdown": ("heat (hardware)", "power brake")}
"""Limits that NVML reports along with more specific ones that have counters."""

_Read = TypeVar("_Read")


class Nvml:
    """One GPU, through NVML."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library = library
        self._handle = handle

    @classmethod
    def open(cls, uuid: str) -> Self | Failure:
        """The GPU with that UUID, or why its state cannot be read."""
        try:
            import pynvml
        except ImportError:
            return Failure(reason="NVIDIA's library is missing (pip install nvidia-ml-py)")
        try:
            pynvml.nvmlInit()
            return cls(pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}"))
        except pynvml.NVMLError as error:
            return Failure(reason=f"NVML says: {error}")

    def driver(self) -> str | Failure:
        """The driver's version."""
        return self._read(lambda: str(self._library.nvmlSystemGetDriverVersion()))

    def sm_mhz(self) -> float | Failure:
        """The current clock of the multiprocessors, in MHz."""
        return self._clock("NVML_CLOCK_SM")

    def limits(self) -> tuple[str, ...]:
        """The limits that hold the clocks down now; empty if that cannot be read."""
        limits = self._limits()
        return () if isinstance(limits, Failure) else limits

    def held_s(self) -> dict[str, float]:
        """The seconds for which each limit that the driver counts has held the clocks down."""
        nvml = self._library
        fields = {
            name: getattr(nvml, field) for name, field in _COUNTERS.items() if hasattr(nvml, field)
        }
        if not fields:
            return {}
        values = self._read(
            lambda: nvml.nvmlDeviceGetFieldValues(self._handle, list(fields.values()))
        )
        if isinstance(values, Failure):
            return {}
        return {
            name: value.value.ullVal / 1e9
            for name, value in zip(fields, values, strict=True)
            if value.nvmlReturn == nvml.NVML_SUCCESS
        }

    def energy_j(self) -> float | Failure:
        """The energy that the whole device has taken since the driver was loaded, in joules."""
        return self._read(
            lambda: self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000
        )

    def power_sensor(self) -> tuple[PowerSensor | Failure, Callable[[], float | Failure]]:
        """The best sensor of power, and a function that reads it in watts.

        Newer drivers tell the power of an instant. The older function averages over about a second,
        except on devices up to GA100.
        """
        if not isinstance(self._instant_w(), Failure):
            return "instant", self._instant_w
        average = self._average_w()
        return average if isinstance(average, Failure) else "average", self._average_w

    def others(self) -> int | Failure:
        """The number of processes on the GPU less the caller's, which must hold a context.

        The caller cannot be found by its process id, which may belong to another namespace.
        """
        processes = self._read(
            lambda: len(self._library.nvmlDeviceGetComputeRunningProcesses(self._handle))
        )
        if processes == 0:
            return Failure(reason="NVML sees no process, not even this one")
        return processes if isinstance(processes, Failure) else processes - 1

    def state(self) -> GpuState:
        """The current state; ``others`` leaves out the caller's process."""
        nvml, handle = self._library, self._handle
        return GpuState(
            sm_mhz=self.sm_mhz(),
            memory_mhz=self._clock("NVML_CLOCK_MEM"),
            celsius=self._read(
                lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
            ),
            watts=self._average_w(),
            limits=self._limits(),
            others=self.others(),
        )

    def _instant_w(self) -> float | Failure:
        nvml = self._library
        field = getattr(nvml, "NVML_FI_DEV_POWER_INSTANT", None)
        if field is None:
            return Failure(reason="this version of NVML cannot read the power of an instant")
        values = self._read(lambda: nvml.nvmlDeviceGetFieldValues(self._handle, [field]))
        if isinstance(values, Failure):
            return values
        (value,) = values
        if value.nvmlReturn != nvml.NVML_SUCCESS:
            return Failure(reason="NVML says: no power of an instant")
        return float(value.value.uiVal) / 1000

    def _average_w(self) -> float | Failure:
        return self._read(lambda: self._library.nvmlDeviceGetPowerUsage(self._handle) / 1000)

    def _clock(self, kind: str) -> float | Failure:
        nvml = self._library
        return self._read(
            lambda: float(nvml.nvmlDeviceGetClockInfo(self._handle, getattr(nvml, kind)))
        )

    def _limits(self) -> tuple[str, ...] | Failure:
        nvml = self._library

        def read() -> tuple[str, ...]:
            reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle)
            return tuple(
                text
                for name, text in _LIMITS.items()
                if reasons & getattr(nvml, f"nvmlClocksThrottleReason{name}")
            )

        return self._read(read)

    def _read(self, read: Callable[[], _Read]) -> _Read | Failure:
        try:
            return read()
        except self._library.NVMLError as error:
            return Failure(reason=f"NVML says: {error}")
