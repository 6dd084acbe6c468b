"""Processor time that other processes took from this one, read from /proc."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from os import getloadavg, sched_getaffinity, sysconf
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Self

from ..records.base import Failure
from ..records.machine import Activity

_STAT, _CPUINFO, _TASKS = Path("proc/stat"), Path("proc/cpuinfo"), Path("proc/self/task")
_WATCH_S = 0.4  # 40 ticks of each core
_BUSY, _STEAL = (0, 1, 2, 5, 6), 7  # user, nice, system, irq, softirq; steal: proc(5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A reading of clocks, from which `since` subtracts an earlier one.

    ``busy_s`` and ``steal_s`` are seconds summed over the cores that this process may use;
    ``queued_s`` is how long its threads have waited for a core.
    """

    wall_s: float
    cpu_s: float
    busy_s: float | Failure
    steal_s: float | Failure
    queued_s: float | Failure
    load: float
    mhz: float | Failure

    @classmethod
    def take(cls, root: Path = Path("/")) -> Self:
        """Read the clocks now; files are read below ``root``."""
        busy, steal = _core_seconds(root)
        return cls(
            wall_s=perf_counter(),
            cpu_s=process_time(),
            busy_s=busy,
            steal_s=steal,
            queued_s=_queued_seconds(root),
            load=getloadavg()[0],
            mhz=_mhz(root),
        )

    def since(self, before: "Snapshot", *, threads: int, beside_gpu: bool = False) -> Activity:
        """The activity since ``before`` of a process that can keep ``threads`` threads busy.

        ``beside_gpu`` adds how long its threads waited for a core.
        """
        cpu_s = self.cpu_s - before.cpu_s
        others = _less(self.busy_s, before.busy_s)
        return Activity(
            threads=threads,
            wall_s=self.wall_s - before.wall_s,
            cpu_s=cpu_s,
            # the kernel counts busy time in ticks of 10 ms: the sum can fall short of our own time
            others_s=others if isinstance(others, Failure) else max(0.0, others - cpu_s),
            steal_s=_less(self.steal_s, before.steal_s),
            load_before=before.load,
            load_after=self.load,
            mhz_before=before.mhz,
            mhz_after=self.mhz,
            queued_s=_less(self.queued_s, before.queued_s) if beside_gpu else None,
        )


def taken_cores(
    root: Path = Path("/"), wait: Callable[[], object] = lambda: sleep(_WATCH_S)
) -> float | Failure:
    """How many of this process's cores others keep busy, and the host takes, during ``wait``.

    Children of this process count as others.
    """
    before = Snapshot.take(root)
    wait()
    activity = Snapshot.take(root).since(before, threads=1)
    if isinstance(activity.others_s, Failure):
        return activity.others_s
    steal_s = 0.0 if isinstance(activity.steal_s, Failure) else activity.steal_s
    return (activity.others_s + steal_s) / activity.wall_s


def _less(later: float | Failure, earlier: float | Failure) -> float | Failure:
    if isinstance(later, Failure):
        return later
    return earlier if isinstance(earlier, Failure) else max(0.0, later - earlier)


def _core_seconds(root: Path) -> tuple[float | Failure, float | Failure]:
    """Busy and stolen seconds since boot, over the cores that this process may use."""
    names = {f"cpu{core}" for core in sched_getaffinity(0)}
    busy = steal = 0
    read_cores = set()
    try:
        for line in (root / _STAT).read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name in names:
                read_cores.add(name)
                ticks = [int(field) for field in fields]
                busy += sum(ticks[index] for index in _BUSY)
                steal += ticks[_STEAL]
    except (OSError, ValueError, IndexError) as error:
        missing = Failure(reason=f"/{_STAT} cannot be read: {error}")
        return missing, missing
    if read_cores != names:
        missing = Failure(reason=f"/{_STAT} does not list every core of this process")
        return missing, missing
    per_second = sysconf("SC_CLK_TCK")
    return busy / per_second, steal / per_second


def _queued_seconds(root: Path) -> float | Failure:
    """Seconds that the threads of this process have waited for a core, summed."""
    waited_ns = []
    try:
        for task in (root / _TASKS).iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that has ended since
                waited_ns.append(int((task / "schedstat").read_text(encoding="ascii").split()[1]))
    except (OSError, ValueError, IndexError) as error:
        return Failure(reason=f"/{_TASKS} cannot be read: {error}")
    return sum(waited_ns) / 1e9 if waited_ns else Failure(reason=f"/{_TASKS} has no waiting times")


def _mhz(root: Path) -> float | Failure:
    """The mean frequency of the cores that this process may use."""
    cores = sched_getaffinity(0)
    try:
        kilohertz = [
            int((root / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq").read_text())
            for core in cores
        ]
        return sum(kilohertz) / len(kilohertz) / 1000
    except (OSError, ValueError):
        return _cpuinfo_mhz(root, cores)


def _cpuinfo_mhz(root: Path, cores: set[int]) -> float | Failure:
    frequencies: list[float] = []
    core = -1
    try:
        for line in (root / _CPUINFO).read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "processor":
                core = int(value)
            elif name.strip() == "cpu MHz" and core in cores:
                frequencies.append(float(value))
    except (OSError, ValueError) as error:
        return Failure(reason=f"/{_CPUINFO} cannot be read: {error}")
    if not frequencies:
        return Failure(reason=f"/{_CPUINFO} gives no frequency")
    return sum(frequencies) / len(frequencies)
