"""The choice of cases for the next launches, and when to stop.

Nothing here measures or reads a clock: the caller passes the elapsed time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..records.gate import THRESHOLD
from ..records.run import Record, Run, RunInfo
from ..verdicts.judge import Verdict
from ..verdicts.launches import CaseLaunches, is_disturbed, launches_by_case
from ..verdicts.looks import looks
from ..verdicts.matching import YardstickRatio, ratios_to_yardstick, spread
from ..verdicts.stats import Estimate, half_width, latency_estimate
from ..verdicts.within_run import verdicts
from .split import costs

_NARROW = 0.01  # half width of an interval that needs no further launches


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseProgress:
    """The state of one case in an unfinished run.

    ``reference`` is the case that is launched with it. ``quiet`` and ``disturbed`` count its
    launches. ``half_width`` is that of its ratio's interval, or of its latency's if it has no
    reference, ``yardstick_half_width`` that of its ratio to the yardstick in a like state of the
    machine; infinite without an interval. ``is_judged`` says whether launches can be made on its
    own account; those of a reference come along with others'. ``is_decided`` says whether its
    verdict is decided or, in a run without verdicts, whether its interval is as narrow as the
    threshold. ``more_launches`` is how many should decide it, None if no number would. ``launch_s``
    is the least that it adds to the time of a launch.
    """

    key: str
    reference: str | None
    quiet: int
    disturbed: int
    half_width: float
    yardstick_half_width: float
    is_judged: bool
    is_decided: bool
    more_launches: int | None
    launch_s: float


class Strategy(Protocol):
    """Chooses the cases of the next launches."""

    def next_cases(self, progress: Sequence[CaseProgress], elapsed_s: float) -> tuple[str, ...]:
        """The keys of the cases to launch once more; empty to stop."""

    def rounds_left(self, progress: Sequence[CaseProgress]) -> int | None:
        """The number of rounds left; None if it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedLaunches:
    """A fixed number of launches of each case, plus up to half as many to repeat disturbed ones."""

    launches: int

    def next_cases(
        self,
        progress: Sequence[CaseProgress],
        elapsed_s: float,  # noqa: ARG002 -- the number alone decides
    ) -> tuple[str, ...]:
        """The cases that lack launches."""
        return tuple(case.key for case in progress if self._missing(case))

    def rounds_left(self, progress: Sequence[CaseProgress]) -> int:
        """The largest number of launches that a case lacks, assuming that none is disturbed."""
        return max(map(self._missing, progress), default=0)

    def _missing(self, case: CaseProgress) -> int:
        limit = self.launches + math.ceil(self.launches / 2)
        return min(
            max(0, self.launches - case.quiet),
            max(0, limit - case.quiet - case.disturbed),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Fixed launches, then launches of unsettled cases, the widest first, while time remains.

    A case is settled if it is decided and, if ``is_report``, its intervals are narrow: a ratio that
    is known to 1% can be read, and two runs that know a case through the yardstick to 1% tell a
    change of 5% from each other. It is judged only when its number of launches reaches the next
    look, so that repeated looks do not raise more false alarms (`verdicts.looks`).
    """

    launches: int
    seconds: float
    is_report: bool = False

    def next_cases(self, progress: Sequence[CaseProgress], elapsed_s: float) -> tuple[str, ...]:
        """The cases that lack fixed launches, then the unsettled ones, as far as time allows."""
        remaining_s = self.seconds - elapsed_s
        if remaining_s <= 0:
            return ()
        missing = set(FixedLaunches(launches=self.launches).next_cases(progress, elapsed_s))
        if missing:
            incomplete = [case for case in progress if case.key in missing]
            if any(case.quiet + case.disturbed == 0 for case in incomplete):
                return tuple(case.key for case in incomplete)
            return _affordable(incomplete, progress, remaining_s)
        unsettled = [case for case in progress if not self._is_settled(case)]
        unsettled.sort(
            key=lambda case: (
                case.is_decided,
                _is_out_of_reach(case, remaining_s),
                -case.half_width,
            )
        )
        return _affordable(unsettled, progress, remaining_s)

    def rounds_left(self, progress: Sequence[CaseProgress]) -> int | None:
        """The rounds left of the fixed launches; None after them."""
        return FixedLaunches(launches=self.launches).rounds_left(progress) or None

    def _is_settled(self, case: CaseProgress) -> bool:
        if not case.is_judged:
            return True
        is_at_look = looks(self.launches, case.quiet)[-1] == case.quiet
        is_narrow = max(case.half_width, case.yardstick_half_width) <= _NARROW
        return is_at_look and case.is_decided and (is_narrow or not self.is_report)


def strategy(info: RunInfo) -> Strategy:
    """The strategy of a run: with two revisions, what is decided is settled."""
    settings = info.settings
    if settings.budget_s is None:
        return FixedLaunches(launches=settings.launches)
    return Budget(
        launches=settings.launches, seconds=settings.budget_s, is_report=not info.revisions
    )


def case_progress(run: Run) -> list[CaseProgress]:
    """The progress of each case that has not failed."""
    launches = launches_by_case(run)
    verdict_by_key = verdicts(run, launches)
    references = {record.case.reference for record in run.records}
    disturbed = {launch.launch for launch in run.launches if is_disturbed(launch)}
    costs_by_case = costs(run)
    yardstick_s = {line.launch: line.samples_s for line in run.yardstick}
    return [
        _progress_of(
            record,
            launches[record.case.key],
            verdict_by_key.get(record.case.key),
            disturbed,
            through=ratios_to_yardstick(launches[record.case.key].samples, yardstick_s),
            is_judged_alone=not verdict_by_key and record.case.key not in references,
            launch_s=cost.least_s if (cost := costs_by_case.get(record.case.key)) else 0.0,
        )
        for record in run.records
        if not record.has_failed
    ]


def _progress_of(
    record: Record,
    launches: CaseLaunches,
    verdict: Verdict | None,
    disturbed: set[int],
    *,
    through: Sequence[YardstickRatio],
    is_judged_alone: bool,
    launch_s: float,
) -> CaseProgress:
    """The progress of one case; if ``is_judged_alone``, its own interval decides it."""
    disturbed_launches = sum(latency.launch in disturbed for latency in record.latencies)
    half_width = _half_width(launches, verdict)
    return CaseProgress(
        key=record.case.key,
        reference=record.case.reference,
        quiet=len(record.latencies) - disturbed_launches,
        disturbed=disturbed_launches,
        half_width=half_width,
        yardstick_half_width=_yardstick_half_width(through),
        is_judged=verdict is not None or is_judged_alone,
        is_decided=verdict.is_decided if verdict else half_width <= THRESHOLD,
        more_launches=verdict.more_launches if verdict else None,
        launch_s=launch_s,
    )


def _yardstick_half_width(launches: Sequence[YardstickRatio]) -> float:
    """That of the ratio to the yardstick in a like state of the machine, which `compare` takes."""
    if len(launches) < 2:
        return math.inf
    width = half_width(spread(launches), len(launches))
    return math.inf if width is None else width


def _half_width(launches: CaseLaunches, verdict: Verdict | None) -> float:
    if verdict is not None:
        return _width(verdict.ratio)
    samples = list(launches.samples.values())
    return _width(latency_estimate(samples) if samples else None)


def _width(estimate: Estimate | None) -> float:
    """Half the width of the estimate's interval, as a share; infinite without an interval."""
    width = estimate.relative_half_width if estimate else None
    return math.inf if width is None else width


def _is_out_of_reach(case: CaseProgress, remaining_s: float) -> bool:
    return case.more_launches is None or case.more_launches * case.launch_s > remaining_s


def _affordable(
    candidates: Sequence[CaseProgress], progress: Sequence[CaseProgress], remaining_s: float
) -> tuple[str, ...]:
    """The keys of the first candidates whose launches, with references, fit into the time.

    A reference that is compared with nothing itself is left out unless a case that is compared with
    it is launched: alone, it says nothing of any ratio.
    """
    seconds = {case.key: case.launch_s for case in progress}
    chosen: list[str] = []
    paid: set[str | None] = {None}
    for case in candidates:
        needed_s = sum(seconds.get(key or "", 0.0) for key in {case.key, case.reference} - paid)
        if needed_s <= remaining_s:
            remaining_s -= needed_s
            paid |= {case.key, case.reference}
            chosen.append(case.key)
    compared = [case for case in progress if case.reference not in {None, case.key}]
    alone = {case.reference for case in compared} - {case.key for case in compared}
    needed = {case.reference for case in compared if case.key in chosen}
    return tuple(key for key in chosen if key not in alone or key in needed)
