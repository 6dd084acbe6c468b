"""Progress of a run: the events that a display receives, and the launches and time left."""

import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean
from threading import Lock
from typing import Protocol

from ..plan.case import Case
from ..records.lines import Line
from ..records.run import Run, RunInfo
from .launch_plan import LaunchPosition


class Progress(Protocol):
    """Receives the events of a run."""

    def began(self, info: RunInfo) -> None:
        """The run begins or is resumed; torch is not yet loaded."""

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Case ``index`` of ``total`` was measured by itself; ``lines`` holds what was recorded."""

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Training ``number`` of ``total`` ended; ``lines`` holds its result or failure."""

    def case_profiled(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Profile ``number`` of ``total`` ended; ``lines`` holds its result or failure."""

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        """Launch ``number`` with ``cases`` cases begins.

        ``total`` is the number of launches and ``left_s`` an estimate of the time left; None if not
        known.
        """

    def launch_moved(self, number: int, position: LaunchPosition) -> None:
        """Launch ``number``, which takes long, has come so far."""

    def launch_ended(self, number: int, run: Run) -> None:
        """Launch ``number`` ended; ``run`` holds all results so far."""

    def launch_failed(self, number: int, reason: str) -> None:
        """Launch ``number`` failed, through no case's fault, and does not count."""


class LaunchProgress:
    """Counts the launches of a run, estimates the time left, and reports to ``progress``.

    ``done`` launches were made before. The clock starts on construction. Thread-safe.
    """

    def __init__(
        self, progress: Progress, *, done: int, devices: int, budget_s: float | None
    ) -> None:
        self._progress = progress
        self._done = done
        self._devices = devices
        self._budget_s = budget_s
        self._began = time.monotonic()
        self._lock = Lock()
        self._running = 0
        self._left: int | None = None
        self._durations_s: list[float] = []

    @property
    def elapsed_s(self) -> float:
        """Seconds since construction."""
        return time.monotonic() - self._began

    @property
    def remaining_s(self) -> float:
        """Seconds of the budget that are left; infinite without one."""
        return math.inf if self._budget_s is None else max(0.0, self._budget_s - self.elapsed_s)

    def begin_round(self, launches_left: int | None) -> None:
        """A round begins; ``launches_left`` includes its launches, None if not known."""
        self._left = launches_left

    def launch_started(self, cases: int) -> None:
        """A launch with ``cases`` cases begins."""
        with self._lock:
            self._running += 1
            total = None if self._left is None else self._done + self._left
            self._progress.launch_started(
                self._done + self._running, total, cases, self._seconds_left()
            )

    def launch_moved(self, position: LaunchPosition) -> None:
        """A running launch has come so far."""
        with self._lock:
            self._progress.launch_moved(self._done + self._running, position)

    def launch_failed(self, reason: str | None) -> None:
        """A launch failed and does not count; ``reason`` says why, None if a case has failed."""
        with self._lock:
            if reason is not None:
                self._progress.launch_failed(self._done + self._running, reason)
            self._running -= 1

    def launch_ended(self, seconds: float, snapshot: Callable[[], Run]) -> None:
        """A launch completed after ``seconds``; ``snapshot`` returns the run that includes it."""
        with self._lock:
            self._durations_s.append(seconds)
            self._running -= 1
            self._done += 1
            if self._left is not None:
                self._left -= 1
            self._progress.launch_ended(self._done, snapshot())

    def _seconds_left(self) -> float | None:
        if self._budget_s is not None:
            return self.remaining_s
        if not self._durations_s or self._left is None:
            return None
        return fmean(self._durations_s) * self._left / self._devices
