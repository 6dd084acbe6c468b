"""How far the launches have come: numbers, totals, and the time left."""

import math

import pytest
from factories import make_case, make_info
from fake_worker import RecordedProgress

from cspbench.engine.launch_plan import LaunchPosition
from cspbench.engine.progress import LaunchProgress
from cspbench.records.assembly import assemble
from cspbench.records.run import Run

RUN = assemble(make_info(make_case("Good")), ())


def snapshot() -> Run:
    return RUN


def test_the_time_left_is_the_mean_launch_times_what_is_left_over_the_devices() -> None:
    """Two of six were made before; one of 10 s and one of 20 s on two devices leave two: 15 s."""
    progress = RecordedProgress()
    launches = LaunchProgress(progress, done=2, devices=2, budget_s=None)
    launches.begin_round(4)
    for seconds in (10.0, 20.0):
        launches.launch_started(3)
        launches.launch_ended(seconds, snapshot)
    launches.launch_started(3)
    assert progress.launches == [(3, 6), (4, 6), (5, 6)]
    assert progress.seconds_left == [None, 10.0 * 3 / 2, 15.0 * 2 / 2]


def test_a_launch_that_failed_does_not_count() -> None:
    """Its number is given again, and as many are left as before."""
    progress = RecordedProgress()
    launches = LaunchProgress(progress, done=0, devices=1, budget_s=None)
    launches.begin_round(2)
    launches.launch_started(3)
    launches.launch_failed(None)
    launches.launch_started(2)
    assert progress.launches == [(1, 2), (1, 2)]


def test_of_a_budget_the_rest_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 s less the 25 s that have passed, and nothing once they are over."""
    now = [100.0]
    monkeypatch.setattr("cspbench.engine.progress.time.monotonic", lambda: now[0])
    progress = RecordedProgress()
    launches = LaunchProgress(progress, done=0, devices=1, budget_s=60.0)
    launches.begin_round(None)
    for now[0] in (125.0, 200.0):
        launches.launch_started(1)
    assert progress.launches == [(1, None), (2, None)]
    assert progress.seconds_left == [35.0, 0.0]


def test_the_position_of_a_launch_is_passed_on_with_its_number() -> None:
    """That of the launch in flight, after those that were made before."""
    progress = RecordedProgress()
    launches = LaunchProgress(progress, done=4, devices=1, budget_s=None)
    launches.launch_started(2)
    position = LaunchPosition(phase="cases built", done=1, total=2)
    launches.launch_moved(position)
    assert progress.positions == [(5, position)]


def test_what_is_left_of_a_budget_is_never_below_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Infinite without one."""
    assert LaunchProgress(RecordedProgress(), done=0, devices=1, budget_s=None).remaining_s == (
        math.inf
    )
    launches = LaunchProgress(RecordedProgress(), done=0, devices=1, budget_s=5.0)
    assert 4.0 < launches.remaining_s <= 5.0
    monkeypatch.setattr(LaunchProgress, "elapsed_s", 9.0)
    assert launches.remaining_s == 0.0
