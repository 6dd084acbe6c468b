"""Which cases the next launches hold, and when to stop: small strategies over what is known so far.

Nothing here measures or reads a clock; the runner says how much time has passed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..records.run import Record, Run, Settings
from ..verdicts.judge import THRESHOLD, Verdict
from ..verdicts.launches import CaseLaunches, is_disturbed, launches_by_case
from ..verdicts.stats import latency_estimate
from ..verdicts.within_run import next_look, verdicts


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One case in the middle of a run.

    ``reference`` is the case that is launched with it. ``quiet`` and ``disturbed`` count its
    launches. ``half_width`` is of its ratio's interval, or of its latency's where it has no
    reference; infinite where one launch gives none. ``is_decided``: its verdict is; in a run
    without verdicts, its interval is as narrow as the threshold. ``more_launches`` should decide
    it, None where none would. ``launch_s`` is its share of a launch's time.
    """

    key: str
    reference: str | None
    quiet: int
    disturbed: int
    half_width: float
    is_decided: bool
    more_launches: int | None
    launch_s: float


class Strategy(Protocol):
    """Chooses what the next launches hold."""

    def wanted(self, standings: Sequence[Standing], elapsed_s: float) -> tuple[str, ...]:
        """The keys of the cases to launch once more; none to stop."""

    def left(self, standings: Sequence[Standing]) -> int | None:
        """How many more rounds of launches there are; None where that is not known ahead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedLaunches:
    """So many launches a case; disturbed ones are repeated, at most half as often again."""

    launches: int

    def wanted(
        self,
        standings: Sequence[Standing],
        elapsed_s: float,  # noqa: ARG002 -- the number alone decides
    ) -> tuple[str, ...]:
        """Every case that still lacks launches."""
        return tuple(standing.key for standing in standings if self._lacks(standing))

    def left(self, standings: Sequence[Standing]) -> int:
        """The launches that the case with the fewest lacks, if none of them is disturbed."""
        return max(map(self._lacks, standings), default=0)

    def _lacks(self, standing: Standing) -> int:
        most = self.launches + math.ceil(self.launches / 2)
        return min(
            max(0, self.launches - standing.quiet),
            max(0, most - standing.quiet - standing.disturbed),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Fixed launches first; then more for what is undecided, the widest first, while time remains.

    A case is judged only when its launches reach the next look, so that looking often does not
    raise false alarms (`standing.alpha`).
    """

    launches: int
    seconds: float

    def wanted(self, standings: Sequence[Standing], elapsed_s: float) -> tuple[str, ...]:
        """Cases that lack launches of the first round, then open ones, as time allows."""
        remaining = self.seconds - elapsed_s
        first = set(FixedLaunches(launches=self.launches).wanted(standings, elapsed_s))
        if first:
            unmeasured = any(
                one.quiet + one.disturbed == 0 for one in standings if one.key in first
            )
            chosen = [one for one in standings if one.key in first]
            return tuple(first) if unmeasured else _affordable(chosen, standings, remaining)
        undecided = [one for one in standings if not self._is_settled(one)]
        undecided.sort(key=lambda one: (_is_out_of_reach(one, remaining), -one.half_width))
        return _affordable(undecided, standings, remaining)

    def left(self, standings: Sequence[Standing]) -> int | None:
        """Known for the first round only."""
        return FixedLaunches(launches=self.launches).left(standings) or None

    def _is_settled(self, standing: Standing) -> bool:
        look = self.launches
        while look < standing.quiet:
            look = next_look(look)
        return look <= standing.quiet and standing.is_decided


def strategy(settings: Settings) -> Strategy:
    """The one that a run's settings ask for."""
    if settings.budget_s is None:
        return FixedLaunches(launches=settings.launches)
    return Budget(launches=settings.launches, seconds=settings.budget_s)


def standings(run: Run) -> list[Standing]:
    """Where each case stands that can still be launched."""
    launches = launches_by_case(run)
    judged = verdicts(run, launches)
    references = {record.case.reference for record in run.records}
    disturbed = {launch.launch for launch in run.launches if is_disturbed(launch)}
    cost = _seconds_by_case(run)
    return [
        _standing(
            record,
            launches[record.case.key],
            judged.get(record.case.key),
            disturbed,
            is_open=not judged and record.case.key not in references,
            seconds=cost.get(record.case.key, 0.0),
        )
        for record in run.records
        if record.tensor_peak and not record.failures
    ]


def _standing(
    record: Record,
    launches: CaseLaunches,
    verdict: Verdict | None,
    disturbed: set[int],
    *,
    is_open: bool,
    seconds: float,
) -> Standing:
    lost = sum(latency.launch in disturbed for latency in record.latencies)
    width = math.inf
    if verdict is not None:
        width = _infinite(verdict.ratio.relative_half_width)
    elif launches.count:
        estimate = latency_estimate(list(launches.samples.values()))
        width = _infinite(estimate.relative_half_width)
    return Standing(
        key=record.case.key,
        reference=record.case.reference,
        quiet=len(record.latencies) - lost,
        disturbed=lost,
        half_width=width,
        is_decided=verdict.is_decided if verdict else not is_open or width <= THRESHOLD,
        more_launches=verdict.more_launches if verdict else None,
        launch_s=seconds,
    )


def _infinite(width: float | None) -> float:
    return math.inf if width is None else width


def _seconds_by_case(run: Run) -> dict[str, float]:
    """A case's share of its last launch's time, by the time of its own samples."""
    samples_s = {
        (line.case, line.launch): sum(line.samples_s) * line.iterations
        for record in run.records
        for line in record.latencies
    }
    seconds = {}
    for launch in run.launches:
        own = {key: samples_s.get((key, launch.launch), 0.0) for key in launch.cases}
        total = sum(own.values())
        for key, value in own.items():
            seconds[key] = launch.seconds * value / total if total else 0.0
    return seconds


def _is_out_of_reach(standing: Standing, remaining_s: float) -> bool:
    more = standing.more_launches
    return more is None or more * standing.launch_s > remaining_s


def _affordable(
    candidates: Sequence[Standing], standings: Sequence[Standing], remaining_s: float
) -> tuple[str, ...]:
    """The first candidates that fit into the time, each with its reference."""
    seconds = {one.key: one.launch_s for one in standings}
    chosen: list[str] = []
    held: set[str | None] = {None}
    for one in candidates:
        needed = sum(seconds.get(key or "", 0.0) for key in {one.key, one.reference} - held)
        if needed <= remaining_s:
            remaining_s -= needed
            held |= {one.key, one.reference}
            chosen.append(one.key)
    return tuple(chosen)
