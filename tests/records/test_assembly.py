"""A run as its lines come in: the same as if all had been read at once."""

import random

import msgspec
import pytest
from factories import make_case, make_info, make_latency, make_launch, make_times

from cspbench.records.assembly import Assembly, assemble
from cspbench.records.lines import YARDSTICK, CaseFailure, LaunchFailure, Line, Printed
from cspbench.records.measurements import DiskSize, Resident

FIRST, SECOND = make_case("Good"), make_case("Twin")
INFO = make_info(FIRST, SECOND)


def failure(key: str) -> CaseFailure:
    return CaseFailure(case=key, stage="latency", cause="raised", reason="no", launch=2)


LINES: list[Line] = [
    DiskSize(case=FIRST.key, disk_bytes=4),
    Resident(case=SECOND.key, peak_rss_bytes=1),
    Resident(case=SECOND.key, peak_rss_bytes=2),
    make_latency(FIRST, 1),
    make_latency(SECOND, 1),
    make_launch(1, FIRST, SECOND),
    make_latency(FIRST, 2),
    make_times(FIRST, 2, model=0.5),
    make_times(FIRST, 1, model=0.25),
    make_times(FIRST, 2, model=0.75),
    failure(SECOND.key),
    make_launch(2, FIRST),
]


def test_lines_added_one_by_one_give_the_run_of_all_at_once() -> None:
    """Whatever is asked of it in between."""
    assembly = Assembly(INFO)
    for line in LINES:
        assembly.add([line])
        assembly.record(random.Random(0).choice([FIRST.key, SECOND.key]))
        assembly.run()
    assert assembly.run() == assemble(INFO, LINES)
    assert assembly.last_launch == 2


def test_a_repeated_measurement_counts_by_its_last_line() -> None:
    """As after a resumed run."""
    record = assemble(INFO, LINES).records[1]
    assert record.resident == Resident(case=SECOND.key, peak_rss_bytes=2)
    assert record.get(DiskSize) is None


def test_profiles_are_in_order_of_their_numbers_and_a_repeated_one_counts_once() -> None:
    """By its last line."""
    profiles = assemble(INFO, LINES).records[0].module_times
    assert [(times.number, times.total_s) for times in profiles] == [(1, 0.25), (2, 0.75)]


def test_samples_count_from_the_closing_line_of_their_launch_on() -> None:
    """Until then they are in flight; cut off, they are counted in a note."""
    assembly = Assembly(INFO)
    assembly.add([make_latency(FIRST, 1), make_latency(SECOND, 1)])
    assert assembly.record(FIRST.key).latencies == ()
    assert assembly.run().notes == ("samples of 2 cases in a launch that was cut off are ignored",)
    assembly.add([make_launch(1, FIRST, SECOND)])
    assert [line.launch for line in assembly.record(FIRST.key).latencies] == [1]
    assert assembly.run().notes == ()


def test_a_record_is_made_anew_only_for_a_case_that_a_line_came_for() -> None:
    """With a thousand cases, a launch of one of them costs one record."""
    assembly = Assembly(INFO)
    assembly.add(LINES[:6])
    first_record, second_record = assembly.records
    assembly.add([make_latency(FIRST, 2), make_launch(2, FIRST)])
    assert assembly.record(SECOND.key) is second_record
    assert assembly.record(FIRST.key) is not first_record


def test_the_yardstick_has_samples_and_no_record() -> None:
    """It is no case."""
    assembly = Assembly(INFO)
    yardstick = msgspec.structs.replace(make_latency(FIRST, 1), case=YARDSTICK)
    assembly.add([yardstick, make_launch(1, FIRST)])
    assert [line.case for line in assembly.run().yardstick] == [YARDSTICK]


def test_a_case_that_the_run_does_not_list_is_refused() -> None:
    """The reader says so with the line's number."""
    with pytest.raises(KeyError):
        Assembly(make_info(FIRST)).add([failure(SECOND.key)])


@pytest.mark.parametrize(
    "line",
    [
        Resident(case=FIRST.key, peak_rss_bytes=1),
        CaseFailure(case=FIRST.key, stage="resident", cause="raised", reason="no"),
    ],
)
def test_a_failure_of_the_machine_counts_until_its_stage_is_tried_again(line: Line) -> None:
    """On resuming it is forgotten, so that the stage is; one of the case stays."""
    full = CaseFailure(case=FIRST.key, stage="resident", cause="environment", reason="full")
    assembly = Assembly(INFO)
    assembly.add([full, failure(FIRST.key)])
    assert assembly.record(FIRST.key).failures == (full, failure(FIRST.key))
    assert full not in assemble(INFO, [full, line]).records[0].failures
    assembly.forget_environment_failures()
    assert assembly.record(FIRST.key).failures == (failure(FIRST.key),)


def test_a_launch_that_failed_is_said_and_its_samples_are_left_out() -> None:
    """They were not cut off."""
    failed = LaunchFailure(launch=1, cause="raised", reason="the yardstick: no memory")
    run = assemble(INFO, [make_latency(FIRST, 1), failed])
    assert run.records[0].latencies == ()
    assert run.notes == ("1 launch failed and is ignored; launch 1: the yardstick: no memory",)
    assert run.last_launch == 1


def test_what_a_model_printed_is_part_of_its_record() -> None:
    """At every stage at which it printed something; the others' records have none."""
    printed = tuple(Printed(case=FIRST.key, stage=stage, text="a") for stage in ("counts", "graph"))
    run = assemble(INFO, [*LINES, *printed])
    assert [record.printed for record in run.records] == [printed, ()]
