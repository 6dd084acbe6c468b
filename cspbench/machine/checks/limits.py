"""Checks of memory, and of the limits that control groups set on memory and cores."""

from pathlib import Path

from ...records.diagnosis import Finding
from ...units import bytes_text
from ..system import Machine, field

_UNLIMITED = 1 << 60  # cgroup v1 writes about 2^63 if there is no limit


def memory(machine: Machine) -> Finding:
    content = machine.read("proc/meminfo")
    total, free, swap, unused = (
        1024 * int(field(content, name).split()[0])
        for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    )
    text = (
        f"{bytes_text(free)} of {bytes_text(total)} available, {bytes_text(swap - unused)} swapped"
    )
    if free < 0.1 * total:
        remedy = "stop what uses most memory (top -o %MEM lists it)"
        return Finding(name="memory", level="poor", text=text, remedy=remedy)
    if swap - unused > 0.01 * total:
        remedy = (
            "stop what uses most memory, then empty the swap: sudo swapoff -a && sudo swapon -a"
        )
        return Finding(name="memory", level="fair", text=text, remedy=remedy)
    return Finding(name="memory", level="good", text=text)


def cpu_quota(machine: Machine) -> Finding:
    quota = min(
        (quota for group in machine.groups for quota in _quotas(machine, group)), default=None
    )
    if quota is None:
        return Finding(name="CPU quota", level="good", text="none")
    if quota >= machine.threads:
        return Finding(name="CPU quota", level="good", text=f"{quota:g} cores")
    return Finding(
        name="CPU quota",
        level="poor",
        text=f"{quota:g} cores for {machine.threads} threads: the system pauses them",
        remedy=f"give the container {machine.threads} cores (docker run --cpus), or measure with "
        f"--threads {max(1, int(quota))}",
    )


def _quotas(machine: Machine, group: Path) -> list[float]:
    """The limit of a control group (version 2 or 1) in cores; empty if it sets none."""
    if (machine.root / group / "cpu.max").exists():
        quota, period = machine.read(f"{group}/cpu.max").split()
        return [] if quota == "max" else [int(quota) / int(period)]
    if (machine.root / group / "cpu.cfs_quota_us").exists():
        quota_us = machine.number(f"{group}/cpu.cfs_quota_us")
        return [] if quota_us < 0 else [quota_us / machine.number(f"{group}/cpu.cfs_period_us")]
    return []


def memory_limit(machine: Machine) -> Finding:
    limits = []
    for group in machine.groups:
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (machine.root / group / name).exists():
                text = machine.read(f"{group}/{name}")
                limits += [] if text == "max" or int(text) >= _UNLIMITED else [int(text)]
    if not limits:
        return Finding(name="memory limit", level="good", text="none")
    return Finding(
        name="memory limit",
        level="good" if min(limits) >= 4 << 30 else "fair",
        text=f"{bytes_text(min(limits))} for this process's control group",
        remedy="" if min(limits) >= 4 << 30 else "give the container more memory",
    )
