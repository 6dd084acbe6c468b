"""Cases by themselves: what fails is recorded with its cause, and the others go on."""

from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info
from fake_worker import RecordedProgress, measure, outcome
from synthetic import report_text

from cspbench.engine.builds import PLAIN
from cspbench.engine.cases import CaseMeasurer
from cspbench.engine.recorder import Recorder
from cspbench.engine.runner import Runner
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.run import SIDES

pytestmark = pytest.mark.usefixtures("nothing_is_contended")
slow = pytest.mark.slow


@slow
def test_a_failing_case_is_recorded_with_its_cause_and_the_others_go_on(tmp_path: Path) -> None:
    """Raised, out of memory, killed, crashed, hung and left: each told, the healthy one kept."""
    measure(tmp_path / "first", "Good")  # the first worker waits for the fork server to load torch
    run = measure(
        tmp_path / "run",
        *("Good", "Raises", "Hungry", "Kills", "Segfaults", "Hangs", "Leaves"),
        time_limit_s=4.0,
    )
    assert outcome(run) == {
        "Good": 1,
        "Raises": ("counts", "raised"),
        "Hungry": ("allocated", "out_of_memory"),
        "Kills": ("allocated", "signal"),
        "Segfaults": ("allocated", "signal"),
        "Hangs": ("allocated", "timeout"),
        "Leaves": ("allocated", "exited"),
    }
    assert run.records[2].failures[0].requested_bytes == 4 << 60
    assert "4.00 EiB requested" in " ".join(report_text(run).split())
    raised = run.records[1].failures[0]
    assert raised.reason == "RuntimeError: this module always raises"
    assert "second line" in raised.detail
    assert run.records[3].counts is not None  # what was known before the kill stays


@slow
def test_a_case_that_the_compiler_leaves_to_python_is_named(tmp_path: Path) -> None:
    """It runs, so that it is timed; that it is not one graph stands in its record and the notes."""
    cases = [
        msgspec.structs.replace(make_case(build), form="compiled:eager")
        for build in ("Good", "BreaksCompiled")
    ]
    with RunFolder.create(tmp_path / "run", make_info(*cases)) as folder:
        Runner(folder, read_lines(folder.path), RecordedProgress()).run()
    run = read(tmp_path / "run")
    assert outcome(run) == {"Good": 1, "BreaksCompiled": 1}
    one_graph, parted = (record.allocated for record in run.records)
    assert one_graph is not None
    assert parted is not None
    assert (one_graph.is_one_graph, parted.is_one_graph) == (True, False)
    text = " ".join(report_text(run).split())
    assert "left parts to Python (graph breaks) in BreaksCompiled (inference)" in text


@slow
def test_a_case_that_cannot_fit_is_counted_and_not_run(tmp_path: Path) -> None:
    """Its tensor peak is known from fake tensors, so that the machine is never tried."""
    settings = msgspec.structs.replace(SETTINGS, memory_budget_bytes=1000)
    info = make_info(make_case("Good"), settings=settings)
    with RunFolder.create(tmp_path / "run", info) as folder:
        Runner(folder, read_lines(tmp_path / "run"), RecordedProgress()).run()
    (record,) = read(tmp_path / "run").records
    assert record.counts is not None
    (failure,) = record.failures
    # 4·4·9 weights, an input and an output of 4·8·8, four bytes each
    assert (failure.stage, failure.cause) == ("allocated", "too_large")
    assert failure.reason == (
        "its tensors alone need 2.56 KiB, more than the memory budget of 1,000 B; counted, not run"
    )


@slow
@pytest.mark.parametrize("dying", ["baseline", "candidate"])
def test_a_death_while_outputs_are_compared_is_that_sides_and_not_of_its_latency(
    tmp_path: Path, dying: str
) -> None:
    """The case is not failed for good: its latency is measured all the same."""
    builds = {side: "Kills" if side == dying else "Good" for side in SIDES}
    baseline, candidate = (
        msgspec.structs.replace(make_case(builds[side]), key=side, side=side) for side in SIDES
    )
    candidate = msgspec.structs.replace(candidate, reference=baseline.key)
    with RunFolder.create(tmp_path / "run", make_info(baseline, candidate)) as folder:
        recorder = Recorder(folder, read_lines(folder.path))
        CaseMeasurer(recorder, SETTINGS, RecordedProgress(), PLAIN).compare_outputs()
    records = {record.case.key: record for record in read(tmp_path / "run").records}
    (failure,) = records.pop(dying).failures
    assert (failure.stage, failure.cause, failure.is_fatal) == ("equivalence", "signal", False)
    assert [record.failures for record in records.values()] == [()]
