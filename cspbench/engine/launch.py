"""Running of one launch in a worker, and the lines of it that are recorded."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any

import msgspec

from ..plan.case import Case
from ..records.base import Failure
from ..records.lines import CaseFailure, LaunchFailure, Line
from ..records.run import Settings
from . import attempts
from .builds import PLAIN, Builds
from .isolate import Exit
from .launch_plan import LaunchPlan, LaunchPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchResult:
    """The lines that a launch sent, and the exit if its worker died.

    The closing `Launch` is last, or the `LaunchFailure` if the yardstick could not be measured.
    """

    number: int
    cases: tuple[Case, ...]
    lines: tuple[Line, ...]
    exit: Exit | None

    @property
    def failures(self) -> tuple[CaseFailure, ...]:
        """The failures of cases in the launch."""
        return tuple(line for line in self.lines if isinstance(line, CaseFailure))

    @property
    def failure_reason(self) -> str | None:
        """Why the launch is not complete; None if every case took all its turns."""
        if self.exit is not None:
            return self.exit.reason
        failures = (line for line in self.lines if isinstance(line, CaseFailure | LaunchFailure))
        return next((failure.reason for failure in failures), None)

    @property
    def case_at_exit(self) -> Case | None:
        """The case during whose turn the worker died; None if it did not, or at no case's."""
        if self.exit is None or not 0 <= self.exit.step < len(self.cases):
            return None
        return self.cases[self.exit.step]

    @property
    def blameless(self) -> frozenset[str]:
        """The keys of cases that failed perhaps by nobody's fault (`attempts`)."""
        keys = {failure.case for failure in self.failures if failure.cause == "environment"}
        if self.exit is not None and self.exit.is_from_outside and self.case_at_exit is not None:
            keys.add(self.case_at_exit.key)
        return frozenset(keys)

    @property
    def out_of_memory(self) -> tuple[CaseFailure, ...]:
        """The failures of cases for lack of memory beside other cases."""
        if len(self.cases) == 1:
            return ()
        return tuple(line for line in self.failures if line.cause == "out_of_memory")

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether a case or the yardstick lacked memory beside other cases."""
        causes = {line.cause for line in self.lines if isinstance(line, LaunchFailure)}
        return bool(self.out_of_memory) or "out_of_memory" in causes

    @property
    def paired_case(self) -> Case | None:
        """The case, if the launch holds only one case and its reference; else None."""
        keys = {case.key for case in self.cases}
        return next((case for case in self.cases if keys <= {case.key, case.reference}), None)


def run_launch(
    number: int,
    cases: tuple[Case, ...],
    settings: Settings,
    plan: LaunchPlan,
    *,
    builds: Builds = PLAIN,
    uncapturable: Mapping[str, Failure] = MappingProxyType({}),
    stop: "Connection[Any, Any] | None" = None,
    moved: Callable[[LaunchPosition], None] = lambda _: None,
) -> LaunchResult:
    """Run the launch ``number``, in which ``cases`` take turns as ``plan`` says, in a worker.

    See `LaunchTask` for ``builds`` and ``uncapturable``, and `attempts.run` for ``stop``. ``moved``
    is told every few seconds how far it has come.
    """
    lines: list[Line] = []

    def receive(message: Line | LaunchPosition) -> None:
        if isinstance(message, LaunchPosition):
            moved(message)
        else:
            lines.append(message)

    worker_exit = attempts.run(
        "cspbench.engine.worker:launch",
        number,
        cases,
        settings,
        plan,
        builds,
        dict(uncapturable),  # a read-only view cannot be sent to the worker
        time_limit_s=settings.time_limit_s,
        receive=receive,
        stop=stop,
    )
    return LaunchResult(number=number, cases=cases, lines=tuple(lines), exit=worker_exit)


def lines_to_keep(result: LaunchResult, spared: AbstractSet[str] = frozenset()) -> list[Line]:
    """The lines of a launch that are recorded.

    If the worker died, these are the failures and one for the case whose turn it was, or for the
    launch if it was no case's turn or that of one of the ``spared``, which are tried again.

    A failure for lack of memory beside other cases is left out, because a smaller group may fit.
    If only the case and its reference were in the launch, the case has failed, whichever of the two
    lacked memory: the reference can still be timed with other cases.
    """
    out_of_memory, case = result.out_of_memory, result.paired_case
    lines = [
        line
        for line in result.lines
        if line not in out_of_memory and not (isinstance(line, CaseFailure) and line.case in spared)
    ]
    if out_of_memory and case is not None:
        reason = f"not enough memory beside its reference: {out_of_memory[-1].reason}"
        failure = msgspec.structs.replace(out_of_memory[-1], case=case.key, reason=reason)
        lines.insert(0, failure)  # the closing line stays last
    if result.exit is None:
        return lines
    failures: list[Line] = [line for line in lines if isinstance(line, CaseFailure)]
    return [*failures, _exit_line(result, result.exit, spared)]


def _exit_line(
    result: LaunchResult, worker_exit: Exit, spared: AbstractSet[str]
) -> CaseFailure | LaunchFailure:
    case = result.case_at_exit
    if case is not None and case.key not in spared:
        return worker_exit.failure(case.key, "latency", result.number)
    turn = "outside any case's turn" if case is None else f"in the turn of {case.label}"
    return LaunchFailure(
        launch=result.number,
        cases=tuple(case.key for case in result.cases),
        cause=worker_exit.cause,
        reason=f"{turn}: {worker_exit.reason}",
        detail=worker_exit.detail,
    )
