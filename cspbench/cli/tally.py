"""What a progress display counts: launches and those disturbed, and the pace of a phase."""

from collections.abc import Callable

from ..records.run import Run
from ..units import seconds_text
from ..verdicts.launches import is_contended, is_disturbed, is_throttled

Clock = Callable[[], float]
"""Reads seconds, as `time.monotonic` does."""


class Tally:
    """Counts launches: those done, those to come, and those disturbed, which are repeated."""

    def __init__(self) -> None:
        self.total: int | None = None
        self._planned: int | None = None
        self._disturbed: dict[str, int] = {}

    def set_total(self, total: int | None) -> None:
        """The number of launches is now ``total``, None if not known."""
        self.total = total
        self._planned = self._planned or total

    def count(self, run: Run) -> None:
        """Count the disturbed launches of ``run``."""
        disturbed = list(filter(is_disturbed, run.launches))
        kinds = {
            "contended": sum(map(is_contended, disturbed)),
            "throttled": sum(map(is_throttled, disturbed)),
        }
        self._disturbed = {kind: number for kind, number in kinds.items() if number}

    def text(self, done: int) -> str:
        """How many launches are done, how many of all so far were disturbed or repeat those."""
        of_total = "" if self.total is None else f"{done} of "
        number = done if self.total is None else self.total
        parts = [f"{of_total}{number} launch{'' if number == 1 else 'es'} done"]
        repeats = (self.total or 0) - (self._planned or 0)
        if repeats > 0 and self._disturbed:
            kind = next(iter(self._disturbed)) if len(self._disturbed) == 1 else "disturbed"
            parts.append(f"{repeats} added to repeat {kind} ones")
        return ", ".join([*parts, *(f"{n} {kind}" for kind, n in self._disturbed.items())])


class Pace:
    """Estimates the remaining time of a phase from the cases that have ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._phase = "counting"
        self._began = self._last = clock()
        self._ended = 0

    def left(self, remaining: int, phase: str = "counting") -> str:
        """Count an ended case of ``phase``; the text of the time left for ``remaining`` cases."""
        if phase != self._phase:
            self._phase, self._began, self._ended = phase, self._last, 0
        self._ended += 1
        self._last = self._clock()
        if not remaining:
            return "done"
        return f"about {seconds_text((self._last - self._began) / self._ended * remaining)} left"
