"""Is a machine set so that latencies can be believed: a small check a setting, with its remedy.

Everything is read from files below a root (``/proc``, ``/sys``), so that any machine can be made up
in a test. Nothing here raises: what cannot be read is a finding, too. Imports no torch.
"""

import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..records.base import Failure
from ..records.diagnosis import Finding, Level
from ..records.machine import GpuFound
from ..units import bytes_text

_ORDER: tuple[Level, ...] = ("good", "unknown", "fair", "poor")

_CPU = "sys/devices/system/cpu"
_CGROUP = "sys/fs/cgroup"
_UNLIMITED = 1 << 60  # cgroup v1 writes about 2^63 for none


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the checks look at: files below ``root``, variables, threads asked for, GPUs' states."""

    root: Path
    variables: Mapping[str, str]
    threads: int
    gpus: Sequence[GpuFound] = ()

    def read(self, path: str) -> str:
        """A file's text; raises OSError or ValueError."""
        return (self.root / path).read_text(encoding="utf-8").strip()

    def number(self, path: str) -> int:
        """A file that holds a whole number; raises OSError or ValueError."""
        return int(self.read(path))

    @cached_property
    def cores(self) -> tuple[int, ...]:
        """The logical cores that this process may use."""
        allowed = _field(self.read("proc/self/status"), "Cpus_allowed_list")
        return tuple(_listed(allowed))

    @cached_property
    def groups(self) -> tuple[Path, ...]:
        """The folders of this process's control groups, innermost first, the root's last."""
        found = []
        for line in self.read("proc/self/cgroup").splitlines():
            _, controllers, place = line.split(":", 2)
            for hierarchy in ("", *controllers.split(",")):
                inner = Path(_CGROUP, hierarchy, place.lstrip("/"))
                found += [one for one in (inner, *inner.parents) if one.is_relative_to(_CGROUP)]
        return tuple(dict.fromkeys(found))


Check = Callable[[Machine], Finding | None]


def findings(
    *,
    threads: int,
    gpus: Sequence[GpuFound] = (),
    root: Path = Path("/"),
    variables: Mapping[str, str] = os.environ,
) -> tuple[Finding, ...]:
    """What every check finds, in their order; a check that does not apply finds nothing."""
    machine = Machine(root=root, variables=variables, threads=threads, gpus=gpus)
    found = (_looked(name, check, machine) for name, check in CHECKS.items())
    return tuple(one for one in found if one is not None)


def worst(found: Iterable[Finding]) -> Level:
    """The lowest grade of all; what could not be read does not count."""
    levels = [one.level for one in found if one.level != "unknown"]
    return max(levels, key=_ORDER.index, default="unknown")


def _looked(name: str, check: Check, machine: Machine) -> Finding | None:
    try:
        return check(machine)
    except (OSError, ValueError, IndexError, KeyError) as error:
        reason = getattr(error, "strerror", None) or "not in the form that was expected"
        return Finding(name=name, level="unknown", text=f"cannot be read: {reason}")


def _governor(machine: Machine) -> Finding:
    if not (machine.root / f"{_CPU}/cpu{machine.cores[0]}/cpufreq").exists():
        text = "the system shows none (usual in a virtual machine)"
        return Finding(name="governor", level="unknown", text=text)
    governors = sorted(
        {machine.read(f"{_CPU}/cpu{core}/cpufreq/scaling_governor") for core in machine.cores}
    )
    if governors == ["performance"]:
        return Finding(name="governor", level="good", text="performance")
    return Finding(
        name="governor",
        level="fair",
        text=f"{', '.join(governors)}: clocks follow the load",
        remedy="sudo cpupower frequency-set --governor performance",
    )


def _turbo(machine: Machine) -> Finding:
    switches = {f"{_CPU}/intel_pstate/no_turbo": 0, f"{_CPU}/cpufreq/boost": 1}
    for path, on in switches.items():
        if (machine.root / path).exists():
            if machine.number(path) != on:
                return Finding(
                    name="turbo", level="good", text="off: clocks do not follow the heat"
                )
            return Finding(
                name="turbo",
                level="fair",
                text="on: clocks follow heat and neighbours",
                remedy=f"echo {1 - on} | sudo tee /{path}",
            )
    return Finding(name="turbo", level="unknown", text="the system shows no switch for it")


