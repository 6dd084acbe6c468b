"""Whether a task failed by its own fault: if it may not have, it is tried once more."""

import re

from ..records.lines import CaseFailure, Line
from .isolate import Exit

_FROM_OUTSIDE = re.compile(
    r"killed by SIG(KILL|TERM)\b|the process that watched over it was killed"
)


def is_from_outside(worker_exit: Exit) -> bool:
    """Whether a worker may have been ended from outside: by hand, by the system, for lack of room.

    A case that kills its own process so does it again.
    """
    is_killed = _FROM_OUTSIDE.match(worker_exit.reason) is not None
    return worker_exit.cause == "environment" or (is_killed and worker_exit.cause != "timeout")


def is_of_environment(line: Line) -> bool:
    """Whether ``line`` is a failure for what the machine lacked."""
    return isinstance(line, CaseFailure) and line.cause == "environment"
