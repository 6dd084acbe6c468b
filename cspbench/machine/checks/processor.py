"""Checks of clocks, cores and load."""

from ...records.diagnosis import Finding, Level
from ..system import CPU, Machine, listed


def governor(machine: Machine) -> Finding:
    if not (machine.root / f"{CPU}/cpu{machine.cores[0]}/cpufreq").exists():
        text = "not shown by the system (usual in a virtual machine)"
        return Finding(name="governor", level="unknown", text=text)
    governors = sorted(
        {machine.read(f"{CPU}/cpu{core}/cpufreq/scaling_governor") for core in machine.cores}
    )
    if governors == ["performance"]:
        return Finding(name="governor", level="good", text="performance")
    return Finding(
        name="governor",
        level="fair",
        text=f"{', '.join(governors)}: clocks follow the load",
        remedy="sudo cpupower frequency-set --governor performance",
    )


def turbo(machine: Machine) -> Finding:
    switches = {f"{CPU}/intel_pstate/no_turbo": 0, f"{CPU}/cpufreq/boost": 1}
    for path, on in switches.items():
        if (machine.root / path).exists():
            if machine.number(path) != on:
                return Finding(
                    name="turbo", level="good", text="off: clocks do not depend on temperature"
                )
            return Finding(
                name="turbo",
                level="fair",
                text="on: clocks depend on temperature and on other cores",
                remedy=f"echo {1 - on} | sudo tee /{path}",
            )
    return Finding(name="turbo", level="unknown", text="not shown by the system")


def load_level(load: float, *, cores: int, threads: int) -> Level:
    """The grade of a machine on which others keep ``load`` of the cores busy."""
    if load < 0.3 * cores:
        return "good"
    return "poor" if cores - load < threads - 0.5 else "fair"


def load(machine: Machine) -> Finding:
    load = float(machine.read("proc/loadavg").split()[0])
    level = load_level(load, cores=len(machine.cores), threads=machine.threads)
    if level == "good":
        return Finding(name="load", level="good", text=f"{load:.2f} over the last minute")
    return Finding(
        name="load",
        level=level,
        text=f"{load:.2f} over the last minute on {len(machine.cores)} cores",
        remedy="stop what runs (top -o %CPU lists it), then wait a minute",
    )


def threads(machine: Machine) -> Finding:
    siblings = {
        machine.read(f"{CPU}/cpu{core}/topology/thread_siblings_list") for core in machine.cores
    }
    text = f"{machine.threads} on {len(siblings)} physical cores"
    if machine.threads <= len(siblings):
        return Finding(name="threads", level="good", text=text)
    return Finding(
        name="threads",
        level="fair",
        text=f"{text}: some share a core",
        remedy=f"measure with --threads {len(siblings)}",
    )


def affinity(machine: Machine) -> Finding:
    online = listed(machine.read(f"{CPU}/online"))
    number = len(machine.cores)
    text = "all cores" if number == len(online) else f"{number} of {len(online)} logical cores"
    return Finding(name="affinity", level="good", text=text)


def virtual(machine: Machine) -> Finding:
    content = machine.read("proc/cpuinfo")
    flags = next((line for line in content.splitlines() if line.startswith("flags")), "")
    if "hypervisor" not in flags.split():
        return Finding(name="virtual machine", level="good", text="no")
    ticks = [int(field) for field in machine.read("proc/stat").split("\n")[0].split()[1:]]
    stolen = ticks[7] / max(1, sum(ticks[:8]))
    return Finding(
        name="virtual machine",
        level="fair",
        text=f"yes; its host took {stolen:.2%} of the processor time since boot; the load of its "
        "neighbours is not visible",
        remedy="measure on hardware of your own, or rely on ratios within a run, not on times",
    )


def power(machine: Machine) -> Finding | None:
    batteries = list((machine.root / "sys/class/power_supply").glob("*/status"))
    if not batteries:
        return None
    states = {path.read_text(encoding="utf-8").strip() for path in batteries}
    if "Discharging" not in states:
        return Finding(name="power", level="good", text="mains")
    text = "on battery: clocks are limited"
    return Finding(name="power", level="poor", text=text, remedy="plug in the power supply")


def throttling(machine: Machine) -> Finding | None:
    counts = [
        (machine.root / f"{CPU}/cpu{core}/thermal_throttle/core_throttle_count")
        for core in machine.cores
    ]
    if not any(path.exists() for path in counts):
        return None
    number = sum(int(path.read_text(encoding="utf-8")) for path in counts if path.exists())
    if number == 0:
        return Finding(name="throttling", level="good", text="never since boot")
    return Finding(
        name="throttling",
        level="fair",
        text=f"cores were throttled {number:,} times since boot, by heat",
        remedy="improve the cooling, or limit the clocks to what it can sustain",
    )
