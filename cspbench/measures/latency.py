"""Latency: warm-up, calibrated samples, and cases that take turns. Time comes in as a callable."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import get_clock_info, perf_counter

from ..device import synchronise
from ..records import Latency

_MOST_ITERATIONS = 1 << 20

Timed = Callable[[int], float]
"""Seconds that so many iterations take, from an idle device to an idle device."""


def stopwatch(call: Callable[[], object], device: str) -> Timed:
    """A `Timed` on the host's clock."""

    def timed(iterations: int) -> float:
        synchronise(device)
        start = perf_counter()
        for _ in range(iterations):
            call()
        synchronise(device)
        return perf_counter() - start

    return timed


@dataclass(slots=True)
class WarmUp:
    """Untimed iterations end when two following windows agree, or at a cap.

    They agree when each one's median lies within the other's quartiles and the first value of the
    later window is no outlier in it. The cap is ``most`` iterations or ``limit_s`` seconds.
    """

    window: int = 4
    most: int = 40
    limit_s: float = 2.0
    seconds: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """One more iteration took ``seconds``."""
        self.seconds.append(seconds)

    @property
    def is_finished(self) -> bool:
        """Steady, or capped."""
        return self.is_steady or len(self.seconds) >= self.most or sum(self.seconds) > self.limit_s

    @property
    def is_steady(self) -> bool:
        """Whether the last two windows agree."""
        if len(self.seconds) < 2 * self.window:
            return False
        earlier = self.seconds[-2 * self.window : -self.window]
        later = self.seconds[-self.window :]
        low, _, high = quantiles(later, method="inclusive")
        return (
            _within_quartiles(median(earlier), later)
            and _within_quartiles(median(later), earlier)
            and later[0] <= high + 1.5 * (high - low) + 0.01 * high
        )


def _within_quartiles(value: float, window: Sequence[float]) -> bool:
    low, _, high = quantiles(window, method="inclusive")
    slack = 0.01 * value  # equal but for the clock's last digits
    return low - slack <= value <= high + slack


def iterations_per_sample(timed: Timed, *, minimum_s: float, resolution_s: float) -> int:
    """Double the iterations until a sample lasts ``minimum_s`` and 1000 times the resolution.

    The shortest of three readings counts: one that was interrupted lasts long with any number.
    """
    enough = max(minimum_s, 1000 * resolution_s)
    iterations = 1
    while iterations < _MOST_ITERATIONS and any(timed(iterations) < enough for _ in range(3)):
        iterations *= 2
    return iterations


@dataclass(slots=True, kw_only=True)
class Contestant:
    """One case of a group: how to time it, and what has been read of it."""

    key: str
    timed: Timed
    first_call_s: float = 0.0
    iterations: int = 1
    warm_up: WarmUp = field(default_factory=WarmUp)
    samples_s: list[float] = field(default_factory=list)

    def prepare(self, *, minimum_s: float, resolution_s: float | None = None) -> None:
        """First call, warm-up, calibration."""
        if resolution_s is None:
            resolution_s = get_clock_info("perf_counter").resolution
        self.first_call_s = self.timed(1)
        while not self.warm_up.is_finished:
            self.warm_up.add(self.timed(1))
        self.iterations = iterations_per_sample(
            self.timed, minimum_s=minimum_s, resolution_s=resolution_s
        )

    def sample(self) -> None:
        """One sample, after one untimed iteration."""
        self.timed(1)
        self.samples_s.append(self.timed(self.iterations) / self.iterations)

    def latency(self, *, launch: int) -> Latency:
        """What was read of it, as a record."""
        return Latency(
            case=self.key,
            launch=launch,
            samples_s=tuple(self.samples_s),
            iterations=self.iterations,
            first_call_s=self.first_call_s,
            warmup_iterations=len(self.warm_up.seconds),
            steady=self.warm_up.is_steady,
        )


def take_turns(
    contestants: Sequence[Contestant],
    *,
    turns: int,
    seed: int,
    sample: Callable[[Contestant], bool],
) -> list[Contestant]:
    """Sample every contestant once a turn, in a new random order, so that drift is shared.

    ``sample`` takes one sample and says whether the contestant stays. Returns those who did.
    """
    order = random.Random(seed)  # noqa: S311 -- a schedule, not a secret
    staying = list(contestants)
    for _ in range(turns):
        gone = [one for one in order.sample(staying, len(staying)) if not sample(one)]
        staying = [one for one in staying if one not in gone]
    return staying
