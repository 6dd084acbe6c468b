"""Verdicts within a run: each case's latency against its reference's.

A report shows them, and a run with a budget decides by them what to measure next.
"""

import math
from collections.abc import Callable, Mapping

from ..records.base import Samples
from ..records.run import Record, Run
from .judge import ALPHA, THRESHOLD, Criterion, Verdict, judge
from .launches import CaseLaunches
from .stats import Difference, half_width, log_ratio, paired

_GROWTH = 1.5  # from one look at growing data to the next


def difference(
    numerator: Mapping[int, Samples], denominator: Mapping[int, Samples]
) -> Difference | None:
    """Two cases, samples by launch: by the launches in which both took turns, None without any."""
    shared = [launch for launch in numerator if launch in denominator]
    if not shared:
        return None
    return paired([log_ratio(numerator[launch], denominator[launch]) for launch in shared])


def verdicts(
    run: Run,
    launches: Mapping[str, CaseLaunches],
    least: Callable[[Record], float] = lambda _: THRESHOLD,
) -> dict[str, Verdict]:
    """How each case of ``run`` compares with its reference, by key.

    ``launches`` are those of each case. Cases without a shared launch are left out. ``least`` gives
    the least change of a case that matters; the machine's noise floor holds where it is higher.
    """
    records = {record.case.key: record for record in run.records}
    differences: dict[str, Difference] = {}
    for key, record in records.items():
        reference = record.case.reference
        if reference in records and reference != key:
            pair = difference(launches[key].samples, launches[reference].samples)
            if pair is not None:
                differences[key] = pair
    criteria = {
        key: Criterion(
            threshold=threshold(run, records[key], pair.launches, least(records[key])),
            alpha=alpha(run, pair.launches),
        )
        for key, pair in differences.items()
    }
    return judge(differences, criteria)


def threshold(run: Run, record: Record, launches: int, least: float = THRESHOLD) -> float:
    """The least change that matters: ``least``, or the machine's noise floor where it is higher."""
    floor = run.info.noise_floor
    spread = floor.in_turns.get(record.case.mode) if floor else None
    return max(least, (half_width(spread, launches) or 0.0) if spread else 0.0)


def alpha(run: Run, launches: int) -> float:
    """The chance of a false alarm that a verdict after so many launches may take.

    A budget looks at growing data until it decides: the k-th look spends 1 / (k (k + 1)) of the
    chance, which sums to less than the whole however many looks there are.
    """
    if run.info.settings.budget_s is None:
        return ALPHA
    look, point = 1, run.info.settings.launches
    while point < launches:
        look, point = look + 1, next_look(point)
    return ALPHA / (look * (look + 1))


def next_look(launches: int) -> int:
    """How many launches there are at the next look, after one at ``launches``."""
    return math.ceil(launches * _GROWTH) if launches > 1 else 2
