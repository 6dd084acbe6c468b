"""Check of the measured GPUs: clocks, temperature, power, other processes."""

from ...records.base import Failure
from ...records.diagnosis import LEVELS, Finding
from ...records.machine import AvailableGpu
from ..system import Machine


def gpus(machine: Machine) -> Finding | None:
    if not machine.gpus:
        return None
    findings = [_gpu(gpu) for gpu in machine.gpus]
    worst = max(findings, key=lambda finding: LEVELS.index(finding.level))
    text = "; ".join(dict.fromkeys(finding.text for finding in findings))
    return Finding(name="GPU", level=worst.level, text=text, remedy=worst.remedy)


def _gpu(gpu: AvailableGpu) -> Finding:
    state = gpu.state
    name = gpu.description.name
    if isinstance(state.limits, Failure):
        return Finding(name="GPU", level="unknown", text=f"{name}: {state.limits.reason}")
    limits = state.limits
    others = 0 if isinstance(state.others, Failure) else state.others
    words = [
        name,
        _known(state.sm_mhz, "{:,.0f} MHz"),
        _known(state.celsius, "{:.0f} °C"),
        _known(state.watts, "{:.0f} W"),
        _others_text(others),
        f"clocks held down by {', '.join(limits)}" if limits else "not throttled",
    ]
    text = ", ".join(filter(None, words))
    if others or limits:
        return Finding(
            name="GPU",
            level="poor",
            text=text,
            remedy="stop other processes (nvidia-smi lists them), let the GPU cool down, or lock "
            "its clocks (sudo nvidia-smi --lock-gpu-clocks=MIN,MAX)",
        )
    return Finding(name="GPU", level="good", text=text)


def _others_text(others: int) -> str:
    if others < 2:
        return f"{others or 'no'} other process"
    return f"{others} other processes"


def _known(value: float | Failure, form: str) -> str:
    return "" if isinstance(value, Failure) else form.format(value)
