"""Verdicts within a run, on the latency of each case against its reference.

Reports show them, and a run with a budget chooses by them what to measure next.
"""

import math
from collections.abc import Mapping

from ..records.base import Samples
from ..records.gate import LATENCY
from ..records.run import Record, Run
from .judge import ALPHA, Criterion, Verdict, judge
from .launches import CaseLaunches
from .stats import Difference, half_width, log_ratio, paired

_GROWTH = 1.5  # factor between the launches at one look and at the next


def difference(
    numerator: Mapping[int, Samples], denominator: Mapping[int, Samples]
) -> Difference | None:
    """The difference of two cases over launches that both took part in; None without any.

    Both arguments hold samples by the number of the launch.
    """
    shared = [launch for launch in numerator if launch in denominator]
    if not shared:
        return None
    return paired([log_ratio(numerator[launch], denominator[launch]) for launch in shared])


def verdicts(run: Run, launches: Mapping[str, CaseLaunches]) -> dict[str, Verdict]:
    """The verdict on each case of ``run`` against its reference, by key, through the run's gate.

    ``launches`` are those of each case; cases that share none with their reference are left out.
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
            threshold=_threshold(run, records[key], pair.launches),
            alpha=alpha(run, pair.launches),
        )
        for key, pair in differences.items()
    }
    return judge(differences, criteria)


def _threshold(run: Run, record: Record, launches: int) -> float:
    """The smallest change that matters: the gate's, or the noise floor if that is higher."""
    floor, minimum = run.info.noise_floor, run.info.gate.threshold(record.case.entry, LATENCY)
    spread = floor.in_turns.get(record.case.mode) if floor else None
    return max(minimum, (half_width(spread, launches) or 0.0) if spread else 0.0)


def alpha(run: Run, launches: int) -> float:
    """The allowed probability of a false alarm in verdicts after ``launches`` launches.

    A run with a budget looks at its growing data several times. The k-th look may spend a share
    1 / (k (k + 1)) of `ALPHA`; over any number of looks these shares sum to less than 1.
    """
    if run.info.settings.budget_s is None:
        return ALPHA
    look, point = 1, run.info.settings.launches
    while point < launches:
        look, point = look + 1, next_look(point)
    return ALPHA / (look * (look + 1))


def next_look(launches: int) -> int:
    """The number of launches at the look after the one at ``launches`` launches."""
    return math.ceil(launches * _GROWTH) if launches > 1 else 2
