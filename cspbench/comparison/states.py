"""The states that a machine was in while two runs were made, as the yardstick tells."""

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import geometric_mean

from ..units import ratio_text, seconds_text
from ..verdicts.matching import Matched, YardstickRatio
from .excerpt import CaseExcerpt

_WORTH_SAYING = 0.1  # share of a side's launches


def yardstick_ratios(case: CaseExcerpt, other: CaseExcerpt) -> list[YardstickRatio]:
    """The launches of ``case``; in one state if that of either side is not known."""
    is_known = case.yardstick_s and other.yardstick_s
    seconds = case.yardstick_s if is_known else (1.0,) * len(case.yardsticks)
    logs = map(math.log, case.yardsticks)
    return [YardstickRatio(log, state_s) for log, state_s in zip(logs, seconds, strict=True)]


def state_notes(
    pairs: Iterable[tuple[tuple[CaseExcerpt, CaseExcerpt], Matched]],
) -> Iterator[str]:
    """What the states of the machine do to the comparison of ``pairs``, if much."""
    compared = list(pairs)
    apart = [cases for cases, pair in compared if not pair.is_alike and _is_timed(cases)]
    if apart:
        old, new = apart[0]
        factor = geometric_mean(new.yardstick_s) / geometric_mean(old.yardstick_s)
        yield (
            f"The machine was in another state: the yardstick took {_span(old.yardstick_s)} in the "
            f"baseline and {_span(new.yardstick_s)} in the candidate, {ratio_text(factor)} times "
            "as long. A ratio to it may have changed by as much, so that intervals are wide."
        )
    for side, name, other in ((0, "baseline", "candidate"), (1, "candidate", "baseline")):
        shares = [
            len(pair.unmatched[side]) / len(cases[side].yardsticks) for cases, pair in compared
        ]
        if max(shares, default=0.0) < _WORTH_SAYING:
            continue
        cases, pair = compared[shares.index(max(shares))]
        times_s = [cases[side].yardstick_s[launch] for launch in pair.unmatched[side]]
        yield (
            f"Not counted: {len(times_s)} of {len(cases[side].yardsticks)} launches of the {name}, "
            f"in which the machine was in a state that the {other} did not meet (the yardstick "
            f"took {_span(times_s)}, in the {other} {_span(cases[1 - side].yardstick_s)})."
        )


def _is_timed(cases: tuple[CaseExcerpt, CaseExcerpt]) -> bool:
    return all(len(case.yardstick_s) > 1 for case in cases)


def _span(times_s: Sequence[float]) -> str:
    low, high = seconds_text(min(times_s)), seconds_text(max(times_s))
    return low if low == high else f"{low} to {high}"
