"""A task in a fresh process: what it sends, how it ended, and nothing left running.

Processes come from a fork server that has torch loaded, so that a fresh one takes hundredths of a
second. The parent sleeps until the task sends, ends, or oversteps its time limit.
"""

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import re
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from ..catalogue.loading import resolve
from ..records.lines import Cause

_PR_SET_PDEATHSIG = 1
_PRELOAD = ["cspbench.engine.worker"]
_DETAIL_LINES = 40
_GRACE_S = 5.0  # a process that closed its pipe is given so long to end

StepClock = Any
"""Two shared doubles: the index of the step in hand, and when it began (monotonic seconds)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """A task that did not end well: why, its last words, and the step it was at."""

    cause: Cause
    reason: str
    detail: str
    step: int


class Channel:
    """What a task says about itself while it runs: results, and the step it is at."""

    def __init__(self, connection: "Connection[Any, Any]", clock: StepClock) -> None:
        self._connection = connection
        self._clock = clock

    def send(self, message: object) -> None:
        """Hand ``message`` to the parent."""
        self._connection.send((False, message))

    def begin_step(self, index: int) -> None:
        """Say that step ``index`` begins, and start its time limit anew."""
        self._clock[1] = time.monotonic()
        self._clock[0] = index


def run(
    task: str,
    *arguments: object,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: "Connection[Any, Any] | None" = None,
) -> Exit | None:
    """Run ``task(channel, *arguments)`` in a fresh process; None when it ended well.

    ``task`` is named, ``package.module:callable``, so that only the process loads it. ``receive``
    gets each message as it comes. A step that lasts longer than ``time_limit_s`` ends the process.
    Whatever is raised here, an interrupt included, ends it too; in a thread, which no interrupt
    reaches, what is sent to ``stop`` does, and KeyboardInterrupt is raised.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    resource_tracker.ensure_running()  # first and apart: starting it lets held signals through
    with signals_held():
        forkserver.ensure_running()
    receiver, sender = context.Pipe(duplex=False)
    clock = RawArray("d", 2)
    clock[0], clock[1] = -1, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cspbench-") as folder:
        log = Path(folder, "output")
        process = context.Process(
            target=_child, args=(task, arguments, sender, clock, str(log)), daemon=True
        )
        try:
            with signals_held():
                process.start()
            sender.close()
            ended_well, late = _listen(
                process, receiver, clock, time_limit_s=time_limit_s, receive=receive, stop=stop
            )
            if not ended_well and not late:
                process.join(timeout=_GRACE_S)
        finally:
            if process.is_alive():
                process.kill()
            with contextlib.suppress(AssertionError):  # never started
                process.join()
            receiver.close()
        if ended_well:
            return None
        return _verdict(
            process.exitcode,
            late=late,
            limit_s=time_limit_s,
            words=_last_words(log),
            step=int(clock[0]),
        )


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Interrupts wait inside, so that what is started is known before one can end it.

    The fork server, started so, never sees an interrupt from the terminal: the parent alone decides
    what one ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _listen(
    process: Any,
    receiver: Any,
    clock: StepClock,
    *,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: "Connection[Any, Any] | None",
) -> tuple[bool, bool]:
    """Whether the task ended well, and whether it overstepped its limit."""
    while True:
        remaining = clock[1] + time_limit_s - time.monotonic()
        if remaining <= 0 and not receiver.poll():
            return False, True
        awaited = [receiver, process.sentinel, *([stop] if stop else [])]
        ready = wait(awaited, timeout=max(0.0, remaining))
        if stop in ready:
            raise KeyboardInterrupt
        if receiver not in ready:
            if not process.is_alive() and not receiver.poll():
                return False, False
            continue
        try:
            done, message = receiver.recv()
        except (EOFError, OSError):
            return False, False
        if done:
            return True, False
        receive(message)


def _verdict(exitcode: int | None, *, late: bool, limit_s: float, words: str, step: int) -> Exit:
    cause: Cause
    if late:
        cause, reason = "timeout", f"a step took longer than the time limit of {limit_s:g} s"
    elif exitcode is not None and exitcode < 0:
        number = -exitcode
        cause, reason = "signal", f"killed by {signal.Signals(number).name}"
        if number == signal.SIGKILL:
            reason += " (by the system when memory ran out, or by hand)"
    else:
        cause, reason = "exited", f"the process exited early with code {exitcode}"
        reason += f": {last}" if (last := _last_error(words)) else ""
    return Exit(cause=cause, reason=reason, detail=words, step=step)


def _last_error(words: str) -> str:
    """The last line that says what was raised, else the last of all: errors end in advice."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return [*lines[-1:], *errors[-1:]][-1] if lines else ""


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_DETAIL_LINES:])


def _child(
    task: str,
    arguments: tuple[object, ...],
    connection: "Connection[Any, Any]",
    clock: StepClock,
    log: str,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    with contextlib.suppress(OSError, AttributeError):  # die with the fork server: Linux only
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except FileNotFoundError:  # the parent has given up already
        os._exit(1)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    faulthandler.enable()
    clock[1] = time.monotonic()
    try:
        resolve(task)(Channel(connection, clock), *arguments)
    except BaseException:
        traceback.print_exc()
        raise
    connection.send((True, None))
