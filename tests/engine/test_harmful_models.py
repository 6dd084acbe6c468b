"""Models that do harm to their process: its cause is recorded, their neighbours as without."""

from pathlib import Path

import pytest
from fake_worker import measure

_CLOSED = (
    "the process exited early with code 1: RuntimeError: its code closed the pipe to the process "
    "that measures"
)
_FAILING = {
    "RaisesUnprintably": ("allocated", "raised", "_Unprintable: its message cannot be shown"),
    "ClosesAllDescriptors": ("allocated", "exited", _CLOSED),
}
_MEASURED = {
    "ClosesDescriptors": (),
    "WritesToDescriptors": (),
    "StopsClocks": (
        "replaces time.monotonic, time.perf_counter, time.time: kept for its own calls only",
    ),
    "ClearsSearchPath": ("removes folders from the search path: put back",),
    "LeavesMode": ("leaves the mode PassesOn on: kept for its own calls only",),
    "Forks": ("leaves a process running",),
    "ReplacesFunctions": (
        "replaces logging.getLogger, statistics.median: kept for its own calls only",
        "sets a timer: put back",
    ),
    "ReplacesSamples": ("replaces cspbench.measures.timing.benchmark.Benchmark.sample: put back",),
}


@pytest.mark.slow
def test_harm_is_said_or_the_cause_of_a_failure_and_reaches_no_neighbour(tmp_path: Path) -> None:
    run = measure(tmp_path / "run", "Good", "Twin", *_FAILING, *_MEASURED)
    records = {record.case.entry: record for record in run.records}
    for name, (stage, cause, reason) in _FAILING.items():
        (failure,) = records[name].failures
        assert (failure.stage, failure.cause, failure.reason) == (stage, cause, reason)
    for name, sentences in _MEASURED.items():
        assert records[name].alters == sentences
    for name in ("Good", "Twin", *_MEASURED):
        assert not records[name].failures
        assert min(records[name].latencies[0].samples_s) > 1e-6
        assert records[name].tensor_peak is not None
    for name in ("Good", "Twin"):
        assert not records[name].alters
