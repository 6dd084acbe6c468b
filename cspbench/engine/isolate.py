"""Running of a task in a fresh worker process, with its messages and its exit.

Workers are forked from a server process that has torch loaded, so that one starts within hundredths
of a second. The parent sleeps until the worker sends a message, ends, or exceeds its time limit,
and never leaves a worker running, nor anything that a worker has started.
"""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from ..errors import CspbenchError
from ..records.lines import CaseFailure, Cause, Stage
from . import scratch
from .channel import CLOCK_BYTES, OUTPUT, StepClock, step_clock
from .exit_reasons import exit_reason, log_tail
from .fork_server import SERVER, NoAnswerError, Stop, WorkerProcess

_TRIES = 3
_START_LIMIT_S = 60.0  # from the fork to the start of the task
_EXIT_GRACE_S = 5.0  # time for a worker to end after it has closed its pipe

_FROM_OUTSIDE = {None, -signal.SIGKILL, -signal.SIGTERM}
"""Exit codes that tell nothing of the task; one that kills its own process does so again."""

_GARBLED = (
    "its process sent data that cannot be read: the model's code wrote to the pipe of results"
)

_End = Literal["returned", "died", "late", "garbled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """The exit of a worker that did not finish its task.

    ``detail`` is the end of its output, ``step`` the index of the step during which it ended.
    ``is_from_outside``: something else than the task may have ended it, by hand, or the system.
    """

    cause: Cause
    reason: str
    detail: str
    step: int
    is_from_outside: bool = False

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


def run(
    task: str,
    *arguments: object,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: Stop = None,
) -> Exit | None:
    """Run ``task(channel, *arguments)`` in a fresh worker; return its exit, None if it returned.

    ``task`` is a name, ``package.module:callable``, which only the worker loads. ``receive`` is
    called with each message as it arrives. The worker is killed if a step takes longer than
    ``time_limit_s``, and if an exception is raised here, KeyboardInterrupt included. Interrupts do
    not reach threads: in a thread, a message on ``stop`` kills the worker and raises
    KeyboardInterrupt.
    """
    # What a model has put there may be unreadable, or its file system gone.
    temporary = tempfile.TemporaryDirectory(
        prefix="w", dir=scratch.folder(), ignore_cleanup_errors=True
    )
    with temporary as name:
        folder = Path(name)
        worker, receiver, clock = _start(folder, task, arguments, stop)
        with receiver:
            try:
                end = _receive_messages(
                    worker, receiver, clock, time_limit_s=time_limit_s, receive=receive, stop=stop
                )
                if end == "died":
                    worker.wait(_EXIT_GRACE_S)
            finally:
                exit_code = worker.end()
        if end == "returned":
            return None
        tail = log_tail(folder / OUTPUT)
    reason = exit_reason(exit_code, tail)
    cause: Cause = "signal" if exit_code is not None and exit_code < 0 else "exited"
    if end == "late":
        cause, reason = "timeout", _lateness(clock, time_limit_s)
    elif end == "garbled":
        cause, reason = "exited", _GARBLED
    return Exit(
        cause=cause,
        reason=reason,
        detail=tail,
        step=int(clock[0]),
        is_from_outside=end == "died" and exit_code in _FROM_OUTSIDE,
    )


def _start(
    folder: Path, task: str, arguments: tuple[object, ...], stop: Stop
) -> "tuple[WorkerProcess, Connection[Any, Any], StepClock]":
    """A worker that runs ``task``, the pipe of its messages and its clock.

    Each try has a pipe and a clock of its own, which a worker that is lost may have used already.
    Raises `CspbenchError` if none starts after three tries.
    """
    reason = ""
    for _ in range(_TRIES):
        receiver, sender = Pipe(duplex=False)
        with contextlib.ExitStack() as on_failure:
            on_failure.enter_context(receiver)
            clock_file = _clock_file(folder)
            clock = step_clock(clock_file)
            clock[0], clock[1] = -1, 0.0
            try:
                with sender:
                    files = sender.fileno(), clock_file
                    worker = SERVER.fork(folder, task, arguments, files, stop)
            except NoAnswerError as error:
                reason = str(error)
                continue
            finally:
                os.close(clock_file)
            on_failure.pop_all()
            return worker, receiver, clock
    raise CspbenchError(f"cannot start a process to measure in: {reason}")


def _clock_file(folder: Path) -> int:
    """A descriptor of memory for the clock; where the system has none, of a file in ``folder``."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("cspbench-clock", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        descriptor = os.open(folder / "clock", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(descriptor, CLOCK_BYTES)
    return descriptor


def _lateness(clock: StepClock, time_limit_s: float) -> str:
    if not clock[1]:
        return f"its process did not start within {_START_LIMIT_S:g} s"
    return f"a step took longer than the time limit of {time_limit_s:g} s (--time-limit raises it)"


def _receive_messages(
    worker: WorkerProcess,
    receiver: Any,
    clock: StepClock,
    *,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: Stop,
) -> _End:
    """Pass each message to ``receive`` until the worker's end; return which."""
    forked = time.monotonic()
    while True:
        limit = clock[1] + time_limit_s if clock[1] else forked + _START_LIMIT_S
        remaining_s = limit - time.monotonic()
        if remaining_s <= 0 and not receiver.poll():
            return "late"
        awaited = [receiver, worker.life, *([stop] if stop else [])]
        # at most a limit at a time: the start of the task is no message
        ready = wait(awaited, timeout=max(0.0, min(remaining_s, time_limit_s)))
        if stop in ready:
            raise KeyboardInterrupt
        if receiver not in ready:
            if worker.life in ready and not receiver.poll():
                return "died"
            continue
        try:
            has_returned, message = receiver.recv()
        except (EOFError, OSError):
            return "died"
        except Exception:  # noqa: BLE001 -- reading what is no message may raise anything
            return "garbled"
        if has_returned:
            return "returned"
        receive(message)
