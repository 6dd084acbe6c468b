"""The states that a machine was in while two runs were made, as the yardstick tells."""

import math
from collections.abc import Iterator, Sequence
from statistics import geometric_mean

from ..units import significant_text
from ..verdicts.matching import Matched, YardstickRatio
from .excerpt import CaseExcerpt

Cases = tuple[CaseExcerpt, CaseExcerpt]
"""A case of the baseline and of the candidate."""

_WORTH_SAYING = 0.1  # share of a side's launches


def yardstick_ratios(case: CaseExcerpt, other: CaseExcerpt) -> list[YardstickRatio]:
    """The launches of ``case``; in one state if that of either side is not known."""
    seconds = case.yardstick_s
    if not _states_known((case, other)):
        seconds = (1.0,) * len(case.yardsticks)
    logs = map(math.log, case.yardsticks)
    return [YardstickRatio(log, state_s) for log, state_s in zip(logs, seconds, strict=True)]


def state_warnings(pairs: Sequence[tuple[Cases, Matched]]) -> Iterator[str]:
    """What the states of the machine do to the comparison of ``pairs``, if much."""
    unknown = [cases for cases, _ in pairs if not _states_known(cases)]
    if unknown:
        sides = zip(unknown[0], ("baseline", "candidate"), strict=True)
        name = next(name for case, name in sides if not case.yardstick_s)
        yield (
            f"The {name} was saved without the yardstick's times: launches are compared whatever "
            "state the machine was in."
        )
    apart = [cases for cases, pair in pairs if not pair.has_like_state and _states_known(cases)]
    if apart:
        old, new = max(apart, key=_distance)
        number = "" if len(apart) == len(pairs) else f" in {len(apart)} of {len(pairs)} cases"
        yield (
            f"The machine was in different states{number}, so that intervals are wide: the "
            f"yardstick took {_span(old.yardstick_s)} in the baseline, {_span(new.yardstick_s)} in "
            "the candidate."
        )


def matching_notes(pairs: Sequence[tuple[Cases, Matched]]) -> Iterator[str]:
    """The launches of ``pairs`` that do not count, if there are many."""
    for side, name, other in ((0, "baseline", "candidate"), (1, "candidate", "baseline")):
        shares = [len(pair.unmatched[side]) / len(cases[side].yardsticks) for cases, pair in pairs]
        if max(shares, default=0.0) < _WORTH_SAYING:
            continue
        cases, pair = pairs[shares.index(max(shares))]
        times_s = [cases[side].yardstick_s[launch] for launch in pair.unmatched[side]]
        yield (
            f"Not counted: up to {len(times_s)} of {len(cases[side].yardsticks)} launches of a "
            f"case in the {name}, because the {other} has no launch with the machine in a like "
            f"state (the yardstick took {_span(times_s)})."
        )


def _states_known(cases: Cases) -> bool:
    return all(case.yardstick_s for case in cases)


def _distance(cases: Cases) -> float:
    old, new = (geometric_mean(case.yardstick_s) for case in cases)
    return abs(math.log(new / old))


def _span(times_s: Sequence[float]) -> str:
    low, high = (significant_text(time_s * 1e3, 3) for time_s in (min(times_s), max(times_s)))
    return f"{low} ms" if low == high else f"{low} to {high} ms"
