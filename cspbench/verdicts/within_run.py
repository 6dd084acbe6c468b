"""Verdicts within a run, on the latency of each case against its reference.

Reports show them, and a run with a budget chooses by them what to measure next.
"""

from collections.abc import Mapping

from ..records.gate import LATENCY
from ..records.run import Record, Run
from .judge import ALPHA, Criterion, Verdict, judge
from .launches import CaseLaunches
from .looks import level, looks
from .stats import CONFIDENCE, Difference, half_width
from .turns import difference


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
        key: criterion(run, records[key], pair.launches) for key, pair in differences.items()
    }
    return judge(differences, criteria)


def criterion(run: Run, record: Record, launches: int) -> Criterion:
    """What decides the case of ``record`` after ``launches`` launches.

    A run with a budget looks at its growing data several times (`looks`).
    """
    settings = run.info.settings
    alpha, confidence = ALPHA, CONFIDENCE
    if settings.budget_s is not None:
        numbers = looks(settings.launches, launches)
        alpha, confidence = level(ALPHA, numbers), 1 - level(1 - CONFIDENCE, numbers)
    threshold = _threshold(run, record, launches)
    return Criterion(threshold=threshold, alpha=alpha, confidence=confidence)


def _threshold(run: Run, record: Record, launches: int) -> float:
    """The smallest change that matters: the gate's, or the noise floor if that is higher."""
    floor, minimum = run.info.noise_floor, run.info.gate.threshold(record.case.entry, LATENCY)
    spread = floor.in_turns.get(record.case.mode) if floor else None
    return max(minimum, (half_width(spread, launches) or 0.0) if spread else 0.0)
