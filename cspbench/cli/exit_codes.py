"""Exit codes."""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..comparison.result import Comparison


class ExitCode(IntEnum):
    """The exit code of a command."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    FAILED_CASE = 3
    UNDECIDED = 4
    FAULT = 70
    INTERRUPTED = 130


def comparison_exit_code(comparison: "Comparison", *, strict: bool) -> ExitCode:
    """The exit code of a comparison: for a regression, else failed cases, else undecided ones.

    Undecided cases count if ``strict``, or if no latency could be compared.
    """
    if comparison.verdict == "regression":
        return ExitCode.REGRESSION
    if comparison.failed:
        return ExitCode.FAILED_CASE
    is_open = comparison.answers["undecided"] + comparison.answers["changed"] > 0
    if not comparison.is_latency_comparable or (strict and is_open):
        return ExitCode.UNDECIDED
    return ExitCode.OK
