"""Launches of two runs, matched by the state of the machine, which the yardstick tells.

A machine has states that last for seconds to minutes: while a neighbour fills its caches, the
yardstick takes 1.4 times as long and a block of another shape 1.2 times, so that the block's ratio
to the yardstick falls by a sixth. Runs meet such states in different shares. A launch is therefore
compared with those of the other run in which the yardstick took about as long: kernel matching,
after Heckman, Ichimura and Todd (Review of Economic Studies 65, 1998). Where the yardstick took as
long in all launches, it is Welch's test. Where runs met no like state, all their launches are
compared, and the interval says how far that may mislead.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev, variance

from .stats import Difference, finite, welch_degrees
from .turns import log_ratio

_BANDWIDTH = 0.05  # of the logarithm of the yardstick's time
_STEP = _BANDWIDTH / 10  # between states, so that a million launches take a second
_FARTHEST = 30  # steps; launches farther apart are not compared
_KERNEL = {
    steps: math.exp(-((steps * _STEP / _BANDWIDTH) ** 2) / 2)
    for steps in range(-_FARTHEST, _FARTHEST + 1)
}
_FEWEST = 1.5  # launches that a side's weights amount to, or there is no like state
_SENSITIVITY = 0.5  # of a ratio to the yardstick's time: a standard deviation, both in logarithms


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


def through_yardstick(
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
    """Two runs, compared launch by launch.

    ``log_ratios`` are the means of baseline and candidate, in which a launch has the weight of its
    counterparts; ``difference`` is between the two. ``unmatched`` are the launches of each side, by
    index, that have no counterpart and do not count. ``is_alike``: the runs met a like state;
    otherwise all launches count.
    """

    difference: Difference
    log_ratios: tuple[float, float]
    unmatched: tuple[tuple[int, ...], tuple[int, ...]]
    is_alike: bool


def matched(baseline: Sequence[YardstickRatio], candidate: Sequence[YardstickRatio]) -> Matched:
    """The difference of ``candidate`` over ``baseline``, from one ratio a launch.

    Its standard error is the jackknife's over launches, and its degrees of freedom are Welch's for
    the number of launches that the weights amount to; it has neither if a side has one launch. If
    fewer than two launches of a side have counterparts of weight, half of the difference in the
    yardstick's time is added to the standard error. Raises `ValueError` for an empty side or a
    ratio that is not finite.
    """
    for side in (baseline, candidate):
        finite([launch.log_ratio for launch in side])
    sides = _matched_side(baseline, candidate), _matched_side(candidate, baseline)
    is_alike = min(side.effective_launches for side in sides) >= _FEWEST
    if not is_alike:
        sides = _whole_side(baseline, candidate), _whole_side(candidate, baseline)
    before, after = sides[0].mean, sides[1].mean
    error, degrees = None, 0.0
    if min(len(baseline), len(candidate)) > 1:
        parts = [sides[0].variance(after - before), sides[1].variance(before - after)]
        degrees = welch_degrees(parts, [side.effective_launches for side in sides])
        bias = 0.0 if is_alike else _SENSITIVITY * (_mean_state(candidate) - _mean_state(baseline))
        error = math.hypot(*map(math.sqrt, parts), bias)
    return Matched(
        difference=Difference(
            log_ratio=after - before,
            standard_error=error,
            degrees=degrees,
            candidate=sides[1].log_ratios,
            baseline=sides[0].log_ratios,
            is_matched=True,
        ),
        log_ratios=(before, after),
        unmatched=(sides[0].unmatched, sides[1].unmatched),
        is_alike=is_alike,
    )


def spread(launches: Sequence[YardstickRatio]) -> float:
    """The standard deviation of the log-ratios of a run's launches in a like state.

    Each launch is held against the mean of its counterparts in the run itself. If fewer than two
    have any, it is that of all. Raises `statistics.StatisticsError` for fewer than two launches.
    """
    near = _near(launches, launches)
    squares: list[float] = []
    for launch in launches:
        weight, total, square = near[launch.state]
        weight, total, square = weight - 1, total - launch.log_ratio, square - 1  # without itself
        if weight > _KERNEL[_FARTHEST] / 2:
            error = launch.log_ratio - total / weight
            squares.append(error**2 / (1 + square / weight**2))
    if len(squares) < 2:
        return stdev(launch.log_ratio for launch in launches)
    return math.sqrt(fmean(squares))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """The log-ratios of a side's launches that count, and what each is compared with.

    ``weights`` are those of its counterparts together, ``counterparts`` their mean log-ratio.
    """

    log_ratios: tuple[float, ...]
    weights: tuple[float, ...]
    counterparts: tuple[float, ...]
    unmatched: tuple[int, ...] = ()

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
    near = _near(launches, others)
    around = {index: near[launch.state] for index, launch in enumerate(launches)}
    matched_with = {index: sums for index, sums in around.items() if sums[0]}
    return _Side(
        log_ratios=tuple(launches[index].log_ratio for index in matched_with),
        weights=tuple(weight for weight, _, _ in matched_with.values()),
        counterparts=tuple(total / weight for weight, total, _ in matched_with.values()),
        unmatched=tuple(index for index in around if index not in matched_with),
    )


def _whole_side(launches: Sequence[YardstickRatio], others: Sequence[YardstickRatio]) -> _Side:
    number = len(launches)
    return _Side(
        log_ratios=tuple(launch.log_ratio for launch in launches),
        weights=(1.0,) * number,
        counterparts=(fmean(other.log_ratio for other in others),) * number,
    )


def _mean_state(launches: Sequence[YardstickRatio]) -> float:
    return fmean(math.log(launch.yardstick_s) for launch in launches)


def _near(
    launches: Sequence[YardstickRatio], others: Sequence[YardstickRatio]
) -> dict[int, tuple[float, float, float]]:
    """By the state of each of ``launches``: sums over ``others`` of the kernel about it.

    They are the sums of the kernel itself, times the log-ratios, and squared.
    """
    counts = Counter(other.state for other in others)
    totals: defaultdict[int, float] = defaultdict(float)
    for other in others:
        totals[other.state] += other.log_ratio
    sums: dict[int, tuple[float, float, float]] = {}
    for state in {launch.state for launch in launches}:
        around = [(kernel, state + steps) for steps, kernel in _KERNEL.items()]
        sums[state] = (
            math.fsum(kernel * counts[near] for kernel, near in around),
            math.fsum(kernel * totals.get(near, 0.0) for kernel, near in around),
            math.fsum(kernel**2 * counts[near] for kernel, near in around),
        )
    return sums
