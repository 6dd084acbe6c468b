"""The worker's side of a task: its start, its messages to the parent, and its current step."""
# ruff: noqa: PTH116 -- functions are bound when this module is loaded: a model may replace them

import contextlib
import ctypes
import faulthandler
import fcntl
import os
import pickle
import pkgutil
import re
import resource
import shutil
import signal
import sys
import traceback
from mmap import mmap
from multiprocessing import current_process, spawn
from multiprocessing.connection import Connection
from os import _exit, getpid, stat, truncate
from pathlib import Path
from time import monotonic
from typing import Any

from ..machine import descriptors, temporary
from .signals import ENDING

ARGUMENTS, OUTPUT = "arguments", "output"
"""Files in the folder of a worker: what it is to do, pickled, and what it prints."""

CLOCK_BYTES = 16
_F_ADD_SEALS, _F_SEAL_SHRINK, _F_SEAL_FUTURE_WRITE = 1033, 0x2, 0x10  # of Linux
_MAX_PRINTED_BYTES = 4096
_MAX_OUTPUT_BYTES = 64 << 20  # of what is printed; it is emptied between steps
_MAX_FILE_BYTES = 4 << 30
_TORCHS_OWN = re.compile(r"^(USDT:|[EWI]\d{4} [\d:.]+ \d+ torch/).*\n?", re.MULTILINE)
"""Lines that torch's profiler prints, and what fake tensors log of operators that refuse them."""

StepClock = Any
"""Two shared doubles: the index of the current step, -1 before the first, and its start in
monotonic seconds, 0 before the task has started."""


def step_clock(descriptor: int) -> StepClock:
    """The clock in the file ``descriptor``, which all processes that map it share."""
    return memoryview(mmap(descriptor, CLOCK_BYTES)).cast("d")


class Channel:
    """The connection of a task to its parent, for messages and for its current step."""

    def __init__(
        self, connection: "Connection[Any, Any]", clock: StepClock, log: Path | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._log = log
        self._read_bytes = 0
        self._process = getpid()

    def send(self, message: object) -> None:
        """Send ``message`` to the parent."""
        self._end_copy()
        self._connection.send((False, message))

    def begin_step(self, index: int) -> None:
        """Set the current step to ``index`` and restart the time limit."""
        self._end_copy()
        self._clock[1] = monotonic()
        self._clock[0] = index
        if self._log is not None and stat(self._log).st_size > _MAX_OUTPUT_BYTES:
            truncate(self._log, 0)
            self._read_bytes = 0

    def _end_copy(self) -> None:
        """End this process if it is a copy of the worker, which a model has forked."""
        if getpid() != self._process:
            _exit(0)

    def printed(self) -> str:
        """The end of what this process printed since the last call, at most 4 KiB."""
        if self._log is None:
            return ""
        for flush in (sys.stdout.flush, sys.stderr.flush, _flush_c_streams):
            with contextlib.suppress(Exception):  # a model may have closed or replaced them
                flush()
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._read_bytes, size - _MAX_PRINTED_BYTES))
            text = file.read(_MAX_PRINTED_BYTES).decode(errors="replace")
        self._read_bytes = size
        return _TORCHS_OWN.sub("", text).strip()


def work(folder: Path, connection: int, clock_file: int) -> int:
    """Run the task in ``folder`` in this process, the worker; returns its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles interrupts
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        _redirect_output(folder / OUTPUT)
    except FileNotFoundError:  # the parent has ended and removed the folder
        return 1
    clock = step_clock(clock_file)
    with contextlib.suppress(OSError):  # no other writing than through the maps that there are
        fcntl.fcntl(clock_file, _F_ADD_SEALS, _F_SEAL_SHRINK | _F_SEAL_FUTURE_WRITE)
    messages = descriptors.keep(connection, folder / OUTPUT)
    sender: Connection[Any, Any] = Connection(messages, readable=False)
    try:
        arguments = (folder / ARGUMENTS).read_bytes()
        preparation, task, packed = pickle.loads(arguments)  # noqa: S301 -- the parent's own
        _prepare(preparation)
        temporary.set_folder(folder)
        clock[1] = monotonic()
        function = pkgutil.resolve_name(task)
        function(Channel(sender, clock, folder / OUTPUT), *pickle.loads(packed))  # noqa: S301
        sender.send((True, None))
    except SystemExit as error:
        return _exit_code(error)
    except BaseException:  # noqa: BLE001 -- the last line of its output becomes the reason
        traceback.print_exc()
        return 1
    return 0


def _prepare(preparation: dict[str, Any]) -> None:
    """Take over the parent's search path, arguments, working directory and main module."""
    worker: Any = current_process()
    # so that a script without `if __name__ == "__main__"` starts no workers of its own
    worker._inheriting = True  # noqa: SLF001
    try:
        spawn.prepare(preparation)
    finally:
        del worker._inheriting  # noqa: SLF001


def _redirect_output(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    faulthandler.enable()
    _limit_files(log.parent)


def _limit_files(folder: Path) -> None:
    """Limit the size of each file, so that what a model prints does not fill the disk."""
    limit = min(_MAX_FILE_BYTES, shutil.disk_usage(folder).free // 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    bounds = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (min([limit, *bounds]), hard))


def _exit_code(error: SystemExit) -> int:
    """The exit code that Python gives to a process that raises ``error``."""
    traceback.print_exc()
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _flush_c_streams() -> None:
    """Write out what C code has printed; other systems than Linux may lack the name."""
    ctypes.CDLL(None).fflush(None)