def _load(machine: Machine) -> Finding:
    load = float(machine.read("proc/loadavg").split()[0])
    idle = len(machine.cores) - load
    if load < 0.3 * len(machine.cores):
        return Finding(name="load", level="good", text=f"{load:.2f} over the last minute")
    return Finding(
        name="load",
        level="poor" if idle < machine.threads - 0.5 else "fair",
        text=f"{load:.2f} over the last minute on {len(machine.cores)} cores",
        remedy="see what runs (top -o %CPU), stop it, and wait a minute",
    )


def _threads(machine: Machine) -> Finding:
    siblings = {
        machine.read(f"{_CPU}/cpu{core}/topology/thread_siblings_list") for core in machine.cores
    }
    text = f"{machine.threads} on {len(siblings)} physical cores"
    if machine.threads <= len(siblings):
        return Finding(name="threads", level="good", text=text)
    return Finding(
        name="threads",
        level="fair",
        text=f"{text}: two threads share a core's units",
        remedy=f"--threads {len(siblings)}",
    )


def _affinity(machine: Machine) -> Finding:
    online = _listed(machine.read(f"{_CPU}/online"))
    number = len(machine.cores)
    text = "all cores" if number == len(online) else f"{number} of {len(online)} logical cores"
    return Finding(name="affinity", level="good", text=text)


def _memory(machine: Machine) -> Finding:
    content = machine.read("proc/meminfo")
    total, free, swap, unused = (
        1024 * int(_field(content, name).split()[0])
        for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    )
    text = (
        f"{bytes_text(free)} of {bytes_text(total)} available, {bytes_text(swap - unused)} swapped"
    )
    if free < 0.1 * total:
        remedy = "stop what holds memory (top -o %MEM)"
        return Finding(name="memory", level="poor", text=text, remedy=remedy)
    if swap - unused > 0.01 * total:
        remedy = "sudo swapoff -a && sudo swapon -a, or stop what holds memory"
        return Finding(name="memory", level="fair", text=text, remedy=remedy)
    return Finding(name="memory", level="good", text=text)


def _cpu_quota(machine: Machine) -> Finding:
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
        text=f"{quota:g} cores for {machine.threads} threads: the system stops them in between",
        remedy=f"give the container {machine.threads} cores (docker run --cpus), or "
        f"--threads {max(1, int(quota))}",
    )


def _quotas(machine: Machine, group: Path) -> list[float]:
    """The limit of one control group in cores, version 2 or 1; none where it sets none."""
    if (machine.root / group / "cpu.max").exists():
        most, period = machine.read(f"{group}/cpu.max").split()
        return [] if most == "max" else [int(most) / int(period)]
    if (machine.root / group / "cpu.cfs_quota_us").exists():
        most_us = machine.number(f"{group}/cpu.cfs_quota_us")
        return [] if most_us < 0 else [most_us / machine.number(f"{group}/cpu.cfs_period_us")]
    return []


def _memory_limit(machine: Machine) -> Finding:
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


def _virtual(machine: Machine) -> Finding:
    content = machine.read("proc/cpuinfo")
    flags = next((line for line in content.splitlines() if line.startswith("flags")), "")
    if "hypervisor" not in flags.split():
        return Finding(name="virtual machine", level="good", text="no")
    ticks = [int(field) for field in machine.read("proc/stat").split("\n")[0].split()[1:]]
    stolen = ticks[7] / max(1, sum(ticks[:8]))
    return Finding(
        name="virtual machine",
        level="fair",
        text=f"yes; its host kept {stolen:.2%} of the processor time since the start; its "
        "neighbours there are not seen",
        remedy="a machine of its own; else trust ratios in turns rather than times",
    )


_CHANGING = re.compile(
    r"GOMP_|KMP_|MALLOC_|ONEDNN_|DNNL_|MKL_|TORCH_|PYTORCH_|OMP_(?!NUM_THREADS)"
    r"|GLIBC_TUNABLES|CUDA_LAUNCH_BLOCKING|NVIDIA_TF32_OVERRIDE"
)


