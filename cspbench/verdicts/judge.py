"""Is a difference in latency real, and does it matter? Pure rules on `stats.Difference`.

A change is worse or better where Student's t over launches says so after Holm's correction over all
cases, and it lies beyond the threshold. It is the same where its whole interval lies within. The
rest is undecided, and the verdict says how many more launches should decide.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from .stats import CONFIDENCE, Difference, Estimate, holm, t_quantile

Key = TypeVar("Key")
Answer = Literal["worse", "better", "same", "undecided"]

ALPHA = 0.01
"""The chance, over all cases judged together, that identical code is called worse or better."""

THRESHOLD = 0.01
"""The least change that matters, unless the machine's noise floor is higher."""

_MOST_LAUNCHES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """What a verdict asks for: a change beyond ``threshold``, false alarms below ``alpha``.

    ``threshold`` is a share: 0.01 asks for more than 1%, up or down alike on the logarithm.
    """

    threshold: float = THRESHOLD
    alpha: float = ALPHA


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The answer for one case, and what it rests on.

    ``ratio`` has a 95% interval. ``p`` is adjusted over the cases (Holm). ``permutation_p`` is of a
    test without Student's assumptions, None where so few launches could never decide by it.
    ``detectable`` is the least change that so many launches would show in four of five such
    measurements. ``more_launches`` should decide what is undecided; None where none would.
    """

    answer: Answer
    ratio: Estimate
    p: float
    permutation_p: float | None
    detectable: float | None
    more_launches: int | None

    @property
    def is_decided(self) -> bool:
        """Anything but undecided."""
        return self.answer != "undecided"


def judge(
    differences: Mapping[Key, Difference], criteria: Mapping[Key, Criterion]
) -> dict[Key, Verdict]:
    """A verdict a case; the cases are judged together, so that many do not raise false alarms."""
    adjusted = holm([difference.p for difference in differences.values()])
    return {
        key: _verdict(difference, p, criteria[key], cases=len(differences))
        for (key, difference), p in zip(differences.items(), adjusted, strict=True)
    }


def _verdict(difference: Difference, p: float, criterion: Criterion, *, cases: int) -> Verdict:
    limit, share = math.log1p(criterion.threshold), criterion.alpha / cases
    answer = _answer(difference, p, limit=limit, alpha=criterion.alpha)
    undecided = answer == "undecided"
    return Verdict(
        answer=answer,
        ratio=difference.estimate(),
        p=p,
        permutation_p=difference.permutation_p() if difference.smallest_p < share else None,
        detectable=difference.detectable(share),
        more_launches=_more_launches(difference, limit=limit, share=share) if undecided else None,
    )


def _answer(difference: Difference, p: float, *, limit: float, alpha: float) -> Answer:
    margin = difference.margin()
    if margin is None:
        return "undecided"
    if p < alpha and abs(difference.log_ratio) > limit:
        return "worse" if difference.log_ratio > 0 else "better"
    return "same" if abs(difference.log_ratio) + margin <= limit else "undecided"


def _more_launches(difference: Difference, *, limit: float, share: float) -> int | None:
    """How many more launches of the same spread would turn this very ratio into an answer."""
    error, launches = difference.standard_error, difference.launches
    if error is None:
        return None
    effect = abs(difference.log_ratio)
    quantile = 1 - share / 2 if effect > limit else 0.5 + CONFIDENCE / 2
    room = effect if effect > limit else limit - effect

    def decides(number: int) -> bool:
        degrees = difference.degrees * (number - 1) / (launches - 1)
        return t_quantile(quantile, degrees) * error * math.sqrt(launches / number) <= room

    numbers = range(launches + 1, max(launches + 2, _MOST_LAUNCHES))
    first = bisect_left(numbers, 1, key=decides)  # more launches decide no less
    return numbers[first] - launches if first < len(numbers) else None
