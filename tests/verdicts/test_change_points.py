"""Change points of simulated series: false alarms, steps found, their size."""

import math
import random
from collections.abc import Iterator

import pytest

from cspbench.verdicts.change_points import FEWEST_RUNS, Step, steps

pytest.importorskip("ruptures")

WANDER, LAUNCHES_S, LAUNCHES = 0.006, 0.02, 8
"""Standard deviations of a ratio's logarithm, of runs and of their launches (docs/decisions.md)."""


def runs(draw: random.Random, number: int) -> list[float]:
    """The log-ratio of identical code in each of ``number`` runs."""
    return [
        draw.gauss(0.0, WANDER)
        + sum(draw.gauss(0.0, LAUNCHES_S) for _ in range(LAUNCHES)) / LAUNCHES
        for _ in range(number)
    ]


def stepped(draw: random.Random, number: int, index: int, ratio: float) -> list[float]:
    """The same, with code from the run ``index`` on that takes ``ratio`` times as long."""
    return [
        value + (math.log(ratio) if place >= index else 0.0)
        for place, value in enumerate(runs(draw, number))
    ]


def of_one(values: list[float]) -> tuple[Step, ...]:
    return steps({0: values})[0]


@pytest.mark.parametrize("number", [6, 12, 30])
def test_identical_code_has_next_to_no_change_points(number: int) -> None:
    """At most 1% of histories of one case, and of a history of 150 cases as a whole."""
    draw = random.Random(number)
    series = {index: runs(draw, number) for index in range(150)}
    alarms = sum(bool(of_one(values)) for values in series.values())
    assert alarms <= 5  # of a binomial with 1.5 expected, in all but 1 of 200 cases
    assert not any(steps(series).values())


def test_a_step_of_five_percent_is_found_where_it_is() -> None:
    """In the middle of 30 runs of one of ten cases, and three runs after it."""
    draw = random.Random(1)
    for index in (15, 27):
        covered = 0
        for _ in range(40):
            series = {case: runs(draw, 30) for case in range(10)}
            series[0] = stepped(draw, 30, index, 1.05)
            (step,) = steps(series)[0]
            assert abs(step.index - index) <= 1
            ratio = step.difference.estimate()
            assert ratio.low is not None
            assert ratio.high is not None
            covered += ratio.low < 1.05 < ratio.high
        assert covered >= 34  # of 40 at 95%


def test_a_change_that_is_taken_back_is_two() -> None:
    """Slower for ten runs."""
    draw = random.Random(2)
    values = stepped(draw, 30, 10, 1.05)
    back = [value - math.log(1.05) * (place >= 20) for place, value in enumerate(values)]
    first, second = of_one(back)
    assert (first.index, second.index) == (10, 20)
    assert first.difference.log_ratio > 0 > second.difference.log_ratio


@pytest.mark.parametrize("odd", [{14: 0.2}, {0: -0.1}, {29: -0.3}])
def test_one_odd_run_is_no_change(odd: dict[int, float]) -> None:
    """A busy machine, or a run that was stopped."""
    values = runs(random.Random(3), 30)
    assert of_one([value + odd.get(place, 0.0) for place, value in enumerate(values)]) == ()


def test_a_step_below_the_threshold_is_none() -> None:
    """However certain it is."""
    values = [1e-9 * (place % 2) + 0.024 * (place >= 10) for place in range(20)]
    assert of_one(values) == ()
    assert [step.index for step in steps({0: values}, threshold=0.001)[0]] == [10]


def quiet() -> Iterator[list[float]]:
    yield [2.0] * 5 + [3.0] * 5
    yield [2.0] * 5


def test_values_without_any_noise_step_exactly() -> None:
    """Such as the size of a file; equal values have no step, nor has a short series."""
    series, equal = quiet()
    (step,) = of_one(series)
    assert (step.index, step.difference.log_ratio) == (5, 1.0)
    assert of_one(equal * 2) == ()
    assert of_one([0.0, 0.0, 5.0, 5.0, 5.0][: FEWEST_RUNS - 1]) == ()


def test_a_value_that_is_not_finite_is_refused() -> None:
    """As a logarithm of 0 would be."""
    with pytest.raises(ValueError, match="finite"):
        of_one([0.0] * 6 + [math.inf])
