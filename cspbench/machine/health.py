"""Whether a machine is fit for reliable latencies: all checks, and the worst of their grades.

A check that cannot read the machine becomes a finding of unknown level; nothing raises.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ..records.diagnosis import LEVELS, Finding, Level
from ..records.machine import AvailableGpu
from .checks import gpu, limits, process, processor
from .system import Machine

Check = Callable[[Machine], Finding | None]

CHECKS: dict[str, Check] = {
    "governor": processor.governor,
    "turbo": processor.turbo,
    "load": processor.load,
    "threads": processor.threads,
    "affinity": processor.affinity,
    "memory": limits.memory,
    "CPU quota": limits.cpu_quota,
    "memory limit": limits.memory_limit,
    "virtual machine": processor.virtual,
    "environment": process.variables,
    "allocator": process.allocator,
    "power": processor.power,
    "throttling": processor.throttling,
    "GPU": gpu.gpus,
}
"""All checks by name, in the order of the report."""


def findings(
    *,
    threads: int,
    gpus: Sequence[AvailableGpu] = (),
    root: Path = Path("/"),
    variables: Mapping[str, str] = os.environ,
) -> Iterator[Finding]:
    """The finding of every check that applies to the machine, each as it is made.

    They are in the order of `CHECKS`.
    """
    machine = Machine(root=root, variables=variables, threads=threads, gpus=gpus)
    for name, check in CHECKS.items():
        if finding := _finding(name, check, machine):
            yield finding


def busy_warning(taken: float, *, cores: int, threads: int, has_choice: bool = True) -> str:
    """A sentence on others that keep ``taken`` of the cores busy; '' if that disturbs nothing.

    It offers fewer threads where these would help and the user ``has_choice`` of their number.

    >>> busy_warning(1.2, cores=2, threads=2)
    'other processes use 1.2 of 2 cores: timings will be poor; wait, or use --threads 1'
    """
    level = processor.load_level(taken, cores=cores, threads=threads)
    if level == "good":
        return ""
    with_one = processor.load_level(taken, cores=cores, threads=1)
    helps = has_choice and threads > 1 and with_one != "poor"
    way = "wait, or use --threads 1" if helps else "wait until they end"
    return f"other processes use {taken:.1f} of {cores} cores: timings will be {level}; {way}"


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level of ``findings``; unknown ones do not count."""
    levels = [finding.level for finding in findings if finding.level != "unknown"]
    return max(levels, key=LEVELS.index, default="unknown")


def _finding(name: str, check: Check, machine: Machine) -> Finding | None:
    try:
        return check(machine)
    except (OSError, ValueError, IndexError, KeyError) as error:
        reason = getattr(error, "strerror", None) or "unexpected format"
        return Finding(name=name, level="unknown", text=f"cannot be read: {reason}")
