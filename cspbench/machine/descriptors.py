"""Descriptors that this process needs and that a model's code may close: kept twice."""

import fcntl
import os
from dataclasses import dataclass
from os import dup2, fstat
from pathlib import Path

_HIGH = 512  # code that closes "all" descriptors, or writes to some, rarely goes so far
_STANDARD = (1, 2)
_LOST = b"RuntimeError: its code closed the pipe to the process that measures\n"

Identity = tuple[int, int] | None
"""Device and inode of what a descriptor is open for; None if it is closed."""


@dataclass(frozen=True, slots=True)
class _Kept:
    messages: int
    output: Path
    copies: dict[int, int]


_kept: list[_Kept] = []


def keep(messages: int, output: Path) -> int:
    """Keep the pipe ``messages``, and standard output and error, which go to the file ``output``.

    Returns the descriptor to use in place of ``messages``, which is closed.
    """
    high = _high_copy(messages)
    os.close(messages)
    copies = {descriptor: _high_copy(descriptor) for descriptor in (high, *_STANDARD)}
    _kept[:] = [_Kept(high, output, copies)]
    return high


def pipe() -> Identity:
    """What the kept pipe is now; None if it is closed, and if none is kept."""
    return _identity(_kept[0].messages) if _kept else None


def streams() -> tuple[Identity, ...]:
    """What standard output and error are now; empty if they are not kept."""
    return (*map(_identity, _STANDARD),) if _kept else ()


def reopen_pipe(_: Identity) -> None:
    """Reopen the kept pipe. If its copy is closed, too, end the process, which says why."""
    kept = _kept[0]
    try:
        dup2(kept.copies[kept.messages], kept.messages, inheritable=False)
    except OSError:
        with kept.output.open("ab") as file:
            file.write(_LOST)
        os._exit(1)


def reopen_streams(_: tuple[Identity, ...]) -> None:
    """Reopen standard output and error."""
    for descriptor in _STANDARD:
        dup2(_kept[0].copies[descriptor], descriptor)


def _identity(descriptor: int) -> Identity:
    try:
        status = fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _high_copy(descriptor: int) -> int:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # the process may not have so many
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _STANDARD[-1] + 1)
