"""The progress display of a run: a bar on a terminal, plain lines elsewhere.

It redraws only on events of the run and has no timer, which would disturb a launch that measures.
"""

import time
from collections.abc import Sequence
from typing import TextIO, cast

from ..engine.launch_plan import LaunchPosition
from ..plan.case import Case
from ..plan.labels import names, plain
from ..records.lines import BlockTraining, CaseFailure, Line
from ..records.measurements import Counts, GradientTerms, TensorPeak
from ..records.run import Record, Run, RunInfo
from ..text import printable
from ..units import NOT_YET_KNOWN, bytes_text, count_text, is_wide, seconds_text
from ..verdicts.launches import CaseLaunches, is_contended, launches_by_case
from ..verdicts.stats import latency_estimate
from .terminal import SteadyStream


class PlainProgress:
    """Prints a line for each case and phase, for logs and pipes."""

    def __init__(self, stream: SteadyStream) -> None:
        self._stream = stream
        self._pace = _Pace()
        self._names: dict[str, str] = {}

    def began(self, info: RunInfo) -> None:
        self._names = names(info.cases)
        self._print(_plan_text(info))

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        self._print(
            f"counted, case {index} of {total}: {self._names[case.key]}, {case.mode}: "
            f"{_results_text(lines)}; {self._pace.left(total - index)}"
        )

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        left = self._pace.left(total - number, phase="training")
        self._print(
            f"training {number} of {total}: {self._names[case.key]}: {_results_text(lines)}; {left}"
        )

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        left = "" if left_s is None else f"; about {seconds_text(left_s)} left"
        self._print(f"latency, launch {_position(number, total)}: {_turns_text(cases)}{left}")

    def launch_moved(self, number: int, position: LaunchPosition) -> None:
        self._print(f"  launch {number}: {_position_text(position)}")

    def launch_ended(self, number: int, run: Run) -> None:
        if disturbance := _disturbance(run):
            self._print(f"  launch {number}: {disturbance}")
        launches = launches_by_case(run)
        for index, record in enumerate(run.records, start=1):
            if launches[record.case.key].count:
                self._print(
                    f"  launch {number}, case {index} of {len(run.records)}: "
                    f"{self._names[record.case.key]}, {record.case.mode}: "
                    f"{_estimate_text(record, launches[record.case.key])}"
                )

    def launch_failed(self, number: int, reason: str) -> None:
        self._print(f"  launch {number} failed and does not count: {plain(reason)}")

    def _print(self, text: str) -> None:
        self._stream.write(f"{printable(text)}\n")

    def close(self) -> None:
        """Do nothing: there is no display to remove."""


class LiveProgress:
    """Draws a bar and the current estimates in place."""

    def __init__(self, stream: SteadyStream) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=cast("TextIO", stream))
        self._live = Live(console=console, auto_refresh=False, transient=True, screen=False)
        self._live.start()
        self._pace = _Pace()
        self._names: dict[str, str] = {}
        self._estimates: list[str] = []
        self._total: int | None = None

    def began(self, info: RunInfo) -> None:
        self._names = names(info.cases)
        from rich.text import Text

        self._live.update(Text(printable(_plan_text(info))), refresh=True)

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        status = self._pace.left(total - number, phase="training")
        self._draw("training", number, total, "block", status)
        text = f"[{number}/{total}] {self._names[case.key]}: {_results_text(lines)}"
        self._print(text)

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        status = self._pace.left(total - index)
        self._draw("counts", index, total, "case", status)
        text = f"{self._names[case.key]}, {case.mode}: {_results_text(lines)}"
        self._print(f"[{index}/{total}] {text}")

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        status = _turns_text(cases)
        if left_s is not None:
            status += f", about {seconds_text(left_s)} left"
        self._draw("latency", number - 1, total, "launch", status)
        self._total = total

    def launch_moved(self, number: int, position: LaunchPosition) -> None:
        status = _position_text(position)
        self._draw("latency", number - 1, self._total, "launch", f"launch {number}: {status}")

    def launch_ended(self, number: int, run: Run) -> None:
        launches = launches_by_case(run)
        self._estimates = [
            f"case {index} of {len(run.records)}: {self._names[record.case.key]}, "
            f"{record.case.mode}: {_estimate_text(record, launches[record.case.key])}"
            for index, record in enumerate(run.records, start=1)
            if launches[record.case.key].count
        ]
        self._draw("latency", number, self._total, "launch", _disturbance(run))

    def launch_failed(self, number: int, reason: str) -> None:
        self._print(f"launch {number} failed and does not count: {plain(reason)}")

    def _print(self, text: str) -> None:
        self._live.console.print(printable(text), markup=False, highlight=False)

    def _draw(self, phase: str, done: int, total: int | None, noun: str, status: str) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        rows = max(0, self._live.console.height - 3)
        done_text = f"{phase}: {noun} {_position(done, total)} done; {status}".rstrip("; ")
        self._live.update(
            Group(
                *(Text(printable(line)) for line in self._estimates[:rows]),
                Text(printable(done_text)),
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
    elif "latency" in info.stages:
        launches = f"{info.settings.launches} launches"
        if info.settings.budget_s is not None:
            launches = f"up to {seconds_text(info.settings.budget_s)} of launches"
        text += f", then {launches}"
    return f"{text}; loading torch"


def _position_text(position: LaunchPosition) -> str:
    return f"{position.done} of {position.total} {position.phase}"


def _turns_text(cases: int) -> str:
    return "1 case takes its turns" if cases == 1 else f"{cases} cases take turns"


def _position(number: int, total: int | None) -> str:
    return str(number) if total is None else f"{number} of {total}"


def _disturbance(run: Run) -> str:
    """What disturbed the last launch; empty if nothing did."""
    launch = run.launches[-1]
    if launch.gpu and launch.gpu.limits:
        return f"throttled: {', '.join(launch.gpu.limits)} held the GPU's clocks down"
    if launch.gpu and launch.gpu.others:
        return f"contended: {launch.gpu.others} other processes on the GPU"
    if not is_contended(launch):
        return ""
    share = launch.activity.taken_share
    return f"contended: other processes took {share:.0%} of its processor time"


class _Pace:
    """Estimates the remaining time of a phase from the cases that have ended."""

    def __init__(self) -> None:
        self._phase = "counting"
        self._began = self._last = time.monotonic()
        self._ended = 0

    def left(self, remaining: int, phase: str = "counting") -> str:
        """Count an ended case of ``phase``; the text of the time left for ``remaining`` cases."""
        if phase != self._phase:
            self._phase, self._began, self._ended = phase, self._last, 0
        self._ended += 1
        self._last = time.monotonic()
        if not remaining:
            return "done"
        return f"{seconds_text((self._last - self._began) / self._ended * remaining)} left"


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
            case CaseFailure():
                words.append(f"FAILED ({line.cause}): {line.reason}")
            case _:
                pass
    return ", ".join(words)


def _estimate_text(record: Record, launches: CaseLaunches) -> str:
    if record.has_failed:
        return f"FAILED: {record.failures[-1].reason}"
    estimate = latency_estimate(list(launches.samples.values()))
    value, width = seconds_text(estimate.value), estimate.relative_half_width
    if width is None or estimate.low is None or estimate.high is None:
        return value
    if is_wide(estimate.low, estimate.high):
        return f"{value}, interval {NOT_YET_KNOWN} ({estimate.launches} launches)"
    return f"{value} ±{width:.1%}"
