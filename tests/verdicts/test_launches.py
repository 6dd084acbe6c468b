"""Which launches count, and which are left out."""

import msgspec
import pytest
from assembled_runs import make_run
from factories import SETTINGS, make_case, make_gpu_activity, make_info, make_latency, make_launch

from cspbench.engine.schedule import case_progress
from cspbench.records.assembly import assemble
from cspbench.records.run import Run
from cspbench.verdicts.launches import (
    is_contended,
    is_disturbed,
    is_throttled,
    launches_by_case,
)

CASE = make_case("Good")


def run_of(taken: dict[int, float], *, launches_asked: int) -> Run:
    """One case in launches of which others took these shares."""
    info = make_info(CASE, settings=msgspec.structs.replace(SETTINGS, launches=launches_asked))
    lines = [
        line
        for number, share in taken.items()
        for line in (make_latency(CASE, number), make_launch(number, CASE, taken=share))
    ]
    return assemble(info, lines)


def test_a_disturbed_launch_is_left_out_where_half_of_those_asked_for_remain() -> None:
    """One of three; the record keeps all of them."""
    run = run_of({1: 0.0, 2: 0.5, 3: 0.0}, launches_asked=3)
    launches = launches_by_case(run)[CASE.key]
    assert [latency.launch for latency in run.records[0].latencies] == [1, 2, 3]
    assert [latency.launch for latency in launches.count] == [1, 3]
    assert [latency.launch for latency in launches.left_out] == [2]
    assert launches.samples == {1: (1e-3, 2e-3), 3: (1e-3, 2e-3)}


def test_all_count_where_too_few_would_remain() -> None:
    """Two of three were disturbed: one is less than half of three."""
    launches = launches_by_case(run_of({1: 0.5, 2: 0.5, 3: 0.0}, launches_asked=3))[CASE.key]
    assert [latency.launch for latency in launches.count] == [1, 2, 3]
    assert launches.left_out == ()


@pytest.mark.parametrize(
    ("others", "limits", "contended", "throttled"),
    [(0, (), False, False), (1, (), True, False), (0, ("heat",), False, True)],
)
def test_what_runs_beside_it_on_a_gpu_contends_and_what_holds_its_clocks_throttles(
    others: int, limits: tuple[str, ...], contended: bool, throttled: bool
) -> None:
    """Either disturbs the launch."""
    launch = msgspec.structs.replace(
        make_launch(1, CASE), gpu=make_gpu_activity(limits=limits, others=others)
    )
    assert (is_contended(launch), is_throttled(launch)) == (contended, throttled)
    assert is_disturbed(launch) is (contended or throttled)


def test_contended_launches_are_left_out_where_enough_others_remain() -> None:
    """2 of 8 were disturbed: six count, and the two stay in the record."""
    run = make_run(1.0, launches=8, contended=(2, 5))
    launches = launches_by_case(run)[run.records[1].case.key]
    assert [line.launch for line in launches.left_out] == [2, 5]
    assert [line.launch for line in launches.count] == [1, 3, 4, 6, 7, 8]


def test_contended_launches_count_where_hardly_any_other_is_there() -> None:
    """4 of 6 were disturbed: fewer than half of those asked for remain, so all count."""
    run = make_run(1.0, contended=(1, 2, 3, 4))
    launches = launches_by_case(run)[run.records[1].case.key]
    assert launches.left_out == ()
    assert len(launches.count) == 6
    assert case_progress(run)[1].disturbed == 4
