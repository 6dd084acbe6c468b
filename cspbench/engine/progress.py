"""What a run says of itself while it goes on, and how many launches and seconds are left."""

import time
from collections.abc import Callable, Sequence
from statistics import fmean
from threading import Lock
from typing import Protocol

from ..plan.case import Case
from ..records.lines import Line
from ..records.run import Run, RunInfo


class Progress(Protocol):
    """Hears of a run while it goes on."""

    def began(self, info: RunInfo) -> None:
        """The run begins, or goes on; the first process has yet to load torch."""

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Counts and memory of case ``index`` of ``total`` are known, or its failure."""

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Training ``number`` of ``total`` ended, or failed."""

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        """Launch ``number`` begins, of ``total`` where that is known ahead.

        ``left_s`` is the time that all should take.
        """

    def launch_ended(self, number: int, run: Run) -> None:
        """A launch ended; ``run`` holds all that is known so far."""


class LaunchProgress:
    """Counts the launches of a run, estimates the time left, and tells ``progress`` of both.

    ``done`` launches were made before. The clock starts here. Safe to use from several threads.
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
        """Seconds since the first launch was due."""
        return time.monotonic() - self._began

    def begin_round(self, launches_left: int | None) -> None:
        """A round begins; ``launches_left`` are to come with it, where that is known."""
        self._left = launches_left

    def launch_started(self, cases: int) -> None:
        """A launch of so many cases begins."""
        with self._lock:
            self._running += 1
            total = None if self._left is None else self._done + self._left
            self._progress.launch_started(
                self._done + self._running, total, cases, self._seconds_left()
            )

    def launch_failed(self) -> None:
        """A launch ended early: it is to be repeated, and does not count."""
        with self._lock:
            self._running -= 1

    def launch_ended(self, seconds: float, snapshot: Callable[[], Run]) -> None:
        """A launch is complete, after ``seconds``; ``snapshot`` gives the run with it."""
        with self._lock:
            self._durations_s.append(seconds)
            self._running -= 1
            self._done += 1
            if self._left is not None:
                self._left -= 1
            self._progress.launch_ended(self._done, snapshot())

    def _seconds_left(self) -> float | None:
        if self._budget_s is not None:
            return max(0.0, self._budget_s - self.elapsed_s)
        if not self._durations_s or self._left is None:
            return None
        return fmean(self._durations_s) * self._left / self._devices
