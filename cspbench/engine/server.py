"""The fork server and the guard of each worker: what runs in their processes.

The server has torch loaded and forks a guard for each request; the guard forks the worker, and
waits. It ends the worker, and all that the worker has started, as soon as the worker ends or the
other end of its ``life`` socket is closed, which happens however the parent ends. So no thread in
the worker disturbs what it measures, and workers do not depend on the server once they run.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil

from .channel import work

READY = b"r"
STARTED = struct.Struct("qq")
"""What a guard sends first: the process ids of its worker and of itself."""

ENDED = struct.Struct("q")
"""What a guard sends last: the exit code of its worker, negative for a signal."""

_DESCRIPTORS = 3  # life, messages, clock
_MAX_PATH_BYTES = 4096
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CLEARING_LIMIT_S = 4.0  # for what a worker has started to be gone


def serve(control_file: int, preload: str) -> None:
    """Import the module ``preload``, then fork a guard for each request until the parent ends."""
    control = socket.socket(fileno=control_file)
    # The signal comes when the thread that started this process ends: it waits until READY.
    _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if select.select([control], [], [], 0)[0]:  # the parent had ended before
        return
    with contextlib.suppress(ImportError):  # the worker will say so
        importlib.import_module(preload)
    gc.collect()
    gc.freeze()  # a launch collects before its turns: this leaves it its own objects
    _process_control(_PR_SET_PDEATHSIG, 0)
    with contextlib.suppress(ConnectionError):  # the parent has ended
        control.sendall(READY)
        _fork_guards(control)
    _leave(0)


def _fork_guards(control: socket.socket) -> None:
    """Fork a guard for each request until the parent ends; end what killed guards have left."""
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
    watch = _watch_children()
    child_ended, _ = watch
    guards: set[int] = set()
    while True:
        ready, _, _ = select.select([control.fileno(), child_ended], [], [])
        if child_ended in ready:
            os.read(child_ended, 1 << 16)
            ended = list(_ended_children())
            guards -= {process for process, _ in ended}
            if any(status for _, status in ended):  # a guard was killed, or what it had to end
                _kill_children(but=guards)
        if control.fileno() in ready:
            request = _next_request(control)
            if request is None:
                return
            guards.add(_fork_guard(control, watch, *request))


def _next_request(control: socket.socket) -> tuple[Path, list[int]] | None:
    """The folder of a worker and its descriptors; None if the parent has ended."""
    path, descriptors, *_ = socket.recv_fds(control, _MAX_PATH_BYTES, _DESCRIPTORS)
    return (Path(os.fsdecode(path)), descriptors) if path else None


def _fork_guard(
    control: socket.socket, watch: tuple[int, int], folder: Path, descriptors: list[int]
) -> int:
    """The process id of a new guard."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 -- takes no keyword
    guard = os.fork()
    if guard == 0:
        code = 1
        try:
            _unwatch_children(watch)
            control.close()
            code = _guard(folder, *descriptors)
        except ConnectionError:  # the parent has ended; so has the worker
            pass
        except BaseException:  # noqa: BLE001 -- nothing may return into the server's loop
            sys.excepthook(*sys.exc_info())
        finally:
            _leave(code)
    for descriptor in descriptors:
        os.close(descriptor)
    return guard


def _guard(folder: Path, life_file: int, connection: int, clock_file: int) -> int:
    """Fork a worker, wait until it ends or the parent closes ``life_file``, and clear up."""
    life = socket.socket(fileno=life_file)
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)
    watch = _watch_children()
    child_ended, _ = watch
    guard = os.getpid()
    worker = os.fork()
    if worker == 0:
        _unwatch_children(watch)
        life.close()
        _work(guard, folder, connection, clock_file)
    status = None
    try:
        with contextlib.suppress(OSError):  # it may have done so itself, or ended
            os.setpgid(worker, worker)
        os.close(connection)
        os.close(clock_file)
        life.sendall(STARTED.pack(worker, guard))
        status = _wait(worker, life, child_ended)
    finally:
        exit_code = _end(worker, status)
    life.sendall(ENDED.pack(exit_code))
    return 0


def _work(guard: int, folder: Path, connection: int, clock_file: int) -> NoReturn:
    """Be the worker: in a process group of its own, and no longer than the guard."""
    code = 1
    try:
        os.setpgid(0, 0)
        _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == guard:
            code = work(folder, connection, clock_file)
    finally:
        _leave(code)


def _wait(worker: int, life: socket.socket, child_ended: int) -> int | None:
    """The wait status of ``worker`` once it has ended; None if ``life`` was closed before."""
    while True:
        ready, _, _ = select.select([life.fileno(), child_ended], [], [])
        if child_ended in ready:
            os.read(child_ended, 1 << 16)
            for process, status in _ended_children():
                if process == worker:
                    return status
        if life.fileno() in ready:
            return None


def _ended_children() -> Iterator[tuple[int, int]]:
    """Process id and wait status of each child that has ended, adopted ones included."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            yield ended


def _end(worker: int, status: int | None) -> int:
    """Kill all that is left of ``worker``, whose wait status is given if it has ended.

    Returns its exit code. Processes that left the group are found where their parent's end hands
    them to this process (Linux).
    """
    if status is None:
        os.kill(worker, signal.SIGKILL)
    with contextlib.suppress(OSError):  # none is left in its group
        os.killpg(worker, signal.SIGKILL)
    if status is None:
        _, status = os.waitpid(worker, 0)
    limit = time.monotonic() + _CLEARING_LIMIT_S
    while _has_children() and time.monotonic() < limit:
        _kill_children()
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(status)


def _has_children() -> bool:
    """Whether a child has not ended; those that have are taken note of."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def _kill_children(but: set[int] | frozenset[int] = frozenset()) -> None:
    """Kill the children of this process without those in ``but``, and their children."""
    for child in psutil.Process().children():
        if child.pid not in but:
            with contextlib.suppress(psutil.Error):
                for process in (*child.children(recursive=True), child):
                    process.kill()


def _watch_children() -> tuple[int, int]:
    """A descriptor that becomes readable when a child has ended, and the other end of its pipe."""
    child_ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    return child_ended, wake


def _unwatch_children(watch: tuple[int, int]) -> None:
    """Undo `_watch_children` in a forked process.

    The wake-up descriptor may be unset there: from Python 3.12 on, asyncio does that after a fork.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in watch:
        os.close(descriptor)


def _leave(code: int) -> NoReturn:
    """End this forked process with ``code``, running nothing that its parent registered."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a model may have closed or replaced them
            stream.flush()
    os._exit(code)


def _process_control(option: int, value: int) -> None:
    """Set an option of `prctl`, which Linux alone has."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value)
