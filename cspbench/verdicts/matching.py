"""Launches of two runs, matched by the state of the machine, which the yardstick tells.

A machine has states that last for seconds to minutes: while a neighbour fills its caches, the
yardstick takes 1.43 times as long and a block of another shape 1.17 times, so that the block's
ratio to the yardstick falls by 18%. Runs meet such states in different shares. A launch is
therefore compared with those of the other run in which the yardstick took about as long: kernel
matching, after Heckman, Ichimura and Todd (Review of Economic Studies 65, 1998). Where the
yardstick took as long in all launches, it is Welch's test. What remains between the states that are
compared widens the interval; where runs met no like state, all launches are compared so.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, pvariance, stdev, variance
from typing import NamedTuple

from .stats import MOST_DEGREES, Difference, finite, welch_degrees
from .turns import log_ratio

_BANDWIDTH = 0.05  # of the logarithm of the yardstick's time
_STEP = _BANDWIDTH / 10  # of the scale of states: launches are counted by state, not in pairs
_FARTHEST = 30  # steps; launches farther apart are not compared
_KERNEL = {
    steps: math.exp(-((steps * _STEP / _BANDWIDTH) ** 2) / 2)
    for steps in range(-_FARTHEST, _FARTHEST + 1)
}
_FEWEST = 1.5  # launches that a side's weights amount to, or there is no like state
_SENSITIVITY = 0.5  # of a ratio to the state: a standard deviation, both in logarithms


@dataclass(frozen=True, slots=True)
class YardstickRatio:
    """A case in one launch: its log-ratio to the yardstick, and the yardstick's own seconds.

    Where the yardstick's times are not known, they are the same in all launches.
    """

    log_ratio: float
    yardstick_s: float

    @property
    def state(self) -> int:
        """The yardstick's time, in steps of half a percent."""
        return round(math.log(self.yardstick_s) / _STEP)


