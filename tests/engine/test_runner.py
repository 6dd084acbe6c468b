"""The runner: what is missing is measured, once; its state grows with each line."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info
from fake_worker import FakeWorker, RecordedProgress, measure, outcome

from cspbench.engine import isolate
from cspbench.engine.runner import Runner
from cspbench.records.assembly import Assembly
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.lines import Latency, Launch, Line
from cspbench.records.run import Run

pytestmark = pytest.mark.usefixtures("nothing_is_contended")
slow = pytest.mark.slow


@slow
def test_resuming_measures_only_what_is_missing(tmp_path: Path) -> None:
    """Interrupted at the second of three launches: two more are made, nothing is made again."""
    path = tmp_path / "run"
    settings = msgspec.structs.replace(SETTINGS, launches=3)
    info = make_info(make_case("Good"), make_case("Good", mode="train"), settings=settings)

    def interrupt(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    with RunFolder.create(path, info) as folder, pytest.raises(KeyboardInterrupt):
        Runner(folder, read_lines(path), RecordedProgress(at_launch=interrupt)).run()
    before = (path / "records.jsonl").read_bytes()
    assert len(read(path).launches) == 1

    folder, assembly = RunFolder.resume(path)
    progress = RecordedProgress()
    with folder:
        Runner(folder, assembly, progress).run()
    assert progress.cases == []
    assert progress.launches == [(2, 3), (3, 3)]
    assert (path / "records.jsonl").read_bytes().startswith(before)
    assert outcome(read(path)) == {"Good": 3}

    folder, assembly = RunFolder.resume(path)
    with folder:
        Runner(folder, assembly, progress).run()
    assert progress.launches == [(2, 3), (3, 3)]  # nothing was missing any more


@slow
def test_a_launch_that_was_cut_off_keeps_its_number_to_itself(tmp_path: Path) -> None:
    """The closing line of launch 2 is lost; its samples stay in the file and are not revived."""
    path = tmp_path / "run"
    measure(path, "Good", launches=2)
    lines = (path / "records.jsonl").read_bytes().splitlines(keepends=True)
    assert b'"kind":"launch"' in lines[-1]
    (path / "records.jsonl").write_bytes(b"".join(lines[:-1]))
    folder, assembly = RunFolder.resume(path)
    with folder:
        Runner(folder, assembly, RecordedProgress()).run()
    run = read(path)
    assert [launch.launch for launch in run.launches] == [1, 3]
    assert [latency.launch for latency in run.records[0].latencies] == [1, 3]
    assert run.notes == ("samples of 2 cases in a launch that was cut off are ignored",)


@slow
def test_the_parents_environment_and_directory_stay_as_they_were(tmp_path: Path) -> None:
    """The allocator is set in the processes that measure, never in the caller's."""
    before = dict(os.environ), Path.cwd()
    measure(tmp_path / "run", "Good")
    assert (dict(os.environ), Path.cwd()) == before


def test_the_run_is_assembled_once_a_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once for the first round; all other state grows with the lines."""
    snapshots: list[int] = []
    assemble = Assembly.run

    def count(assembly: Assembly) -> Run:
        snapshots.append(len(assembly.launches))
        return assemble(assembly)

    monkeypatch.setattr(Assembly, "run", count)
    monkeypatch.setattr(isolate, "run", FakeWorker())
    settings = msgspec.structs.replace(SETTINGS, launches=3)
    cases = [make_case(name, reference="a infer") for name in "abc"]
    folder = RunFolder.create(tmp_path / "run", make_info(*cases, settings=settings))
    with folder:
        Runner(folder, read_lines(folder.path), RecordedProgress()).run()
    assert snapshots == [0, 1, 2, 3]


def test_a_launch_is_written_at_once_and_its_closing_line_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a kill loses at most the launch in flight."""
    writes: list[list[Line]] = []
    append = RunFolder.append

    def record(folder: RunFolder, lines: Sequence[Line]) -> list[Line]:
        writes.append(list(lines))
        return append(folder, lines)

    monkeypatch.setattr(RunFolder, "append", record)
    monkeypatch.setattr(isolate, "run", FakeWorker())
    with RunFolder.create(tmp_path / "run", make_info(*map(make_case, "ab"))) as folder:
        Runner(folder, read_lines(folder.path), RecordedProgress()).run()
    assert [type(line) for line in writes[-1]] == [Latency, Latency, Launch]
    assert [len(lines) for lines in writes[:-1]] == [1] * 8
