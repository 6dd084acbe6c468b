"""Why a process ended, in words, from its exit code and the end of its output."""

import os
import re
import signal
from pathlib import Path
from typing import IO

_LOG_TAIL_LINES = 40
_LOG_TAIL_BYTES = 1 << 16


def exit_reason(exit_code: int | None, log_tail: str) -> str:
    """Why a process ended with ``exit_code``: negative for a signal, None if it is not known."""
    if exit_code is None:
        return "the process that watches it was killed"
    if exit_code >= 0:
        line = _error_line(log_tail)
        return f"the process exited early with code {exit_code}" + (f": {line}" if line else "")
    reason = f"killed by {_signal_name(-exit_code)}"
    if exit_code == -signal.SIGKILL:
        reason += " (by the system when memory ran out, or by hand)"
    return reason


def log_tail(log: Path) -> str:
    """The end of the file ``log`` (`tail_of`); empty if it cannot be read."""
    try:
        with log.open("rb") as file:
            return tail_of(file)
    except OSError:
        return ""


def tail_of(file: IO[bytes]) -> str:
    """The last 40 lines of ``file``, at most 64 KiB."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
    lines = file.read(_LOG_TAIL_BYTES).decode(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal, most of which have no name of their own
        first = getattr(signal, "SIGRTMIN", number)
        return f"SIGRTMIN+{number - first}" if number > first else f"signal {number}"


def _error_line(log_tail: str) -> str:
    """The last line that names an error, else the last line; advice may follow an error."""
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return [*lines[-1:], *errors[-1:]][-1] if lines else ""
