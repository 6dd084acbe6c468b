"""Where the cases of a run stand: ratios to their references, and a verdict on each.

The report shows it, and a run with a budget decides by it what to measure next.
"""

import math
from collections.abc import Callable

from ..records.run import Record, Run
from .judge import ALPHA, THRESHOLD, Criterion, Verdict, judge
from .stats import Difference, half_width, log_ratio, paired

_GROWTH = 1.5  # from one look at growing data to the next


def samples(record: Record) -> dict[int, tuple[float, ...]]:
    """Seconds per iteration by launch, one a turn, of the launches that count."""
    return {line.launch: line.samples_s for line in record.latencies}


def difference(numerator: Record, denominator: Record) -> Difference | None:
    """Two cases by the launches in which both took turns; None where there is none."""
    tops, bottoms = samples(numerator), samples(denominator)
    shared = [launch for launch in tops if launch in bottoms]
    if not shared:
        return None
    return paired([log_ratio(tops[launch], bottoms[launch]) for launch in shared])


def verdicts(run: Run, least: Callable[[Record], float] | None = None) -> dict[str, Verdict]:
    """By key, how each case stands to its reference; cases without a shared launch are left out.

    ``least`` gives the change that matters of a case, 1% where it is not given; the machine's
    noise floor holds where that is higher.
    """
    by_key = {record.case.key: record for record in run.records}
    differences = {}
    for key, record in by_key.items():
        reference = by_key.get(record.case.reference or "")
        if reference is not None and reference is not record:
            found = difference(record, reference)
            if found is not None:
                differences[key] = found
    criteria = {
        key: Criterion(
            threshold=threshold(
                run, by_key[key], one.launches, least(by_key[key]) if least else THRESHOLD
            ),
            alpha=alpha(run, one.launches),
        )
        for key, one in differences.items()
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
    """After so many launches were looked at, how many there are at the next look."""
    return math.ceil(launches * _GROWTH) if launches > 1 else 2
