"""Models that cannot be counted in the plain way, by name: counted if possible, always timed."""

from pathlib import Path

import msgspec
import pytest
from factories import make_case, make_info
from fake_worker import RecordedProgress
from synthetic import report_text

from cspbench.engine.runner import Runner
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_is_contended")]


def measure(path: Path, *builds: str) -> Run:
    cases = [
        msgspec.structs.replace(make_case(build), build=f"unusual_models:{build}")
        for build in builds
    ]
    info = make_info(*cases)
    with RunFolder.create(path, info) as folder:
        Runner(folder, read_lines(path), RecordedProgress()).run()
    return read(path)


def test_models_of_every_kind_are_counted_and_timed(tmp_path: Path) -> None:
    """None fails, and the report says which were counted on real tensors."""
    run = measure(
        tmp_path / "run",
        *("MadeInFirstForward", "DryRun", "ReadsInConstructor", "BranchesOnData", "UsesNumPy"),
        *("OwnFunction", "OwnOperator", "ReturnsNothing", "Lazy", "scripted", "traced", "half"),
    )
    assert [record.case.entry for record in run.records if record.failures] == []
    assert all(record.counts and record.tensor_peak for record in run.records)
    assert all(record.latencies for record in run.records)
    counted_on = {
        record.case.entry: record.counts.counted_on for record in run.records if record.counts
    }
    real = {"DryRun", "BranchesOnData", "UsesNumPy", "OwnFunction", "OwnOperator"}
    assert {entry for entry, basis in counted_on.items() if basis == "real"} == real
    text = " ".join(report_text(run).split())
    assert "counts of DryRun (inference), BranchesOnData (inference)" in text


def test_a_failure_to_count_costs_no_latency_and_its_reason_stands_in_the_report(
    tmp_path: Path,
) -> None:
    """One cannot be observed at all; one kills its worker where it has no data."""
    run = measure(tmp_path / "run", "OnlyUnobserved", "CrashesWithoutData")
    unobserved, crashing = run.records
    assert unobserved.latencies
    assert not unobserved.has_failed
    assert {failure.stage for failure in unobserved.failures} >= {"counts", "tensor_peak"}
    assert crashing.failures == ()
    assert crashing.counts is not None
    assert (crashing.counts.macs, crashing.counts.counted_on) == (1_024, "real")
    assert crashing.latencies
    text = " ".join(report_text(run).split())
    assert "counts raised: RuntimeError: observed" in text
    assert "1 of 2 cases lack a measure that failed" in text
