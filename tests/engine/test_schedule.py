"""Which launches come next: fixed numbers, contention, a budget; exact, with scripted time."""

import math

import msgspec
import pytest
from assembled_runs import make_run
from factories import make_latency

from cspbench.engine.schedule import Budget, CaseProgress, FixedLaunches, case_progress, strategy
from cspbench.records.run import Record
from cspbench.verdicts.looks import next_look


def progress(
    key: str,
    quiet: int = 6,
    disturbed: int = 0,
    *,
    width: float = 0.05,
    yardstick_width: float = 0.01,
    judged: bool = True,
    decided: bool = False,
    more_launches: int | None = 1,
    seconds: float = 1.0,
    reference: str | None = None,
) -> CaseProgress:
    return CaseProgress(
        key=key,
        reference=reference,
        quiet=quiet,
        disturbed=disturbed,
        half_width=width,
        yardstick_half_width=yardstick_width,
        is_judged=judged,
        is_decided=decided,
        more_launches=more_launches,
        launch_s=seconds,
    )


def test_fixed_launches_are_made_for_every_case_and_no_more() -> None:
    """Two of three are there for a, three for b."""
    schedule = FixedLaunches(launches=3)
    cases = [progress("a", 2), progress("b", 3)]
    assert schedule.next_cases(cases, 0.0) == ("a",)
    assert schedule.rounds_left(cases) == 1
    assert schedule.next_cases([progress("a", 3)], 0.0) == ()


def test_a_contended_launch_is_repeated_up_to_half_as_often_again() -> None:
    """Six asked for: three may be repeated, lest a busy machine hold a run up for ever."""
    schedule = FixedLaunches(launches=6)
    assert schedule.rounds_left([progress("a", 5, 1)]) == 1
    assert schedule.rounds_left([progress("a", 3, 3)]) == 3
    assert schedule.rounds_left([progress("a", 2, 6)]) == 1
    assert schedule.next_cases([progress("a", 0, 9)], 0.0) == ()


def test_a_budget_first_makes_the_fixed_launches() -> None:
    """Whatever the intervals say; time alone ends it."""
    schedule = Budget(launches=6, seconds=10.0)
    cases = [progress("a", 2), progress("b", 2, decided=True)]
    assert set(schedule.next_cases(cases, 1.0)) == {"a", "b"}
    assert schedule.next_cases(cases, 9.5) == ()
    assert schedule.next_cases([progress("a", 0), progress("b", 0)], 9.9) == ("a", "b")
    assert schedule.next_cases([progress("a", 0), progress("b", 0)], 10.0) == ()


def test_a_budget_then_spends_on_what_is_undecided_widest_first() -> None:
    """Three open cases of 4 s each and 9 s left: the two widest; the decided one rests."""
    schedule = Budget(launches=6, seconds=20.0)
    cases = [
        progress("narrow", width=0.02, seconds=4.0),
        progress("decided", decided=True, seconds=4.0),
        progress("widest", width=0.2, seconds=4.0),
        progress("wide", width=0.1, seconds=4.0),
    ]
    assert schedule.next_cases(cases, 11.0) == ("widest", "wide")
    assert schedule.rounds_left(cases) is None


def test_a_case_out_of_reach_comes_after_those_that_time_can_decide() -> None:
    """40 launches of 1 s are needed where 10 s remain: the narrower case goes first."""
    schedule = Budget(launches=6, seconds=10.0)
    cases = [
        progress("far", width=0.3, more_launches=40),
        progress("near", width=0.03, more_launches=2),
    ]
    assert schedule.next_cases(cases, 0.0) == ("near", "far")
    assert schedule.next_cases(cases, 9.0) == ("near",) or schedule.next_cases(cases, 9.0) == (
        "far",
    )


def test_a_reference_that_comes_along_is_paid_for_once() -> None:
    """5 s left: a and its reference take 4 s, b with the same reference 2 s more than remain."""
    schedule = Budget(launches=6, seconds=5.0)
    cases = [
        progress("ref", decided=True, seconds=2.0),
        progress("a", width=0.3, seconds=2.0, reference="ref"),
        progress("b", width=0.2, seconds=2.0, reference="ref"),
    ]
    assert schedule.next_cases(cases, 0.0) == ("a",)
    assert schedule.next_cases(cases, -1.0) == ("a", "b")


def test_a_budget_ends_early_where_everything_is_decided() -> None:
    """Time is left and nothing is open."""
    assert Budget(launches=6, seconds=99.0).next_cases([progress("a", decided=True)], 10.0) == ()