def ratios_to_yardstick(
    samples_s: Mapping[int, Sequence[float]], yardstick_s: Mapping[int, Sequence[float]]
) -> list[YardstickRatio]:
    """A case in each launch that the yardstick took part in, by the turns that both took.

    Both arguments hold samples by the number of the launch.
    """
    return [
        YardstickRatio(
            log_ratio(samples, yardstick_s[launch]),
            median(yardstick_s[launch][: len(samples)]),
        )
        for launch, samples in samples_s.items()
        if launch in yardstick_s
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """Two runs, compared launch by launch; each pair of values is of baseline and candidate.

    ``log_ratios`` are means in which a launch has the weight of its counterparts; ``difference`` is
    between the two. ``launches`` are the numbers that the weights amount to; ``unmatched`` are the
    launches, by index, that have no counterpart and do not count. ``has_like_state``: the runs met
    a like state; otherwise all launches count.
    """

    difference: Difference
    log_ratios: tuple[float, float]
    launches: tuple[float, float]
    unmatched: tuple[tuple[int, ...], tuple[int, ...]]
    has_like_state: bool


def matched(
    baseline: Sequence[YardstickRatio], candidate: Sequence[YardstickRatio], *, wander: float = 0.0
) -> Matched:
    """The difference of ``candidate`` over ``baseline``, from one ratio a launch.

    Its variance is the jackknife's over launches, with Welch's degrees of freedom for the number of
    launches that the weights amount to; where launches match one to one, it is up to twice too
    large. If the states compared differ by more than 5% (root mean square), half of what is beyond
    is a further standard deviation, as is ``wander``: what ratios change by from run to run without
    a trace in the launches. There is neither if a side has one launch. Raises `ValueError`
    for an empty side or a ratio that is not finite.
    """
    for launches in (baseline, candidate):
        finite([launch.log_ratio for launch in launches])
    sides = _matched_side(baseline, candidate), _matched_side(candidate, baseline)
    has_like_state = all(
        side.effective_launches >= min(_FEWEST, number)
        for side, number in zip(sides, (len(baseline), len(candidate)), strict=True)
    )
    distance = sides[0].distance
    if not has_like_state:
        sides = _whole_side(baseline, candidate), _whole_side(candidate, baseline)
        distance = _distance(baseline, candidate)
    before, after = sides[0].mean, sides[1].mean
    numbers = sides[0].effective_launches, sides[1].effective_launches
    error, fixed_error, degrees = None, 0.0, 0.0
    if min(len(baseline), len(candidate)) > 1:
        parts = [sides[0].variance(after - before), sides[1].variance(before - after)]
        bias = _SENSITIVITY * max(0.0, distance - _BANDWIDTH)
        fixed_error = math.hypot(bias, wander)
        error = math.hypot(*map(math.sqrt, parts), fixed_error)
        degrees = welch_degrees(parts, numbers)
        noise = math.fsum(parts)
        if noise:  # what is no estimate has no degrees of freedom
            degrees = min(degrees * (error**2 / noise) ** 2, MOST_DEGREES)
    return Matched(
        difference=Difference(
            log_ratio=after - before,
            standard_error=error,
            degrees=degrees,
            candidate=sides[1].log_ratios,
            baseline=sides[0].log_ratios,
            is_matched=True,
            fixed_error=fixed_error,
        ),
        log_ratios=(before, after),
        launches=numbers,
        unmatched=(sides[0].unmatched, sides[1].unmatched),
        has_like_state=has_like_state,
    )


def spread(launches: Sequence[YardstickRatio]) -> float:
    """The standard deviation of the log-ratios of a run's launches in a like state.

    Each launch is held against the mean of its counterparts in the run itself. If less than half
    have any, it is that of all. Raises `statistics.StatisticsError` for fewer than two launches.
    """
    sums = _sums(launches, launches)
    squares: list[float] = []
    for launch in launches:
        near = sums[launch.state]
        weight, total = near.weight - 1, near.total - launch.log_ratio  # without itself
        if weight > _KERNEL[_FARTHEST] / 2:
            error = launch.log_ratio - total / weight
            squares.append(error**2 / (1 + (near.square - 1) / weight**2))
    if len(squares) < max(2, len(launches) / 2):
        return stdev(launch.log_ratio for launch in launches)
    return math.sqrt(fmean(squares))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """The log-ratios of a side's launches that count, and what each is compared with.

    ``weights`` are those of its counterparts together, ``counterparts`` their mean log-ratio;
    ``distance`` is how far their states are, as the root mean square of logarithms.
    """

    log_ratios: tuple[float, ...]
    weights: tuple[float, ...]
    counterparts: tuple[float, ...]
    unmatched: tuple[int, ...] = ()
    distance: float = 0.0

    @property
    def mean(self) -> float:
        """The weighted mean of the log-ratios."""
        products = map(math.prod, zip(self.weights, self.log_ratios, strict=True))
        return math.fsum(products) / math.fsum(self.weights)

    @property
    def effective_launches(self) -> float:
        """The number of launches of equal weight that the weights amount to; 0 without any."""
        if not self.weights:
            return 0.0
        return math.fsum(self.weights) ** 2 / math.fsum(weight**2 for weight in self.weights)

    def variance(self, shift: float) -> float:
        """The side's part of the difference's variance: that of leaving out each launch in turn.

        ``shift`` is the difference of the other side's mean over this one's.
        """
        total = math.fsum(self.weights)
        changes = [
            weight * (log_ratio + shift - counterpart) / (total - weight)
            for log_ratio, weight, counterpart in zip(
                self.log_ratios, self.weights, self.counterparts, strict=True
            )
        ]
        return variance(changes) * (len(changes) - 1) ** 2 / len(changes)


def _matched_side(launches: Sequence[YardstickRatio], others: Sequence[YardstickRatio]) -> _Side:
    sums = _sums(launches, others)
    near = {index: sums[launch.state] for index, launch in enumerate(launches)}
    counting = {index: around for index, around in near.items() if around.weight}
    total = math.fsum(around.weight for around in counting.values())
    distances = math.fsum(around.distance for around in counting.values())
    return _Side(
        log_ratios=tuple(launches[index].log_ratio for index in counting),
        weights=tuple(around.weight for around in counting.values()),
        counterparts=tuple(around.total / around.weight for around in counting.values()),
        unmatched=tuple(index for index in near if index not in counting),
        distance=math.sqrt(distances / total) if total else math.inf,
    )


def _whole_side(launches: Sequence[YardstickRatio], others: Sequence[YardstickRatio]) -> _Side:
    number = len(launches)
    return _Side(
        log_ratios=tuple(launch.log_ratio for launch in launches),
        weights=(1.0,) * number,
        counterparts=(fmean(other.log_ratio for other in others),) * number,
    )


def _distance(baseline: Sequence[YardstickRatio], candidate: Sequence[YardstickRatio]) -> float:
    """How far the states of all launches of two sides are apart, as a root mean square."""
    sides = [[launch.state * _STEP for launch in side] for side in (baseline, candidate)]
    means = [fmean(side) for side in sides]
    squares = math.fsum(pvariance(side, mean) for side, mean in zip(sides, means, strict=True))
    return math.sqrt(squares + (means[1] - means[0]) ** 2)


class _Near(NamedTuple):
    """Sums over the launches about a state: of the kernel, and of the kernel times something.

    ``total``: times their log-ratios; ``square``: times itself; ``distance``: times the square of
    the distance in state.
    """

    weight: float
    total: float
    square: float
    distance: float


def _sums(launches: Sequence[YardstickRatio], others: Sequence[YardstickRatio]) -> dict[int, _Near]:
    """The sums over ``others``, by the state of each of ``launches``."""
    counts = Counter(other.state for other in others)
    totals: defaultdict[int, float] = defaultdict(float)
    for other in others:
        totals[other.state] += other.log_ratio
    sums: dict[int, _Near] = {}
    for state in {launch.state for launch in launches}:
        around = [
            (kernel, steps * _STEP, counts[state + steps], totals[state + steps])
            for steps, kernel in _KERNEL.items()
            if state + steps in counts
        ]
        sums[state] = _Near(
            weight=math.fsum(kernel * count for kernel, _, count, _ in around),
            total=math.fsum(kernel * total for kernel, _, _, total in around),
            square=math.fsum(kernel**2 * count for kernel, _, count, _ in around),
            distance=math.fsum(kernel * far**2 * count for kernel, far, count, _ in around),
        )
    return sums
