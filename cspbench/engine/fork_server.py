"""The parent's side of the fork server: its start, its workers' start, and their end.

A server that does not answer, because it was killed, stopped or cannot be loaded, is ended, and
the next worker gets another. A worker that runs does not need it.
"""

import atexit
import contextlib
import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing import spawn, util
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock
from typing import IO, Any, TypeAlias

from .channel import ARGUMENTS
from .exit_reasons import exit_reason, tail_of
from .server import ENDED, READY, STARTED
from .signals import signals_held

_PRELOAD = "cspbench.engine.worker"
_LOADING_LIMIT_S = 300.0  # for loading torch, also from a slow disk beside other work
_STARTING_LIMIT_S = 20.0  # for forking
_SETTLING_S = 1.0  # from the end of a server's sockets to its own
_ENDING_LIMIT_S = 6.0  # longer than a guard takes for clearing up

Stop: TypeAlias = "Connection[Any, Any] | None"
"""In a thread, which interrupts do not reach: a message on it raises KeyboardInterrupt."""


class NoAnswerError(Exception):
    """A process did not do what it was asked within its time."""


class _EndedError(NoAnswerError):
    """A process ended instead."""


class WorkerProcess:
    """A worker that runs, seen through the socket of its guard."""

    def __init__(self, life: socket.socket, pid: int, guard: int) -> None:
        self.life = life
        """Becomes readable when the worker has ended."""
        self._pid = pid
        self._guard = guard

    def wait(self, timeout_s: float) -> None:
        """Return when the worker has ended, or after ``timeout_s`` seconds."""
        wait([self.life], timeout_s)

    def end(self) -> int | None:
        """Kill the worker and what it has started; returns its exit code, None if not known."""
        with self.life:
            with contextlib.suppress(OSError):  # the guard has ended
                self.life.shutdown(socket.SHUT_WR)
            try:
                (exit_code,) = ENDED.unpack(_receive(self.life, ENDED.size, _ENDING_LIMIT_S))
            except NoAnswerError:  # the guard was killed or stopped, or the worker cannot be ended
                self._kill()
                return None
            return int(exit_code)

    def _kill(self) -> None:
        for kill, process in ((os.kill, self._guard), (os.killpg, self._pid), (os.kill, self._pid)):
            with contextlib.suppress(OSError):
                kill(process, signal.SIGKILL)


class ForkServer:
    """The fork server of this process, started when it is needed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._log: IO[bytes] = io.BytesIO()
        self._owner = 0

    def fork(
        self,
        folder: Path,
        task: str,
        arguments: tuple[object, ...],
        descriptors: tuple[int, int],
        stop: Stop = None,
    ) -> WorkerProcess:
        """Start a worker that runs ``task`` with files in ``folder``.

        ``descriptors`` are those of the messages and of the clock; a worker may have begun to use
        them before this fails. Raises `NoAnswerError`, with the server ended, if none starts, and
        OSError if ``folder`` cannot be written.
        """
        preparation = spawn.get_preparation_data("worker")
        preparation.pop("authkey", None)  # a secret, which cannot be pickled
        content = pickle.dumps((preparation, task, pickle.dumps(arguments)))
        (folder / ARGUMENTS).write_bytes(content)
        with self._lock:
            try:
                return self._request(folder, descriptors, stop)
            except (NoAnswerError, OSError) as error:
                if not isinstance(error, _EndedError):
                    self._stop()
                    raise NoAnswerError(error) from error
                raise NoAnswerError(self._stop(settling_s=_SETTLING_S)) from error
            except BaseException:  # an interrupt, perhaps while it was loaded
                self._stop()
                raise

    def _request(self, folder: Path, descriptors: tuple[int, int], stop: Stop) -> WorkerProcess:
        control = self._control or self._start(stop)
        life, theirs = socket.socketpair()
        try:
            with theirs:
                files = [theirs.fileno(), *descriptors]
                socket.send_fds(control, [os.fsencode(folder)], files)
            started = _receive(life, STARTED.size, _STARTING_LIMIT_S, stop)
        except BaseException:
            life.close()  # which ends the worker, if it starts yet
            raise
        return WorkerProcess(life, *STARTED.unpack(started))

    def _start(self, stop: Stop) -> socket.socket:
        """Start the server, and wait until it has loaded torch."""
        control, theirs = socket.socketpair()
        control.settimeout(_STARTING_LIMIT_S)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by _stop
        with theirs, signals_held():
            self._process = subprocess.Popen(  # noqa: S603 -- this Python, our own program
                [
                    sys.executable,
                    *util._args_from_interpreter_flags(),  # type: ignore[attr-defined]  # noqa: SLF001
                    "-c",
                    _program(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # no interrupt from a terminal reaches it
            )
            self._owner = os.getpid()
        atexit.unregister(self._stop)
        atexit.register(self._stop)
        try:
            _receive(control, len(READY), _LOADING_LIMIT_S, stop)
        except BaseException:
            control.close()
            raise
        self._control = control
        return control

    def _stop(self, settling_s: float = 0.0) -> str:
        """End the server if there is one; returns why it, or else a guard, ended before.

        A server that is just ending gets ``settling_s`` seconds to do so.
        """
        if self._process is None or os.getpid() != self._owner:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(settling_s)
        exit_code = self._process.returncode
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDING_LIMIT_S)
        if self._control is not None:
            self._control.close()
        with self._log:
            reason = exit_reason(1 if exit_code is None else exit_code, tail_of(self._log))
        self._process = self._control = None
        return reason


def _program(control_file: int) -> str:
    """The Python code of the server, which finds modules where this process does."""
    return (
        f"import sys; sys.path[:] = {sys.path!a}; "
        f"from cspbench.engine.server import serve; serve({control_file}, {_PRELOAD!r})"
    )


def _receive(connection: socket.socket, size: int, limit_s: float, stop: Stop = None) -> bytes:
    """The next ``size`` bytes, which are awaited for ``limit_s`` seconds."""
    limit = time.monotonic() + limit_s
    content = b""
    while len(content) < size:
        ready = wait([connection, *([stop] if stop else [])], max(0.0, limit - time.monotonic()))
        if stop in ready:
            raise KeyboardInterrupt
        if connection not in ready:
            raise NoAnswerError(f"no answer within {limit_s:g} s")
        try:
            part = connection.recv(size - len(content))
        except ConnectionError:
            part = b""
        if not part:
            raise _EndedError
        content += part
    return content


SERVER = ForkServer()
"""The fork server of this process."""
