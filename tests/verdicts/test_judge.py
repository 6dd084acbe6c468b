"""Verdicts: four answers, many cases at once, what would decide, and error rates by simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.verdicts.judge import Criterion, Verdict, judge
from cspbench.verdicts.stats import Difference, paired, welch


def verdict_of(difference: Difference, *, threshold: float = 0.01, alpha: float = 0.01) -> Verdict:
    verdicts = judge({"a": difference}, {"a": Criterion(threshold=threshold, alpha=alpha)})
    return verdicts["a"]


def around(centre: float, spread: float = 0.001) -> list[float]:
    """Six log-ratios about ``centre``, a little apart."""
    return [centre + spread * step for step in (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)]


@pytest.mark.parametrize(
    ("logs", "answer"),
    [
        (around(math.log(1.05)), "worse"),
        (around(math.log(0.95)), "better"),
        (around(0.0), "same"),
        (around(math.log(1.005)), "same"),  # real, and too small to matter
        (around(math.log(1.05), spread=0.05), "undecided"),  # large, and lost in the noise
        (around(math.log(1.0105), spread=0.0005), "worse"),  # just beyond the threshold
        (around(math.log(1.009), spread=0.001), "undecided"),  # real; its interval crosses it
        ([math.log(1.5)], "undecided"),  # one launch is no evidence
    ],
)
def test_the_four_answers(logs: list[float], answer: str) -> None:
    """Worse and better are real and beyond the threshold; same lies within; the rest is open."""
    assert verdict_of(paired(logs)).answer == answer


def test_up_and_down_are_treated_alike() -> None:
    """A ratio and its inverse get opposite answers with the same p."""
    up, down = verdict_of(paired(around(0.03))), verdict_of(paired([-log for log in around(0.03)]))
    assert (up.answer, down.answer) == ("worse", "better")
    assert up.p == down.p
    assert up.ratio.value == pytest.approx(1 / down.ratio.value)


def test_a_case_among_many_needs_clearer_evidence() -> None:
    """Alone, p = 0.004 decides; among ten it does not: Holm holds ten times as much."""
    logs = around(0.03, spread=0.0069)
    verdict_alone = verdict_of(paired(logs))
    assert 0.001 < verdict_alone.p < 0.01
    assert verdict_alone.answer == "worse"
    differences = {"a": paired(logs)} | {f"b{i}": paired(around(0.0)) for i in range(9)}
    verdicts = judge(differences, dict.fromkeys(differences, Criterion()))
    assert verdicts["a"].answer == "undecided"
    assert verdicts["a"].p == pytest.approx(10 * verdict_alone.p)
    assert all(verdicts[f"b{i}"].answer == "same" for i in range(9))


def test_each_case_has_a_criterion_of_its_own() -> None:
    """Two cases 3% slower: where the noise floor is 4%, that is not called worse."""
    logs = paired(around(0.03))
    verdicts = judge(
        {"quiet": logs, "noisy": logs},
        {"quiet": Criterion(), "noisy": Criterion(threshold=0.04)},
    )
    assert (verdicts["quiet"].answer, verdicts["noisy"].answer) == ("worse", "same")


def test_a_permutation_test_is_shown_only_where_it_could_decide() -> None:
    """6 pairs: p is 2/64 at best, above 1%. 9 pairs: 2/512, below."""
    assert verdict_of(paired(around(0.03))).permutation_p is None
    assert verdict_of(paired([*around(0.03), 0.031, 0.029, 0.03])).permutation_p == 2 / 512


def test_no_cases_have_no_verdicts() -> None:
    """A suite without a reference entry."""
    assert judge({}, {}) == {}


@pytest.mark.parametrize("effect", [0.03, 0.0])
def test_the_launches_said_to_decide_do_decide(effect: float) -> None:
    """The same mean and spread with so many launches more is decided, with one fewer it is not."""
    logs = around(effect, spread=0.012 if effect else 0.008)
    verdict = verdict_of(paired(logs))
    assert verdict.answer == "undecided"
    assert verdict.more_launches is not None

    def with_launches(number: int) -> str:
        half = [effect + 0.01 * (-1) ** index for index in range(number)]
        scale = paired(logs).standard_error or 0.0
        have = paired(half).standard_error or 1.0
        deviation = scale * math.sqrt(6 / number)
        centre = sum(half) / number
        return verdict_of(paired([effect + (x - centre) * deviation / have for x in half])).answer

    assert with_launches(6 + verdict.more_launches) == ("worse" if effect else "same")
    assert with_launches(6 + verdict.more_launches - 1) == "undecided"


def test_a_difference_as_large_as_the_threshold_is_said_to_stay_open() -> None:
    """No number of launches tells 1.000% from 1%."""
    assert verdict_of(paired(around(math.log1p(0.01), spread=0.01))).more_launches is None


@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=12),
    st.lists(st.floats(-2, 2), min_size=1, max_size=12),
)
def test_any_launches_get_a_verdict(baseline: list[float], candidate: list[float]) -> None:
    """No numbers raise, and a decided answer lies on its side of the threshold."""
    for difference in (paired(candidate), welch(baseline, candidate)):
        verdict = verdict_of(difference)
        assert 0 <= verdict.p <= 1
        if verdict.answer in {"worse", "better"}:
            assert (verdict.ratio.value > 1.01) == (verdict.answer == "worse")
            assert (verdict.ratio.value < 1 / 1.01) == (verdict.answer == "better")


@pytest.mark.parametrize("heavy", [False, True])
def test_a_suite_of_identical_cases_cries_wolf_less_than_stated(heavy: bool) -> None:
    """600 simulated suites of 16 identical cases, 6 launches: fewer than 1% hold any false alarm.

    The expected number is 6 at the most; above 13 would come by chance less than once in 200.
    """
    chance = random.Random(heavy)
    alarmed = 0
    for _ in range(600):
        suite = {}
        for case in range(16):
            scale = 0.02 / math.sqrt(chance.expovariate(1.0)) if heavy else 0.02
            suite[str(case)] = paired([chance.gauss(0, scale) for _ in range(6)])
        verdicts = judge(suite, dict.fromkeys(suite, Criterion()))
        alarmed += any(verdict.answer in {"worse", "better"} for verdict in verdicts.values())
    assert alarmed <= 13


def test_a_planted_change_is_found_as_often_as_the_detectable_change_says() -> None:
    """1000 simulated pairs of runs, 8 launches each, spread 1%: a change of 3% among 4 cases."""
    chance = random.Random(8)
    detections = 0
    for _ in range(1000):
        suite = {
            str(case): paired([chance.gauss(0.03 if case == 0 else 0.0, 0.01) for _ in range(8)])
            for case in range(4)
        }
        verdicts = judge(suite, dict.fromkeys(suite, Criterion()))
        detections += verdicts["0"].answer == "worse"
        assert all(verdicts[str(case)].answer != "better" for case in range(1))
    detectable = paired([0.01 * math.sqrt(7 / 8) * (-1) ** index for index in range(8)]).detectable(
        0.01 / 4
    )
    assert detectable is not None
    assert detectable < 0.03
    assert detections / 1000 > 0.8