def test_a_decision_counts_only_at_a_look() -> None:
    """Looks are at 6, 8, 10, 13 launches: what 7 launches say by chance is not yet looked at."""
    schedule = Budget(launches=6, seconds=99.0)
    assert [next_look(number) for number in (6, 8, 10, 1)] == [8, 10, 13, 2]
    assert schedule.next_cases([progress("a", 7, decided=True)], 0.0) == ("a",)
    assert schedule.next_cases([progress("a", 8, decided=True)], 0.0) == ()
    assert schedule.next_cases([progress("a", 13, decided=True)], 0.0) == ()


def test_a_report_wants_narrow_intervals_too_but_verdicts_first() -> None:
    """B is decided, but known to 5% only; so is c, through the yardstick. a comes first."""
    schedule = Budget(launches=6, seconds=99.0, is_report=True)
    cases = [
        progress("b", decided=True, width=0.05),
        progress("c", decided=True, width=0.009, yardstick_width=0.05),
        progress("a", width=0.02),
    ]
    assert schedule.next_cases(cases, 0.0) == ("a", "b", "c")
    assert schedule.next_cases([progress("d", decided=True, width=0.009)], 0.0) == ()
    assert Budget(launches=6, seconds=99.0).next_cases(cases[:2], 0.0) == ()


def test_a_reference_is_not_launched_alone() -> None:
    """It came along to eleven launches, between two looks, and all that it is for is decided.

    Nor if time is left for the reference alone.
    """
    reference = progress("ref", 11, judged=False)
    schedule = Budget(launches=6, seconds=99.0)
    decided = progress("a", 10, decided=True, reference="ref")
    assert schedule.next_cases([reference, decided], 0.0) == ()
    cases = [progress("ref", 3), progress("a", 3, reference="ref", seconds=4.0)]
    assert schedule.next_cases(cases, 97.0) == ()
    assert schedule.next_cases(cases, 90.0) == ("ref", "a")


def test_the_progress_of_a_case_says_what_is_decided_and_what_it_costs() -> None:
    """3% slower is decided; ten turns of half a second, of which both took two in a second."""
    reference, slower = case_progress(make_run(1.03))
    assert (slower.is_decided, slower.quiet, slower.reference) == (True, 6, "Good infer")
    assert slower.half_width < 0.001
    assert slower.yardstick_half_width == math.inf  # this run has none
    assert not reference.is_judged  # its own interval is wide, and nothing asks for it
    assert reference.launch_s + slower.launch_s == pytest.approx(10 * 0.5)
    assert slower.launch_s / reference.launch_s == pytest.approx(1.03, rel=0.01)


def test_a_case_is_known_through_the_yardstick_in_a_like_state_of_the_machine() -> None:
    """In every other launch the yardstick alone takes 1.4 times as long."""
    run = make_run(1.03, launches=12)
    yardstick = tuple(
        make_latency(run.records[0].case, number, *[2e-3 * (1.4 if number % 2 else 1.0)] * 2)
        for number in range(1, 13)
    )
    run = msgspec.structs.replace(run, yardstick=yardstick)
    for case in case_progress(run):
        assert 0.0 < case.yardstick_half_width < 0.04


def test_beside_verdicts_a_case_without_a_reference_asks_for_no_time() -> None:
    """However wide its interval; in a run without any verdict it is what the time is for."""
    run = make_run(1.03)
    (case, lines) = (run.records[0].case, run.records[0].latencies)
    one_sided = msgspec.structs.replace(case, key="one_sided infer", reference=None)
    record = Record(
        case=one_sided,
        latencies=tuple(msgspec.structs.replace(line, case=one_sided.key) for line in lines),
        measurements=run.records[0].measurements,
    )
    with_judged = msgspec.structs.replace(run, records=(*run.records, record))
    without_judged = msgspec.structs.replace(run, records=(record,))
    assert not case_progress(with_judged)[-1].is_judged
    (only,) = case_progress(without_judged)
    assert only.is_judged
    assert not only.is_decided
    assert only.half_width > 0.01


def test_the_settings_choose_the_strategy() -> None:
    """A budget, or a fixed number; of two revisions nothing but the verdict is asked."""
    assert strategy(make_run().info) == FixedLaunches(launches=6)
    info = make_run(budget_s=60.0).info
    assert strategy(info) == Budget(launches=6, seconds=60.0, is_report=True)
    both = msgspec.structs.replace(info, revisions={"baseline": "a", "candidate": "b"})
    assert strategy(both) == Budget(launches=6, seconds=60.0)
