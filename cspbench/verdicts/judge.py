"""Verdicts on differences in latency: pure functions of `stats.Difference`.

A change is worse or better if it is significant by Student's t over launches, after Holm's
correction over all cases, and exceeds the threshold. It is the same if its whole interval lies
within the threshold. Anything else is undecided, with an estimate of the launches still needed.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from ..records.gate import THRESHOLD
from .permutation import permutation_p, smallest_p
from .stats import CONFIDENCE, Difference, Estimate, holm, t_quantile

Key = TypeVar("Key")
Answer = Literal["worse", "better", "same", "undecided"]

ALPHA = 0.01
"""The probability, over all cases judged together, of calling identical code worse or better."""

_MAX_LAUNCHES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """When a change counts: beyond ``threshold``, with false alarms less likely than ``alpha``.

    ``threshold`` is a share, symmetric on the logarithm: 0.01 means a ratio above 1.01 or below
    1 / 1.01. If not ``is_ratio``, it is a plain difference, as are those that are judged.
    ``confidence`` is that of this look's interval. At repeated looks, ``alpha`` and ``confidence``
    are such that all intervals together hold the ratio in 95%.
    """

    threshold: float = THRESHOLD
    alpha: float = ALPHA
    confidence: float = CONFIDENCE
    is_ratio: bool = True

    @property
    def limit(self) -> float:
        """The threshold on the scale of the differences: the logarithm of a ratio, or plain."""
        return math.log1p(self.threshold) if self.is_ratio else self.threshold


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The answer for one case by its ``criterion``, and the figures behind it.

    ``ratio`` has a 95% interval, at repeated looks one that holds for all of them. ``p`` is
    adjusted over the cases (Holm). ``permutation_p`` is of a test without Student's assumptions,
    None with too few launches for it to be significant. ``detectable`` is the smallest change, as a
    share, that as many launches would detect with a probability of 80%. ``more_launches`` is how
    many more should decide an undecided case; None if it is decided, or no number would.
    """

    answer: Answer
    criterion: Criterion
    ratio: Estimate
    p: float
    permutation_p: float | None
    detectable: float | None
    more_launches: int | None

    @property
    def is_decided(self) -> bool:
        """Whether the answer is anything but undecided."""
        return self.answer != "undecided"


def judge(
    differences: Mapping[Key, Difference], criteria: Mapping[Key, Criterion]
) -> dict[Key, Verdict]:
    """The verdict on each case, judged together so that many cases raise no more false alarms."""
    adjusted = holm([difference.p for difference in differences.values()])
    return {
        key: _verdict(difference, p, criteria[key], cases=len(differences))
        for (key, difference), p in zip(differences.items(), adjusted, strict=True)
    }


def _verdict(difference: Difference, p: float, criterion: Criterion, *, cases: int) -> Verdict:
    share = criterion.alpha / cases
    answer = _answer(difference, p, criterion)
    return Verdict(
        answer=answer,
        criterion=criterion,
        ratio=difference.estimate(criterion.confidence),
        p=p,
        permutation_p=permutation_p(difference) if smallest_p(difference) < share else None,
        detectable=difference.detectable(share),
        more_launches=_more_launches(difference, criterion, share)
        if answer == "undecided"
        else None,
    )


def _answer(difference: Difference, p: float, criterion: Criterion) -> Answer:
    margin, limit = difference.margin(criterion.confidence), criterion.limit
    if margin is None:
        return "undecided"
    if p < criterion.alpha and abs(difference.log_ratio) > limit:
        return "worse" if difference.log_ratio > 0 else "better"
    return "same" if abs(difference.log_ratio) + margin <= limit else "undecided"


def _more_launches(difference: Difference, criterion: Criterion, share: float) -> int | None:
    """The additional launches of the same spread that would decide it; None if none would."""
    launches, limit = difference.launches, criterion.limit
    if difference.standard_error is None:
        return None
    effect = abs(difference.log_ratio)
    quantile = 1 - share / 2 if effect > limit else 0.5 + criterion.confidence / 2
    room = effect if effect > limit else limit - effect

    def decides(number: int) -> bool:
        error, degrees = difference.expected(number)
        return t_quantile(quantile, degrees) * error <= room

    numbers = range(launches + 1, max(launches + 2, _MAX_LAUNCHES))
    first = bisect_left(numbers, 1, key=decides)  # if a number decides, so does every larger one
    return numbers[first] - launches if first < len(numbers) else None
