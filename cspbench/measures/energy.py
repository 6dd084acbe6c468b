"""The energy that a GPU takes for a case's call, by NVML's counter and by its power."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..machine.power_meter import PowerMeter
from ..plan.case import is_gpu
from ..records.base import Failure
from ..records.measurements import Energy, EnergyWindow
from ..records.run import Settings
from .base import measure

if TYPE_CHECKING:
    from ..machine.device import Gpu
    from ..machine.nvml import Nvml
    from .execution.subject import Subject

_WINDOWS = 3
_WINDOW_S = 2.0  # at least: sensors are updated every tenth of a second, or average over a second
_SETTLE_S = 1.0  # before idle time and before the windows: what averages over a second forgets
_IDLE_S = 1.0
_BATCH_S = 0.05  # calls issued between two waits, so that the host is never far ahead


def _is_requested(settings: Settings) -> bool:
    return settings.energy and is_gpu(settings.device)


def _without_energy(case: str, reason: str) -> Energy:
    """The record of a case whose energy cannot be measured; the case is measured further."""
    return Energy(case=case, windows=Failure(reason=reason))


@measure(
    stage="energy",
    place="real",
    help="energy of a call, by NVML's counter and by its power (--energy)",
    applies=_is_requested,
    after_exit=_without_energy,
)
def energy(subject: "Subject") -> Energy:
    """The energy of `_WINDOWS` windows of calls, after one in which the GPU was idle.

    Nothing is timed meanwhile, because a thread reads the sensors. The energy is that of the whole
    device. Lets exceptions of the call through.
    """
    case, device = subject.case, subject.case.device
    if not is_gpu(device):
        return _without_energy(case.key, "energy is measured on GPUs only")

    from ..machine.device import gpu, open_nvml
    from .forms.timed import timed_call

    nvml, on_gpu = open_nvml(device), gpu(device)
    assert on_gpu is not None
    if isinstance(nvml, Failure):
        return _without_energy(case.key, nvml.reason)
    call = timed_call(subject)
    for _ in range(2):
        call()
    on_gpu.synchronise()
    return metered(case.key, call, on_gpu, nvml)


def metered(
    case: str,
    call: Callable[[], object],
    gpu: "Gpu",
    nvml: "Nvml",
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Energy:
    """The energy of ``call`` on an idle ``gpu``; ``clock`` returns seconds."""
    counter = nvml.energy_j()
    with PowerMeter(nvml, clock) as meter:
        if isinstance(counter, Failure) and isinstance(meter.sensor, Failure):
            return _without_energy(case, counter.reason)
        sleep(_SETTLE_S)
        idle = _Window(meter, nvml, clock)
        sleep(_IDLE_S)
        idle_window = idle.end(calls=0)
        batch = _warm_up(call, gpu, clock)
        windows = []
        for _ in range(_WINDOWS):
            window, calls = _Window(meter, nvml, clock), 0
            while window.elapsed_s < _WINDOW_S:
                for _ in range(batch):
                    call()
                gpu.synchronise()
                calls += batch
            windows.append(window.end(calls=calls))
        others = nvml.others()
    return Energy(
        case=case,
        windows=tuple(windows),
        idle=idle_window,
        power_sensor=meter.sensor,
        counter_period_s=meter.counter_period_s,
        power_period_s=meter.power_period_s,
        others=others,
    )


class _Window:
    """A time over which the energy of a device is taken; it begins when it is created."""

    def __init__(self, meter: PowerMeter, nvml: "Nvml", clock: Callable[[], float]) -> None:
        self._meter, self._nvml, self._clock = meter, nvml, clock
        self._count_j = nvml.energy_j()
        self._start_s = clock()

    @property
    def elapsed_s(self) -> float:
        """The seconds since it began."""
        return self._clock() - self._start_s

    def end(self, *, calls: int) -> EnergyWindow:
        """What was taken since it began, over ``calls``."""
        before_j, after_j, end_s = self._count_j, self._nvml.energy_j(), self._clock()
        counter_j: float | Failure
        if isinstance(before_j, Failure):
            counter_j = before_j
        elif isinstance(after_j, Failure):
            counter_j = after_j
        elif after_j > before_j:
            counter_j = after_j - before_j
        else:
            counter_j = Failure(reason="NVML's energy counter stood still")
        return EnergyWindow(
            calls=calls,
            seconds=end_s - self._start_s,
            counter_j=counter_j,
            power_j=self._meter.power_j(self._start_s, end_s),
        )


def _warm_up(call: Callable[[], object], gpu: "Gpu", clock: Callable[[], float]) -> int:
    """Make calls for `_SETTLE_S`; return how many take `_BATCH_S`, at least 1."""
    batch, started = 1, clock()
    while (began := clock()) - started < _SETTLE_S:
        for _ in range(batch):
            call()
        gpu.synchronise()
        if clock() - began < _BATCH_S:
            batch *= 2
    return batch
