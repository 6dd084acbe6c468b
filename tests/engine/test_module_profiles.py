"""Profiles of cases: how many, in which order, what is missing, and what a failure ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info, make_times
from fake_worker import FakeWorker, RecordedProgress

from cspbench.engine import isolate
from cspbench.engine.isolate import Exit
from cspbench.engine.runner import Runner
from cspbench.measures.registry import stages
from cspbench.plan.case import Case
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.lines import CaseFailure, Line
from cspbench.records.run import COSTS, Record, Run, RunInfo

slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("nothing_is_contended")

BY_MODULE = msgspec.structs.replace(SETTINGS, by_module=True)


class Profiling(FakeWorker):
    """Sends a profile at once; those of ``failing`` cases fail, by a line or by their exit."""

    def __init__(self, *failing: str, exits: Exit | None = None) -> None:
        self.profiled: list[tuple[str, int]] = []
        self._failing = failing
        self._exit = exits

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Line], None], **options: object
    ) -> Exit | None:
        if not task.endswith(":profile"):
            return super().__call__(task, *arguments, receive=receive, **options)
        case, number = arguments[:2]
        self.profiled.append((case.label, number))
        if case.label not in self._failing:
            receive(make_times(case, number, model=0.5))
        elif self._exit is not None:
            return self._exit
        else:
            receive(
                CaseFailure(
                    case=case.key, stage="module_times", cause="raised", reason="no", is_fatal=False
                )
            )
        return None


def info_of(*cases: Case) -> RunInfo:
    return make_info(*cases, settings=BY_MODULE, stages=("module_times", *COSTS))


def profiled_run(path: Path, *cases: Case, progress: RecordedProgress | None = None) -> Run:
    with RunFolder.create(path, info_of(*cases)) as folder:
        Runner(folder, read_lines(path), progress or RecordedProgress()).run()
    return read(path)


def numbers(record: Record) -> list[int]:
    return [times.number for times in record.module_times]


def test_each_case_is_profiled_in_three_processes_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress counts all of them; the launches come afterwards."""
    worker, progress = Profiling(), RecordedProgress()
    monkeypatch.setattr(isolate, "run", worker)
    run = profiled_run(tmp_path / "run", make_case("Good"), make_case("Twin"), progress=progress)
    order = ["Good", "Twin", "Good", "Twin", "Good", "Twin"]
    assert worker.profiled == list(zip(order, (1, 1, 2, 2, 3, 3), strict=True))
    assert progress.profiled == [(place, 6, label) for place, label in enumerate(order, start=1)]
    assert [numbers(record) for record in run.records] == [[1, 2, 3], [1, 2, 3]]
    assert [len(record.latencies) for record in run.records] == [1, 1]


def test_a_run_without_the_option_profiles_nothing() -> None:
    """And lists no such stage, so that an older run is resumed as before."""
    cases = [make_case("Good")]
    assert "module_times" not in stages("run", SETTINGS, cases)
    assert "module_times" in stages("run", BY_MODULE, cases)


def test_forms_that_call_no_modules_are_not_profiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler or a runtime makes one program of all modules."""
    worker = Profiling()
    monkeypatch.setattr(isolate, "run", worker)
    case = make_case("Good")
    compiled = msgspec.structs.replace(case, key="compiled", label="c", form="compiled")
    run = profiled_run(tmp_path / "run", case, compiled)
    assert [numbers(record) for record in run.records] == [[1, 2, 3], []]


@pytest.mark.parametrize(
    "worker_exit",
    [None, Exit(cause="timeout", reason="no", detail="", step=0)],
    ids=["raises", "times out"],
)
def test_a_case_whose_profile_fails_is_profiled_no_further_and_timed_all_the_same(
    worker_exit: Exit | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure says so; other cases go on."""
    worker = Profiling("Twin", exits=worker_exit)
    monkeypatch.setattr(isolate, "run", worker)
    run = profiled_run(tmp_path / "run", make_case("Good"), make_case("Twin"))
    good, twin = run.records
    assert worker.profiled.count(("Twin", 1)) == len(worker.profiled) - 3 == 1
    assert [(failure.stage, failure.is_fatal) for failure in twin.failures] == [
        ("module_times", False)
    ]
    assert (numbers(good), numbers(twin)) == ([1, 2, 3], [])
    assert len(twin.latencies) == 1


def test_a_resumed_run_takes_the_profiles_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill has lost only the one in flight."""
    path, case = tmp_path / "run", make_case("Good")
    monkeypatch.setattr(isolate, "run", Profiling())
    uninterrupted = profiled_run(path, case)
    lines = (path / "records.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"number":2' not in line]
    (path / "records.jsonl").write_bytes(b"".join(kept))
    worker = Profiling()
    monkeypatch.setattr(isolate, "run", worker)
    folder, assembly = RunFolder.resume(path)
    with folder:
        Runner(folder, assembly, RecordedProgress()).run()
    assert worker.profiled == [("Good", 2)]
    assert read(path).records == uninterrupted.records


@slow
def test_profiles_are_taken_in_workers_and_one_that_raises_is_recorded(tmp_path: Path) -> None:
    """The times are those of the modules of the case."""
    cases = make_case("Good"), make_case("RaisesInLaunch")
    run = profiled_run(tmp_path / "run", *cases)
    good = run.records[0]
    assert numbers(good) == [1, 2, 3]
    assert good.counts is not None
    assert {module.path for module in good.module_times[0].modules} == {
        layer.path for layer in good.counts.layers
    }
