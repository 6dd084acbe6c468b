"""A run as its lines come in: the same as if all had been read at once."""

import random

import msgspec
import pytest
from factories import make_case, make_info, make_latency, make_launch

from cspbench.records.assembly import Assembly, assemble
from cspbench.records.lines import YARDSTICK, CaseFailure, Line
from cspbench.records.measurements import DiskSize, Resident

ONE, TWO = make_case("Good"), make_case("Twin")
INFO = make_info(ONE, TWO)


def failure(key: str) -> CaseFailure:
    return CaseFailure(case=key, stage="latency", cause="raised", reason="no", launch=2)


LINES: list[Line] = [
    DiskSize(case=ONE.key, disk_bytes=4),
    Resident(case=TWO.key, peak_rss_bytes=1),
    Resident(case=TWO.key, peak_rss_bytes=2),
    make_latency(ONE, 1),
    make_latency(TWO, 1),
    make_launch(1, ONE, TWO),
    make_latency(ONE, 2),
    failure(TWO.key),
    make_launch(2, ONE),
]


def test_lines_added_one_by_one_give_the_run_of_all_at_once() -> None:
    """Whatever is asked of it in between."""
    assembly = Assembly(INFO)
    for line in LINES:
        assembly.add([line])
        assembly.record(random.Random(0).choice([ONE.key, TWO.key]))
        assembly.run()
    assert assembly.run() == assemble(INFO, LINES)
    assert assembly.last_launch == 2


def test_a_repeated_measurement_counts_by_its_last_line() -> None:
    """As after a resumed run."""
    record = assemble(INFO, LINES).records[1]
    assert record.resident == Resident(case=TWO.key, peak_rss_bytes=2)
    assert record.get(DiskSize) is None


def test_samples_count_from_the_closing_line_of_their_launch_on() -> None:
    """Until then they are in flight; cut off, they are counted in a note."""
    assembly = Assembly(INFO)
    assembly.add([make_latency(ONE, 1), make_latency(TWO, 1)])
    assert assembly.record(ONE.key).latencies == ()
    assert assembly.run().notes == ("samples of 2 cases in a launch that was cut off are left out",)
    assembly.add([make_launch(1, ONE, TWO)])
    assert [line.launch for line in assembly.record(ONE.key).latencies] == [1]
    assert assembly.run().notes == ()


def test_a_record_is_made_anew_only_for_a_case_that_a_line_came_for() -> None:
    """With a thousand cases, a launch of one of them costs one record."""
    assembly = Assembly(INFO)
    assembly.add(LINES[:6])
    one, two = assembly.records
    assembly.add([make_latency(ONE, 2), make_launch(2, ONE)])
    assert assembly.record(TWO.key) is two
    assert assembly.record(ONE.key) is not one


def test_the_yardstick_has_samples_and_no_record() -> None:
    """It is no case."""
    assembly = Assembly(INFO)
    yardstick = msgspec.structs.replace(make_latency(ONE, 1), case=YARDSTICK)
    assembly.add([yardstick, make_launch(1, ONE)])
    assert [line.case for line in assembly.run().yardstick] == [YARDSTICK]


def test_a_case_that_the_run_does_not_list_is_refused() -> None:
    """The reader says so with the line's number."""
    with pytest.raises(KeyError):
        Assembly(make_info(ONE)).add([failure(TWO.key)])
