"""A machine's settings as files below a root folder, which tests can simulate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..records.machine import AvailableGpu

CPU = "sys/devices/system/cpu"
_CGROUP = "sys/fs/cgroup"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The inputs of checks: files below ``root``, environment variables, threads to use, GPUs."""

    root: Path
    variables: Mapping[str, str]
    threads: int
    gpus: Sequence[AvailableGpu] = ()

    def read(self, path: str) -> str:
        """The text of a file below the root; raises OSError or ValueError."""
        return (self.root / path).read_text(encoding="utf-8").strip()

    def number(self, path: str) -> int:
        """The integer in a file below the root; raises OSError or ValueError."""
        return int(self.read(path))

    @cached_property
    def cores(self) -> tuple[int, ...]:
        """The logical cores that this process may use."""
        allowed = field(self.read("proc/self/status"), "Cpus_allowed_list")
        return tuple(listed(allowed))

    @cached_property
    def groups(self) -> tuple[Path, ...]:
        """The folders of this process's control groups, from the innermost to the root."""
        folders: list[Path] = []
        for line in self.read("proc/self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            for hierarchy in ("", *controllers.split(",")):
                inner = Path(_CGROUP, hierarchy, path.lstrip("/"))
                folders += [
                    folder for folder in (inner, *inner.parents) if folder.is_relative_to(_CGROUP)
                ]
        return tuple(dict.fromkeys(folders))


def field(content: str, name: str) -> str:
    """The value of the line ``name: value``; raises ValueError if there is none."""
    for line in content.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    raise ValueError(f"no {name}")


def listed(text: str) -> list[int]:
    """The numbers in a list of the kernel's form ``0-3,8``; raises ValueError for other text."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if int(last or first) - int(first) > 100_000:
            raise ValueError(text)
        numbers += range(int(first), int(last or first) + 1)
    return numbers
