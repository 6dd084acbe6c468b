"""One launch: what its worker sends, and which of its lines are kept."""

import pytest
from factories import SETTINGS, make_case, make_latency, make_launch

from cspbench.engine.isolate import Exit
from cspbench.engine.launch import LaunchResult, lines_to_keep, run_launch
from cspbench.engine.launch_plan import LaunchPlan
from cspbench.plan.case import Case
from cspbench.records.lines import (
    YARDSTICK,
    CaseFailure,
    Latency,
    Launch,
    LaunchFailure,
    Line,
)

A, B, C = (make_case(name, reference="a infer") for name in "abc")


def failure(case: Case, cause: str = "out_of_memory") -> CaseFailure:
    return CaseFailure(
        case=case.key,
        stage="latency",
        cause=cause,  # type: ignore[arg-type]
        reason="no room",
        launch=1,
    )


def result(cases: tuple[Case, ...], *lines: Line, step: int | None = None) -> LaunchResult:
    """Launch 1 of ``cases``, whose worker was killed at ``step`` where one is given."""
    worker_exit = None
    if step is not None:
        worker_exit = Exit(cause="signal", reason="killed", detail="at the end", step=step)
    return LaunchResult(number=1, cases=cases, lines=lines, exit=worker_exit)


@pytest.mark.slow
def test_a_launch_needs_no_trees_and_no_graphs() -> None:
    """As the doctor makes it: both cases and the yardstick, and the launch last."""
    cases = (make_case("Good"), make_case("Good", mode="train"))
    answer = run_launch(1, cases, SETTINGS, LaunchPlan.of(cases, 2))
    assert answer.failure_reason is None
    *latencies, launch = answer.lines
    assert [line.case for line in latencies if isinstance(line, Latency)] == [
        *("Good infer", "Good train"),
        YARDSTICK,
    ]
    assert isinstance(launch, Launch)
    assert launch.cases == ("Good infer", "Good train")


def test_a_case_without_memory_beside_several_others_is_left_out() -> None:
    """It may have room in a smaller launch; another failure stays."""
    closing = make_launch(1)
    raised = failure(B, "raised")
    answer = result((A, B, C), raised, failure(C), closing)
    assert list(lines_to_keep(answer)) == [raised, closing]


def test_a_case_without_memory_beside_its_reference_alone_has_failed() -> None:
    """Even where it was the reference that found none; the closing line stays last."""
    closing = make_launch(1, B)
    case_failure, *latencies = lines_to_keep(
        result((A, B), failure(A), latency := make_latency(B, 1), closing)
    )
    assert isinstance(case_failure, CaseFailure)
    assert (case_failure.case, case_failure.reason) == (
        B.key,
        "not enough memory beside its reference: no room",
    )
    assert latencies == [latency, closing]


def test_a_killed_launch_leaves_the_failures_and_blames_the_case_at_whose_step_it_died() -> None:
    """Samples of it are lost, and the launch is made again."""
    raised = failure(A, "raised")
    lines = lines_to_keep(result((A, B), raised, make_latency(A, 1), step=1))
    assert [(line.case, line.cause) for line in lines if isinstance(line, CaseFailure)] == [
        (A.key, "raised"),
        (B.key, "signal"),
    ]
    assert len(lines) == 2


@pytest.mark.parametrize("step", [-1, 2])
def test_a_launch_that_dies_outside_any_case_has_failed_itself(step: int) -> None:
    """Before the first step, or at the yardstick's: no case is to blame."""
    raised = failure(A, "raised")
    *others, line = lines_to_keep(result((A, B), raised, make_latency(A, 1), step=step))
    assert others == [raised]
    assert line == LaunchFailure(
        launch=1,
        cases=(A.key, B.key),
        cause="signal",
        reason="outside any case's turn: killed",
        detail="at the end",
    )


def test_a_case_that_is_spared_is_not_blamed() -> None:
    """What was killed, or found a full disk, is tried again: the launch has failed instead."""
    (line,) = lines_to_keep(result((A, B), failure(B, "environment"), step=1), {B.key})
    assert isinstance(line, LaunchFailure)
    assert line.reason == "in the turn of b: killed"


@pytest.mark.parametrize("is_from_outside", [True, False])
def test_only_what_may_come_from_outside_is_nobodys_fault(is_from_outside: bool) -> None:
    """The case at whose turn it came may be tried again."""
    worker_exit = Exit(
        cause="signal", reason="killed", detail="", step=0, is_from_outside=is_from_outside
    )
    answer = LaunchResult(number=1, cases=(A, B), lines=(), exit=worker_exit)
    assert answer.blameless == ({A.key} if is_from_outside else set())


def test_a_yardstick_without_memory_beside_others_is_a_lack_of_memory() -> None:
    """A smaller group may leave it room; it is why the launch failed."""
    line = LaunchFailure(launch=1, cause="out_of_memory", reason="the yardstick: no room")
    assert result((A, B, C), line).ran_out_of_memory
    assert result((A, B, C), line).failure_reason == "the yardstick: no room"
    assert lines_to_keep(result((A, B, C), line)) == [line]
