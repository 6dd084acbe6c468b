"""Two runs whose launches met states of the machine in different shares."""

import math
import random
from statistics import fmean, stdev

import pytest

from cspbench.verdicts.judge import Criterion, Verdict, judge
from cspbench.verdicts.matching import (
    YardstickRatio,
    matched,
    ratios_to_yardstick,
    spread,
)
from cspbench.verdicts.permutation import smallest_p
from cspbench.verdicts.stats import welch

BASELINE = (0.30, 0.31, 0.33, 0.28, 0.35)
CANDIDATE = (0.36, 0.34, 0.41, 0.33)


def in_state(log_ratios: tuple[float, ...], yardstick_s: float = 2e-3) -> list[YardstickRatio]:
    return [YardstickRatio(log_ratio, yardstick_s) for log_ratio in log_ratios]


def simulated_run(chance: random.Random, launches: int, shift: float = 0.0) -> list[YardstickRatio]:
    """Launches in two lasting states: in the slow one the yardstick takes 43% longer, a case 18%.

    The clock varies by 2% from launch to launch, a case's ratio by 1%.
    """
    is_slow = chance.random() < 0.4
    run = []
    for _ in range(launches):
        if chance.random() < 0.15:
            is_slow = chance.random() < 0.4
        slower = chance.gauss(0.36, 0.03) if is_slow else 0.0
        log_s = math.log(1.6e-3) + slower + chance.gauss(0, 0.02)
        log_ratio = shift - slower / 2 + chance.gauss(0, 0.01)
        run.append(YardstickRatio(log_ratio, math.exp(log_s)))
    return run


def test_in_one_state_it_is_welchs_test() -> None:
    """The same difference, standard error and degrees of freedom."""
    pair = matched(in_state(BASELINE), in_state(CANDIDATE))
    expected = welch(BASELINE, CANDIDATE)
    assert pair.difference.log_ratio == pytest.approx(expected.log_ratio)
    assert pair.difference.standard_error == pytest.approx(expected.standard_error)
    assert pair.difference.degrees == pytest.approx(expected.degrees)
    assert pair.log_ratios == pytest.approx((fmean(BASELINE), fmean(CANDIDATE)))
    assert pair.unmatched == ((), ())
    assert pair.has_like_state


def test_launches_are_compared_with_those_of_a_like_state() -> None:
    """Half of the baseline and one of ten of the candidate are slow: identical code all the same.

    A plain mean says +7.2%.
    """
    fast, slow = (0.30, 0.31, 0.29), (0.12, 0.13, 0.11)
    baseline = in_state(fast) + in_state(slow, 2.9e-3)
    candidate = in_state(fast * 3) + in_state((0.12,), 2.9e-3)
    pair = matched(baseline, candidate)
    assert pair.difference.log_ratio == pytest.approx(0.0, abs=1e-9)
    assert pair.log_ratios[0] == pytest.approx(pair.log_ratios[1])
    margin = pair.difference.margin()
    assert margin is not None
    assert margin < 0.02


def test_a_state_that_one_run_alone_met_does_not_count() -> None:
    """Its launches are named, and their ratio changes nothing."""
    for strange in (-0.2, 5.0):
        baseline = in_state(BASELINE)
        candidate = [YardstickRatio(strange, 2.9e-3), *in_state(CANDIDATE)]
        pair = matched(baseline, candidate)
        assert pair.unmatched == ((), (0,))
        assert pair.difference.log_ratio == pytest.approx(fmean(CANDIDATE) - fmean(BASELINE))
        assert pair.difference.launches == 4


@pytest.mark.parametrize("factor", [1.03, 1.12, 1.15, 1.18, 1.3])
def test_the_interval_is_wide_where_the_states_are_apart(factor: float) -> None:
    """By half of what exceeds 5%, whether launches that far apart are matched or not."""
    pair = matched(in_state(BASELINE), in_state(CANDIDATE, 2e-3 * factor))
    assert pair.has_like_state == (factor < 1.16)
    assert pair.unmatched == ((), ())
    plain = welch(BASELINE, CANDIDATE)
    further = max(0.0, math.log(factor) - 0.05) / 2
    assert pair.difference.log_ratio == pytest.approx(plain.log_ratio)
    assert pair.difference.standard_error == pytest.approx(
        math.hypot(plain.standard_error or 0.0, further), rel=0.05
    )
    assert pair.difference.degrees >= plain.degrees - 1e-9


def test_states_on_both_sides_of_the_other_runs_are_no_like_state() -> None:
    """1.6 and 2.3 ms against 1.92 ms: their means are equal, and the interval is wide."""
    fast, slow = in_state(BASELINE, 1.6e-3), in_state(BASELINE, 2.3e-3)
    pair = matched([*fast, *slow], in_state(CANDIDATE, 1.92e-3))
    assert not pair.has_like_state
    margin = pair.difference.margin()
    assert margin is not None
    assert margin > 0.1


def test_one_launch_in_a_like_state_is_as_good_as_none() -> None:
    """The interval rests on all launches then."""
    candidate = [YardstickRatio(0.3, 2e-3), *in_state(CANDIDATE, 2.6e-3)]
    assert not matched(in_state(BASELINE), candidate).has_like_state


