"""The processes of one attempt, known by a mark in their environment."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

MARK = "CSPBENCH_SOAK"
POLL_S = 0.02

Role = Literal["parent", "worker", "guard", "server", "group"]


def marked(mark: str) -> list[int]:
    """The living processes that were started with ``mark`` in their environment."""
    wanted = f"{MARK}={mark}".encode()
    processes = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            is_marked = wanted in (folder / "environ").read_bytes().split(b"\0")
            if is_marked and _state(folder) not in "ZX":
                processes.append(int(folder.name))
    return sorted(processes)


def describe(processes: Sequence[int]) -> str:
    """Number, parent and command of each process."""
    texts = []
    for process in processes:
        folder = Path("/proc", str(process))
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[-100:]
            texts.append(f"{process} (parent {_parent(process)}, {_state(folder)}): {command}")
    return "; ".join(texts)


def of_role(role: Role, parent: int, mark: str) -> int | None:
    """The process of that role in the command of ``parent``; None while there is none.

    The parent starts the fork server, which forks a guard for each worker; the guard forks it.
    """
    if role in {"parent", "group"}:
        return parent
    parents = {process: _parent(process) for process in marked(mark)}
    servers = {
        process
        for process, above in parents.items()
        if above == parent and b"engine.server" in _command(process)
    }
    guards = {process for process, above in parents.items() if above in servers}
    workers = {process for process, above in parents.items() if above in guards}
    return next(iter({"server": servers, "guard": guards, "worker": workers}[role]), None)


def send(number: signal.Signals, role: Role, process: int) -> None:
    """Send a signal to a process, or to its group; it may have ended."""
    with contextlib.suppress(ProcessLookupError):
        if role == "group":
            os.killpg(process, number)
        else:
            os.kill(process, number)


def await_none(find: Callable[[], Sequence[object]], limit_s: float) -> Sequence[object]:
    """What ``find`` still finds after at most ``limit_s``; empty as soon as it is."""
    end = time.monotonic() + limit_s
    while (remaining := find()) and time.monotonic() < end:
        time.sleep(POLL_S * 5)
    return remaining


def _state(folder: Path) -> str:
    return (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def _parent(process: int) -> int:
    with contextlib.suppress(OSError):
        stat = Path("/proc", str(process), "stat").read_text(encoding="utf-8")
        return int(stat.rpartition(")")[2].split()[1])
    return 0


def _command(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path("/proc", str(process), "cmdline").read_bytes()
    return b""
