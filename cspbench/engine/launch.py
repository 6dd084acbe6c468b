"""One launch in a worker: its lines, how it ended, and which failures are a case's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from ..errors import CspbenchError
from ..plan.case import Case
from ..records.base import Failure
from ..records.lines import CaseFailure, Line
from ..records.run import Settings, Side
from . import isolate


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchResult:
    """What a launch sent, its closing `Launch` line last; ``exit`` where its worker died."""

    number: int
    cases: tuple[Case, ...]
    lines: tuple[Line, ...]
    exit: isolate.Exit | None

    @property
    def failures(self) -> tuple[CaseFailure, ...]:
        """The failures of its cases."""
        return tuple(line for line in self.lines if isinstance(line, CaseFailure))

    @property
    def failure_reason(self) -> str | None:
        """Why the launch is not complete; None where every case took all its turns."""
        if self.exit is not None:
            return self.exit.reason
        return next((failure.reason for failure in self.failures), None)

    @property
    def out_of_memory(self) -> tuple[CaseFailure, ...]:
        """The failures of cases that had no memory beside others."""
        if len(self.cases) == 1:
            return ()
        return tuple(line for line in self.failures if line.cause == "out_of_memory")

    @property
    def paired_case(self) -> Case | None:
        """The case of a launch that holds nothing but a case and its reference."""
        keys = {case.key for case in self.cases}
        return next((case for case in self.cases if keys <= {case.key, case.reference}), None)


def run_launch(
    number: int,
    cases: tuple[Case, ...],
    settings: Settings,
    *,
    roots: Mapping[Side, Path] = MappingProxyType({}),
    uncapturable: Mapping[str, Failure] = MappingProxyType({}),
    stop: "Connection[Any, Any] | None" = None,
) -> LaunchResult:
    """Let ``cases`` take turns in a worker; see `LaunchTask` and `isolate.run`."""
    lines: list[Line] = []
    worker_exit = isolate.run(
        "cspbench.engine.worker:launch",
        number,
        cases,
        settings,
        dict(roots),  # a read-only view cannot be sent to the worker
        dict(uncapturable),
        time_limit_s=settings.time_limit_s,
        receive=lines.append,
        stop=stop,
    )
    return LaunchResult(number=number, cases=cases, lines=tuple(lines), exit=worker_exit)


def lines_to_keep(result: LaunchResult) -> Sequence[Line]:
    """The lines of a launch that are recorded.

    Of a launch whose worker died: the failures only, and that of the case whose turn it was. Raises
    `CspbenchError` where it was no case's turn.

    That a case had no memory beside others says nothing of it, and is left out, unless its
    reference alone was beside it: then the case has failed, whichever of the two had no memory, as
    the reference can still be timed beside others.
    """
    out_of_memory, case = result.out_of_memory, result.paired_case
    lines = [line for line in result.lines if line not in out_of_memory]
    if out_of_memory and case is not None:
        reason = f"no memory beside its reference: {out_of_memory[-1].reason}"
        failure = msgspec.structs.replace(out_of_memory[-1], case=case.key, reason=reason)
        lines.insert(0, failure)  # the closing line stays last
    if result.exit is None:
        return lines
    if not 0 <= result.exit.step < len(result.cases):
        raise CspbenchError(
            f"launch {result.number} died outside any case ({result.exit.reason}): "
            f"{result.exit.detail[-200:]}"
        )
    case = result.cases[result.exit.step]
    failures = [line for line in lines if isinstance(line, CaseFailure)]
    return [*failures, result.exit.failure(case.key, "latency", result.number)]