def _variables(machine: Machine) -> Finding:
    found = sorted(name for name in machine.variables if _CHANGING.match(name))
    if not found:
        return Finding(
            name="environment", level="good", text="no variable changes what is measured"
        )
    return Finding(
        name="environment",
        level="fair",
        text=f"{', '.join(found)} may change what is measured",
        remedy=f"unset {' '.join(found)}, unless this is what you want to measure",
    )


def _allocator(machine: Machine) -> Finding:
    preloaded = machine.variables.get("LD_PRELOAD", "")
    other = re.search(r"jemalloc|tcmalloc|mimalloc", preloaded)
    library = platform.libc_ver()[0] or "another C library"
    if other is None and library == "glibc":
        return Finding(name="allocator", level="good", text="glibc, which can be pinned")
    return Finding(
        name="allocator",
        level="poor" if other else "fair",
        text=f"{other.group() if other else library}: it cannot be pinned",
        remedy="unset LD_PRELOAD" if other else "a system with glibc",
    )


def _power(machine: Machine) -> Finding | None:
    batteries = list((machine.root / "sys/class/power_supply").glob("*/status"))
    if not batteries:
        return None
    states = {path.read_text(encoding="utf-8").strip() for path in batteries}
    if "Discharging" not in states:
        return Finding(name="power", level="good", text="mains")
    text = "on battery: clocks are held down"
    return Finding(name="power", level="poor", text=text, remedy="plug it in")


def _throttling(machine: Machine) -> Finding | None:
    counts = [
        (machine.root / f"{_CPU}/cpu{core}/thermal_throttle/core_throttle_count")
        for core in machine.cores
    ]
    if not any(path.exists() for path in counts):
        return None
    number = sum(int(path.read_text(encoding="utf-8")) for path in counts if path.exists())
    if number == 0:
        return Finding(name="throttling", level="good", text="never since the start")
    return Finding(
        name="throttling",
        level="fair",
        text=f"cores were slowed down for heat {number:,} times since the start",
        remedy="better cooling, or lower clocks that it can hold",
    )


def _gpus(machine: Machine) -> Finding | None:
    if not machine.gpus:
        return None
    found = [_gpu(gpu) for gpu in machine.gpus]
    worst_one = max(found, key=lambda one: _ORDER.index(one.level))
    text = "; ".join(dict.fromkeys(one.text for one in found))
    return Finding(name="GPU", level=worst_one.level, text=text, remedy=worst_one.remedy)


def _gpu(gpu: GpuFound) -> Finding:
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
        f"{others} other processes" if others else "no other process",
        f"clocks held down by {', '.join(limits)}" if limits else "not throttled",
    ]
    text = ", ".join(filter(None, words))
    if others or limits:
        return Finding(
            name="GPU",
            level="poor",
            text=text,
            remedy="stop the other processes (nvidia-smi), let it cool, or lock its clocks "
            "(sudo nvidia-smi --lock-gpu-clocks)",
        )
    return Finding(name="GPU", level="good", text=text)


def _known(value: float | Failure, form: str) -> str:
    return "" if isinstance(value, Failure) else form.format(value)


CHECKS: dict[str, Check] = {
    "governor": _governor,
    "turbo": _turbo,
    "load": _load,
    "threads": _threads,
    "affinity": _affinity,
    "memory": _memory,
    "CPU quota": _cpu_quota,
    "memory limit": _memory_limit,
    "virtual machine": _virtual,
    "environment": _variables,
    "allocator": _allocator,
    "power": _power,
    "throttling": _throttling,
    "GPU": _gpus,
}
"""All checks by name, in the order in which they are shown."""


def _field(content: str, name: str) -> str:
    for line in content.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    raise ValueError(f"no {name}")


def _listed(text: str) -> list[int]:
    """The numbers of a kernel's list: 0-3,8."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if int(last or first) - int(first) > 100_000:
            raise ValueError(text)
        numbers += range(int(first), int(last or first) + 1)
    return numbers
