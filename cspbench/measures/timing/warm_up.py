"""The stopping rule of warm-up, over the times of untimed iterations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Self

MAX_ITERATIONS = 1 << 20


@dataclass(slots=True)
class WarmUp:
    """Warm-up iterations, which end when two consecutive windows agree, or at a cap.

    Two windows agree if the median of each lies within the quartiles of the other and the first
    value of the later one is no outlier in it. If a clock is read, it must also not have moved by
    more than ``clock_share`` over both; it is read only at the end of each window, because reading
    takes time. The cap is ``max_iterations`` or ``max_s`` seconds; warm-up never ends before
    ``min_s`` seconds.
    """

    window: int = 4
    max_iterations: int = 40
    max_s: float = 2.0
    min_s: float = 0.0
    clock_share: float = 0.02
    seconds: list[float] = field(default_factory=list)
    clocks_mhz: list[float] = field(default_factory=list)
    total_s: float = 0.0

    @classmethod
    def for_gpu(cls) -> Self:
        """A warm-up that is long enough for a GPU to raise its clocks."""
        return cls(max_iterations=MAX_ITERATIONS, min_s=0.1)

    @classmethod
    def short(cls) -> Self:
        """A warm-up of a case that was steady in an earlier launch: it may end after 4 calls."""
        return cls(window=2)

    def add(self, seconds: float) -> None:
        """Add an iteration that took ``seconds``."""
        self.seconds.append(seconds)
        self.total_s += seconds

    @property
    def is_clock_due(self) -> bool:
        """Whether a window has just ended, when the clock is to be read."""
        return len(self.seconds) % self.window == 0

    @property
    def is_finished(self) -> bool:
        """Whether warm-up has ended, because times are steady or at the cap."""
        if self.total_s < self.min_s and len(self.seconds) < self.max_iterations:
            return False
        return (
            self.is_steady or len(self.seconds) >= self.max_iterations or self.total_s > self.max_s
        )

    @property
    def is_steady(self) -> bool:
        """Whether the last two windows agree."""
        if len(self.seconds) < 2 * self.window or not self._is_clock_steady:
            return False
        earlier = self.seconds[-2 * self.window : -self.window]
        later = self.seconds[-self.window :]
        low, _, high = quantiles(later, method="inclusive")
        return (
            _within_quartiles(median(earlier), later)
            and _within_quartiles(median(later), earlier)
            and later[0] <= high + 1.5 * (high - low) + 0.01 * high
        )

    @property
    def _is_clock_steady(self) -> bool:
        last = self.clocks_mhz[-3:]  # at the ends of the last windows
        return not last or max(last) - min(last) <= self.clock_share * max(last)


def _within_quartiles(value: float, window: Sequence[float]) -> bool:
    low, _, high = quantiles(window, method="inclusive")
    slack = 0.01 * value  # tolerates the resolution of the clock
    return low - slack <= value <= high + slack
