"""What is done to a command: a signal at a random moment, or a disk without room."""

import contextlib
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .processes import POLL_S, Role, of_role, send

STOPPED_S = 1.0
SIGNALS: dict[Role, tuple[str, ...]] = {
    "parent": ("KILL", "TERM", "INT", "HUP", "QUIT", "STOP"),
    "worker": ("KILL", "TERM", "SEGV", "STOP"),
    "guard": ("KILL", "TERM", "STOP"),
    "server": ("KILL", "TERM", "STOP"),
    "group": ("KILL", "TERM", "INT", "HUP", "QUIT"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Harm:
    """A signal, named without SIG, to a role, after a share of the usual time; or a full disk.

    ``room_bytes`` is what fits on the disk that holds the run folder and temporary files, None if
    there is room.
    """

    role: Role = "parent"
    signal: str | None = None
    at: float = 0.0
    room_bytes: int | None = None

    @property
    def kind(self) -> str:
        """What is counted together."""
        return "full disk" if self.signal is None else f"{self.signal} {self.role}"

    @property
    def ends_command(self) -> bool:
        """Whether the signal is to end the command itself."""
        return self.signal not in {None, "STOP"} and self.role in {"parent", "group"}


def draw(chance: random.Random, roles: Sequence[Role] = tuple(SIGNALS)) -> Harm:
    """A harm of one of the ``roles`` at random, or one in six times a full disk."""
    if chance.random() < 1 / 6:
        return Harm(room_bytes=chance.choice((0, 4, 16, 40, 80, 160, 320)) * 1024)
    role = chance.choice(roles)
    return Harm(role=role, signal=chance.choice(SIGNALS[role]), at=chance.random())


def apply(
    harm: Harm,
    process: "subprocess.Popen[str]",
    mark: str,
    usual_s: float,
    observe: Callable[[], None],
) -> bool:
    """Send the signal at its moment, or once there is such a process; False if there was none.

    ``observe`` is called just before.
    """
    if harm.signal is None:
        return True
    moment = time.monotonic() + harm.at * usual_s
    while process.poll() is None:
        target = of_role(harm.role, process.pid, mark) if time.monotonic() >= moment else None
        if target is None:
            time.sleep(POLL_S)
            continue
        observe()
        send(signal.Signals[f"SIG{harm.signal}"], harm.role, target)
        if harm.signal == "STOP":
            time.sleep(STOPPED_S)
            send(signal.SIGCONT, harm.role, target)
        return True
    return False


@contextlib.contextmanager
def disk(folder: Path, room_bytes: int | None) -> Iterator[int | None]:
    """``folder`` as a file system of its own with so much room left, and again as it was after.

    Yields None; where mounting is not permitted, the room that a file may take instead, which is
    to be set as a limit of the process.
    """
    if room_bytes is None:
        yield None
        return
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside)
    used = sum(path.stat().st_size + 4096 for path in aside.rglob("*"))
    is_mounted = _runs(
        "mount", "-t", "tmpfs", "-o", f"size={used + room_bytes + 4096}", "none", folder
    )
    try:
        if is_mounted:
            _copy(aside, folder)
        yield None if is_mounted else room_bytes
    finally:
        shutil.rmtree(aside)
        if is_mounted:
            _copy(folder, aside)
            _runs("umount", "--lazy", folder)
            shutil.rmtree(folder)
            aside.rename(folder)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def _runs(*words: str | Path) -> bool:
    """Whether a command could be run and ended well."""
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def prepare(room_bytes: int | None) -> None:
    """In a process that starts: signals have their default effect, a file has so much room."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):  # a shell's `&` ignores them
        signal.signal(number, signal.SIG_DFL)
    if room_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))
