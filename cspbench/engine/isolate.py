"""Running of a task in a fresh worker process, with its messages and its exit.

Workers are forked from a server process that has torch loaded, so that one starts within hundredths
of a second. The parent sleeps until the worker sends a message, ends, or exceeds its time limit,
and never leaves a worker running.
"""

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import pkgutil
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, Literal

from ..records.lines import CaseFailure, Cause, Stage
from .signals import signals_held

_PR_SET_PDEATHSIG = 1
_PRELOAD = ["cspbench.engine.worker"]
_LOG_TAIL_LINES = 40
_MAX_PRINTED_BYTES = 4096
_TORCHS_OWN = re.compile(r"^(USDT:|[EWI]\d{4} [\d:.]+ \d+ torch/).*\n?", re.MULTILINE)
"""Lines that torch's profiler prints, and what fake tensors log of operators that refuse them."""

_EXIT_GRACE_S = 5.0  # time for a worker to end after it has closed its pipe

StepClock = Any
"""Two shared doubles: the index of the current step, and its start in monotonic seconds."""

_End = Literal["returned", "died", "late"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """The exit of a worker that did not finish its task.

    ``detail`` is the end of its output, ``step`` the index of the step during which it ended.
    """

    cause: Cause
    reason: str
    detail: str
    step: int

    def failure(
        self, case_key: str, stage: Stage, launch: int | None = None, *, is_fatal: bool = True
    ) -> CaseFailure:
        """This exit as the failure of a case at ``stage``, in a launch if ``launch`` is given."""
        return CaseFailure(
            case=case_key,
            stage=stage,
            cause=self.cause,
            reason=self.reason,
            launch=launch,
            detail=self.detail,
            is_fatal=is_fatal,
        )


class Channel:
    """The connection of a task to its parent, for messages and for its current step."""

    def __init__(
        self, connection: "Connection[Any, Any]", clock: StepClock, log: Path | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._log = log
        self._read_bytes = 0

    def send(self, message: object) -> None:
        """Send ``message`` to the parent."""
        self._connection.send((False, message))

    def begin_step(self, index: int) -> None:
        """Set the current step to ``index`` and restart the time limit."""
        self._clock[1] = time.monotonic()
        self._clock[0] = index

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


def run(
    task: str,
    *arguments: object,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: "Connection[Any, Any] | None" = None,
) -> Exit | None:
    """Run ``task(channel, *arguments)`` in a fresh worker; return its exit, None if it returned.

    ``task`` is a name, ``package.module:callable``, which only the worker loads. ``receive`` is
    called with each message as it arrives. The worker is killed if a step takes longer than
    ``time_limit_s``, and if an exception is raised here, KeyboardInterrupt included. Interrupts do
    not reach threads: in a thread, a message on ``stop`` kills the worker and raises
    KeyboardInterrupt.
    """
    context = _fork_server()
    receiver, sender = context.Pipe(duplex=False)
    clock = RawArray("d", 2)
    clock[0], clock[1] = -1, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cspbench-") as folder:
        log = Path(folder, "output")
        process = context.Process(
            target=_work, args=(task, arguments, sender, clock, str(log)), daemon=True
        )
        try:
            with signals_held():
                process.start()
            sender.close()
            end = _receive_messages(
                process, receiver, clock, time_limit_s=time_limit_s, receive=receive, stop=stop
            )
            if end == "died":
                process.join(timeout=_EXIT_GRACE_S)
        finally:
            if process.is_alive():
                process.kill()
            with contextlib.suppress(AssertionError):  # never started
                process.join()
            receiver.close()
        if end == "returned":
            return None
        limit_s = time_limit_s if end == "late" else None
        return _exit_of(process.exitcode, _log_tail(log), step=int(clock[0]), limit_s=limit_s)


def _fork_server() -> ForkServerContext:
    """The multiprocessing context of the fork server, which is started if needed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    resource_tracker.ensure_running()  # before signals are held: starting it unblocks them
    with signals_held():
        forkserver.ensure_running()
    return context


def _receive_messages(
    process: Any,
    receiver: Any,
    clock: StepClock,
    *,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: "Connection[Any, Any] | None",
) -> _End:
    """Pass each message to ``receive`` until the worker returns, dies or is late; return which."""
    while True:
        remaining_s = clock[1] + time_limit_s - time.monotonic()
        if remaining_s <= 0 and not receiver.poll():
            return "late"
        awaited = [receiver, process.sentinel, *([stop] if stop else [])]
        ready = wait(awaited, timeout=max(0.0, remaining_s))
        if stop in ready:
            raise KeyboardInterrupt
        if receiver not in ready:
            if not process.is_alive() and not receiver.poll():
                return "died"
            continue
        try:
            has_returned, message = receiver.recv()
        except (EOFError, OSError):
            return "died"
        if has_returned:
            return "returned"
        receive(message)


def _exit_of(exitcode: int | None, log_tail: str, *, step: int, limit_s: float | None) -> Exit:
    """The exit of a worker that died, or that was late, in which case ``limit_s`` is its limit."""
    cause: Cause
    if limit_s is not None:
        cause, reason = "timeout", f"a step took longer than the time limit of {limit_s:g} s"
    elif exitcode is not None and exitcode < 0:
        number = -exitcode
        cause, reason = "signal", f"killed by {signal.Signals(number).name}"
        if number == signal.SIGKILL:
            reason += " (by the system when memory ran out, or by hand)"
    else:
        cause, reason = "exited", f"the process exited early with code {exitcode}"
        reason += f": {line}" if (line := _error_line(log_tail)) else ""
    return Exit(cause=cause, reason=reason, detail=log_tail, step=step)


def _error_line(log_tail: str) -> str:
    """The last line that names an error, else the last line; advice may follow an error."""
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return [*lines[-1:], *errors[-1:]][-1] if lines else ""


def _flush_c_streams() -> None:
    """Write out what C code has printed; other systems than Linux may lack the name."""
    ctypes.CDLL(None).fflush(None)


def _log_tail(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LOG_TAIL_LINES:])


def _work(
    task: str,
    arguments: tuple[object, ...],
    connection: "Connection[Any, Any]",
    clock: StepClock,
    log: str,
) -> None:
    """Run the task in this process, the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles interrupts
    with contextlib.suppress(OSError, AttributeError):  # die with the fork server: Linux only
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except FileNotFoundError:  # the parent has ended and removed the folder
        os._exit(1)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    faulthandler.enable()
    clock[1] = time.monotonic()
    try:
        pkgutil.resolve_name(task)(Channel(connection, clock, Path(log)), *arguments)
    except BaseException:
        traceback.print_exc()
        raise
    connection.send((True, None))
