"""The progress display of a run: a bar on a terminal, plain lines elsewhere.

It redraws only on events of the run and has no timer, which would disturb a launch that measures.
"""

import math
import time
from collections.abc import Sequence
from typing import TextIO, cast

from ..engine.launch_plan import LaunchPosition
from ..plan.case import Case
from ..plan.labels import names, plain
from ..records.lines import BlockTraining, CaseFailure, Line
from ..records.measurements import Counts, GradientTerms
from ..records.module_times import ModuleTimes
from ..records.run import Record, Run, RunInfo
from ..records.tensor_peak import TensorPeak
from ..text import printable
from ..units import bytes_text, count_text, is_wide, seconds_text, wide_text
from ..verdicts.launches import (
    CaseLaunches,
    is_contended,
    launches_by_case,
)
from ..verdicts.stats import Estimate, latency_estimate
from ..verdicts.within_run import verdicts
from .tally import Clock, Pace, Tally
from .terminal import SteadyStream

_INTERVAL_S = 10.0  # between two lines of a log


class PlainProgress:
    """Prints a line every 10 s at most, for logs and pipes.

    The first and last line of a phase that measures cases, and failures, are always printed.
    """

    def __init__(self, stream: SteadyStream, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._pace = Pace(clock)
        self._tally = Tally()
        self._names: dict[str, str] = {}
        self._phase = ""
        self._printed = -math.inf
        self._timing_began = self._left_read = clock()
        self._left_s: float | None = None

    def began(self, info: RunInfo) -> None:
        self._names = names(info.cases)
        self._print(_plan_text(info))

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        left = self._pace.left(total - index)
        if self._is_due("counting", is_forced=index == total or _has_failure(lines)):
            self._print(
                f"counted case {index} of {total}: {self._names[case.key]}, {case.mode}: "
                f"{_results_text(lines)}; {left}"
            )

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        left = self._pace.left(total - number, phase="training")
        if self._is_due("training", is_forced=number == total or _has_failure(lines)):
            self._print(
                f"training {number} of {total}: {self._names[case.key]}: {_results_text(lines)}; "
                f"{left}"
            )

    def case_profiled(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        left = self._pace.left(total - number, phase="profiling")
        if self._is_due("profiling", is_forced=number == total or _has_failure(lines)):
            self._print(
                f"profile {number} of {total}: {self._names[case.key]}, {case.mode}: "
                f"{_results_text(lines)}; {left}"
            )

    def launch_started(
        self,
        number: int,  # noqa: ARG002 -- the tally counts the launches that ended
        total: int | None,
        cases: int,
        left_s: float | None,
    ) -> None:
        self._tally.set_total(total)
        self._left_s, self._left_read = left_s, self._clock()
        if self._phase != "latency":
            self._timing_began = self._left_read
            self._is_due("latency", is_forced=True)
            self._print(f"latency: {_turns_text(cases)}{self._time_text()}")

    def launch_moved(self, number: int, position: LaunchPosition) -> None:
        if self._is_due("latency"):
            self._print(f"latency: launch {number}: {_position_text(position)}{self._time_text()}")

    def launch_ended(self, number: int, run: Run) -> None:
        self._tally.count(run)
        if self._is_due("latency"):
            self._print(f"latency: {self._tally.text(number)}{self._time_text()}; {_state(run)}")

    def launch_failed(self, number: int, reason: str) -> None:
        self._print(f"latency: launch {number} failed and does not count: {plain(reason)}")

    def _is_due(self, phase: str, *, is_forced: bool = False) -> bool:
        """Whether a line of ``phase`` is to be printed now, which then counts as printed."""
        now = self._clock()
        is_due = is_forced or phase != self._phase or now - self._printed >= _INTERVAL_S
        if is_due:
            self._phase, self._printed = phase, now
        return is_due

    def _time_text(self) -> str:
        """The time left or, if it is not known, the time spent on launches."""
        now = self._clock()
        if self._left_s is None:
            seconds, word = round(now - self._timing_began), "spent"
        else:
            seconds, word = round(self._left_s - (now - self._left_read)), "left"
        about = "about " if word == "left" else ""
        return f"; {about}{seconds_text(seconds)} {word}" if seconds > 0 else ""

    def _print(self, text: str) -> None:
        self._stream.write(f"{printable(text)}\n")

    def close(self) -> None:
        """Do nothing: there is no display to remove."""


class LiveProgress:
    """Draws a bar and the current estimates in place."""

    def __init__(self, stream: SteadyStream, clock: Clock = time.monotonic) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=cast("TextIO", stream))
        self._live = Live(console=console, auto_refresh=False, transient=True, screen=False)
        self._live.start()
        self._pace = Pace(clock)
        self._tally = Tally()
        self._names: dict[str, str] = {}
        self._estimates: list[str] = []
        self._disturbance = ""

    def began(self, info: RunInfo) -> None:
        self._names = names(info.cases)
        from rich.text import Text

        self._live.update(Text(printable(_plan_text(info))), refresh=True)

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        status = self._pace.left(total - number, phase="training")
        self._draw("training", number, total, "block", status)
        text = f"[{number}/{total}] {self._names[case.key]}: {_results_text(lines)}"
        self._print(text)

    def case_profiled(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        status = self._pace.left(total - number, phase="profiling")
        self._draw("time by module", number, total, "profile", status)
        text = f"{self._names[case.key]}, {case.mode}: {_results_text(lines)}"
        self._print(f"[{number}/{total}] {text}")

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        status = self._pace.left(total - index)
        self._draw("counts", index, total, "case", status)
        text = f"{self._names[case.key]}, {case.mode}: {_results_text(lines)}"
        self._print(f"[{index}/{total}] {text}")

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        self._tally.set_total(total)
        status = f"{self._tally.text(number - 1)}; {_turns_text(cases)}"
        if left_s is not None:
            status += f", about {seconds_text(left_s)} left"
        self._draw_launches(number - 1, status)

    def launch_moved(self, number: int, position: LaunchPosition) -> None:
        status = f"{self._tally.text(number - 1)}; launch {number}: {_position_text(position)}"
        self._draw_launches(number - 1, status)

    def launch_ended(self, number: int, run: Run) -> None:
        launches = launches_by_case(run)
        self._estimates = [
            f"case {index} of {len(run.records)}: {self._names[record.case.key]}, "
            f"{record.case.mode}: {_estimate_text(record, launches[record.case.key])}"
            for index, record in enumerate(run.records, start=1)
            if launches[record.case.key].count
        ]
        self._tally.count(run)
        self._disturbance = _disturbance(run)
        self._draw_launches(number, self._tally.text(number))

    def launch_failed(self, number: int, reason: str) -> None:
        self._print(f"launch {number} failed and does not count: {plain(reason)}")

    def _print(self, text: str) -> None:
        self._live.console.print(printable(text), markup=False, highlight=False)

    def _draw_launches(self, done: int, status: str) -> None:
        lines = [f"latency: {status}", *filter(None, [self._disturbance])]
        self._draw_lines(lines, done, self._tally.total)

    def _draw(self, phase: str, done: int, total: int, noun: str, status: str) -> None:
        self._draw_lines([f"{phase}: {noun} {done} of {total} done; {status}"], done, total)

    def _draw_lines(self, lines: Sequence[str], done: int, total: int | None) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        rows = max(0, self._live.console.height - 2 - len(lines))
        self._live.update(
            Group(
                *(Text(printable(line)) for line in [*self._estimates[:rows], *lines]),
                ProgressBar(total=total, completed=done, width=60),
            ),
            refresh=True,
        )

    def close(self) -> None:
        """Remove the bar; lines printed above it remain."""
        self._live.stop()


def _plan_text(info: RunInfo) -> str:
    number = len(info.cases)
    first = "gradient terms" if "gradient_terms" in info.stages else "counts and memory"
    text = f"{number} case{'' if number == 1 else 's'}: {first} first"
    if info.settings.training:
        seeds = info.settings.training.seeds
        text += f", then {seeds} training{'' if seeds == 1 else 's'} of each block, of "
        text += f"{info.settings.training.steps} steps"
        return f"{text}; loading torch"
    if "module_times" in info.stages:
        text += ", then time by module"
    if "latency" in info.stages:
        number = info.settings.launches
        launches = f"{number} launch{'' if number == 1 else 'es'}"
        if info.settings.budget_s is not None:
            launches = f"up to {seconds_text(info.settings.budget_s)} of launches"
        text += f", then {launches}"
    return f"{text}; loading torch"


def _position_text(position: LaunchPosition) -> str:
    return f"{position.done} of {position.total} {position.phase}"


def _turns_text(cases: int) -> str:
    return "1 case takes its turns" if cases == 1 else f"{cases} cases take turns"


def _state(run: Run) -> str:
    """How many cases are decided, or the widest interval of a run without verdicts."""
    launches = launches_by_case(run)
    answers = [verdict.is_decided for verdict in verdicts(run, launches).values()]
    if answers:
        return f"{sum(answers)} of {len(answers)} cases decided"
    timed = [case for case in launches.values() if case.count]
    if not timed:
        return "no case timed"
    estimates = [latency_estimate(list(case.samples.values())) for case in timed]
    widest = max(estimates, key=lambda estimate: estimate.relative_half_width or math.inf)
    return f"widest interval {_width_text(widest) or 'not yet known'}"


def _disturbance(run: Run) -> str:
    """What disturbed the last launch; empty if nothing did."""
    launch = run.launches[-1]
    if launch.gpu and launch.gpu.limits:
        limits = ", ".join(launch.gpu.limits)
        return f"the last launch was throttled: {limits} held the GPU's clocks down"
    if launch.gpu and launch.gpu.others:
        return f"the last launch was contended: {launch.gpu.others} other processes on the GPU"
    if not is_contended(launch):
        return ""
    share = launch.activity.taken_share
    return f"the last launch was contended: other processes took {share:.0%} of its processor time"


def _has_failure(lines: Sequence[Line]) -> bool:
    return any(isinstance(line, CaseFailure) for line in lines)


def _results_text(lines: Sequence[Line]) -> str:
    """A summary of ``lines`` in a few words; a failure with its reason."""
    words = []
    for line in lines:
        match line:
            case Counts():
                words.append(f"{count_text(line.params)} parameters, {count_text(line.macs)} MACs")
                if line.matmul_macs:
                    words.append(f"{count_text(line.matmul_macs)} MACs of other products")
            case TensorPeak():
                words.append(f"peak {bytes_text(line.peak_tensor_bytes)}")
            case GradientTerms():
                words.append(f"each gradient term used {line.structure.reuse:.2f} times")
            case BlockTraining():
                reading = line.training.readings[-1]
                words.append(
                    f"seed {line.training.seed}: accuracy {reading.accuracy:.1%}, similarity of "
                    f"the two parts {reading.parts_cka:.2f}"
                )
            case ModuleTimes():
                words.append(f"{seconds_text(line.total_s)} in {len(line.modules)} modules")
            case CaseFailure():
                words.append(f"FAILED ({line.cause}): {line.reason}")
            case _:
                pass
    return ", ".join(words)


def _estimate_text(record: Record, launches: CaseLaunches) -> str:
    if record.has_failed:
        return f"FAILED: {record.failures[-1].reason}"
    estimate = latency_estimate(list(launches.samples.values()))
    width = _width_text(estimate)
    return seconds_text(estimate.value) + (f" {width}" if width else "")


def _width_text(estimate: Estimate) -> str:
    """Half the width of the interval; '' if there is none."""
    width = estimate.relative_half_width
    if width is None or estimate.low is None or estimate.high is None:
        return ""
    if is_wide(estimate.low, estimate.high):
        return wide_text(estimate.launches)
    return f"±{width:.1%}"