def test_one_launch_on_a_side_has_no_interval() -> None:
    """Nor has one on both."""
    for baseline, candidate in ((BASELINE, (0.3,)), ((0.3,), CANDIDATE), ((0.3,), (0.2,))):
        pair = matched(in_state(baseline), in_state(candidate))
        assert pair.difference.standard_error is None
        assert pair.difference.p == 1.0


def test_launches_that_are_matched_cannot_change_sides() -> None:
    """No permutation test is made of them."""
    pair = matched(in_state(BASELINE * 4), in_state(CANDIDATE * 4))
    assert smallest_p(pair.difference) == 1.0


@pytest.mark.parametrize("launches", [6, 20])
def test_the_interval_holds_the_ratio_where_states_last(launches: int) -> None:
    """800 pairs of runs, 5% apart: in 95 of 100; Welch's test in fewer than 70."""
    chance = random.Random(launches)
    held = {"matched": 0, "welch": 0}
    for _ in range(800):
        sides = simulated_run(chance, launches), simulated_run(chance, launches, 0.05)
        logs = [[launch.log_ratio for launch in side] for side in sides]
        for name, difference in (("matched", matched(*sides).difference), ("welch", welch(*logs))):
            margin = difference.margin()
            assert margin is not None
            held[name] += abs(difference.log_ratio - 0.05) <= margin
    assert held["matched"] / 800 >= 0.93
    assert held["welch"] / 800 < 0.7


def verdict_of_runs(effect: float, launches: int, wander: float = 0.006) -> Verdict:
    """Of two runs, each with a standard deviation of 2%, at a threshold of 2.5%."""
    steps = [(-1.0) ** index for index in range(launches)]
    logs = [0.02 / stdev(steps) * (step - fmean(steps)) for step in steps]
    baseline, candidate = in_state(tuple(logs)), in_state(tuple(effect + log for log in logs))
    pair = matched(baseline, candidate, wander=wander)
    return judge({"a": pair.difference}, {"a": Criterion(threshold=0.025)})["a"]


@pytest.mark.parametrize(("effect", "answer"), [(0.005, "same"), (0.035, "worse")])
def test_the_launches_said_to_decide_do_decide(effect: float, answer: str) -> None:
    """What wanders from run to run remains, however many launches there are."""
    begun = verdict_of_runs(effect, 6)
    assert begun.answer == "undecided"
    assert begun.more_launches is not None
    assert verdict_of_runs(effect, 6 + begun.more_launches).answer == answer
    assert verdict_of_runs(effect, 5 + begun.more_launches).answer == "undecided"


def test_no_launches_are_asked_for_where_what_wanders_leaves_too_little_room() -> None:
    """From 1.5% to the threshold are 1.0%; 0.6% makes intervals of 1.2% at least."""
    assert verdict_of_runs(0.015, 6).more_launches is None
    assert verdict_of_runs(0.015, 6, wander=0.0).more_launches is not None


def test_the_spread_in_one_state_is_the_standard_deviation() -> None:
    """So it is where no launch has a counterpart."""
    assert spread(in_state(BASELINE)) == pytest.approx(stdev(BASELINE))
    apart = [YardstickRatio(log, 2e-3 * 1.5**index) for index, log in enumerate(BASELINE)]
    assert spread(apart) == pytest.approx(stdev(BASELINE))


def test_the_spread_is_that_of_launches_in_a_like_state() -> None:
    """1% by design, and what the clock and the slow state add; of all launches more than 7%."""
    chance = random.Random(3)
    run = [launch for _ in range(20) for launch in simulated_run(chance, 20)]
    assert stdev(launch.log_ratio for launch in run) > 0.07
    assert spread(run) == pytest.approx(0.0135, abs=0.0025)


def test_thousands_of_launches_are_matched_at_once() -> None:
    """A report may hold as many; states are counted, not pairs of launches."""
    chance = random.Random(5)
    run = [YardstickRatio(chance.gauss(0, 0.01), chance.uniform(1e-3, 2e-3)) for _ in range(50_000)]
    margin = matched(run, run[::-1]).difference.margin()
    assert margin == pytest.approx(1.96 * 0.01 * math.sqrt(2 / 50_000), rel=0.05)


def test_a_launch_has_the_yardsticks_time_in_the_turns_that_both_took() -> None:
    """The third turn is the yardstick's alone, and a launch without it does not count."""
    (launch,) = ratios_to_yardstick({1: (2e-3, 4e-3), 2: (3e-3,)}, {1: (1e-3, 2e-3, 9e-3)})
    assert launch.log_ratio == pytest.approx(math.log(2))
    assert launch.yardstick_s == pytest.approx(1.5e-3)


def test_a_side_without_launches_is_an_error() -> None:
    """As is a ratio that is not finite."""
    for baseline, candidate in (
        ([], in_state(CANDIDATE)),
        (in_state(BASELINE), in_state((math.nan,))),
    ):
        with pytest.raises(ValueError, match="finite value"):
            matched(baseline, candidate)
