"""Tasks that may fail by nobody's fault, which are tried once more."""

from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from ..records.lines import CaseFailure, Line
from . import isolate
from .isolate import Exit


def run(
    task: str,
    *arguments: object,
    time_limit_s: float,
    receive: Callable[[Any], None],
    stop: "Connection[Any, Any] | None" = None,
) -> Exit | None:
    """Run ``task`` as `isolate.run` does; the exit also says if no worker could be started.

    A worker needs files, so that a full disk may not let it start.
    """
    try:
        return isolate.run(task, *arguments, time_limit_s=time_limit_s, receive=receive, stop=stop)
    except OSError as error:
        reason = f"cannot start a process to measure in: {error.strerror or error}"
        return Exit(cause="environment", reason=reason, detail="", step=-1, is_from_outside=True)


def answers(task: str, *arguments: object, time_limit_s: float) -> tuple[list[Any], Exit | None]:
    """The messages of ``task``, and its exit if it did not end well; what may be from outside is
    tried once more.
    """
    messages: list[Any] = []
    for _ in range(2):
        messages.clear()
        worker_exit = run(task, *arguments, time_limit_s=time_limit_s, receive=messages.append)
        if worker_exit is None or not worker_exit.is_from_outside:
            break
    return messages, worker_exit


def run_recorded(
    task: str,
    *arguments: object,
    time_limit_s: float,
    keep: Callable[[Sequence[Line]], list[Line]],
) -> tuple[list[Line], Exit | None]:
    """Run ``task`` and pass its lines to ``keep``, which returns what it recorded of them.

    Returns all that was recorded, and the exit if the worker died. A task that fails perhaps by
    nobody's fault is tried once more.
    """
    lines: list[Line] = []
    held: list[Line] = []

    def receive(line: Line) -> None:
        if is_of_environment(line):
            held.append(line)
        else:
            lines.extend(keep([line]))

    for _ in range(2):
        held.clear()
        worker_exit = run(task, *arguments, time_limit_s=time_limit_s, receive=receive)
        is_killed = worker_exit is not None and worker_exit.is_from_outside and not lines
        if not held and not is_killed:
            break
    if held:
        lines.extend(keep(held))
    return lines, worker_exit


def is_of_environment(line: Line) -> bool:
    """Whether ``line`` is a failure for what the machine lacked."""
    return isinstance(line, CaseFailure) and line.cause == "environment"
