"""The run folder: a round trip, a lock, a torn line, and damage that names its line."""

import errno
import json
import os
from pathlib import Path

import msgspec
import pytest
from factories import (
    SETTINGS,
    make_case,
    make_gpu,
    make_gpu_activity,
    make_info,
    make_latency,
    make_launch,
)
from hypothesis import given
from hypothesis import strategies as st

from cspbench.errors import CspbenchError
from cspbench.records.base import Failure
from cspbench.records.folder import RunFolder, read
from cspbench.records.line_check import LineCheck
from cspbench.records.lines import YARDSTICK, CaseFailure, Latency, Launch, Line
from cspbench.records.machine import GpuState
from cspbench.records.measurements import Resident
from cspbench.records.run import RunInfo

CASE = make_case("Good")
INFO = make_info(CASE)


def latency(launch: int, *samples_s: float) -> Latency:
    return make_latency(CASE, launch, *samples_s)


def closing(launch: int) -> Launch:
    return make_launch(launch, CASE)


def write_run(path: Path, lines: list[Line], info: RunInfo = INFO) -> Path:
    with RunFolder.create(path, info) as run_folder:
        run_folder.append(lines)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Samples to the last digit, and all else of a run."""
    lines: list[Line] = [
        latency(1, 0.1 + 0.2, 1 / 3),
        closing(1),
        Resident(case=CASE.key, peak_rss_bytes=7),
    ]
    run = read(write_run(tmp_path / "run", lines))
    assert run.info == INFO
    assert run.launches == (closing(1),)
    (record,) = run.records
    assert record.latencies == (latency(1, 0.1 + 0.2, 1 / 3),)
    assert record.resident == Resident(case=CASE.key, peak_rss_bytes=7)
    assert run.notes == ()


def test_what_a_gpu_adds_is_read_back(tmp_path: Path) -> None:
    """Its description, states with readings that are missing, both clocks, graphs or why not."""
    environment = msgspec.structs.replace(INFO.environment, gpus=(make_gpu().description,))
    replayed = msgspec.structs.replace(
        latency(1, 1e-3), host_samples_s=(2e-3,), graph_samples_s=(5e-4,), throttled=1
    )
    refused = msgspec.structs.replace(latency(2, 1e-3), graph_samples_s=Failure(reason="it waits"))
    activity = make_gpu_activity(limits=("heat",), others=1)
    unknown = GpuState.unknown(Failure(reason="no library"))
    launches = (
        msgspec.structs.replace(closing(1), gpu=activity),
        msgspec.structs.replace(
            closing(2), gpu=msgspec.structs.replace(activity, before=unknown, after=unknown)
        ),
    )
    info = msgspec.structs.replace(INFO, environment=environment)
    run = read(write_run(tmp_path / "run", [replayed, refused, *launches], info))
    assert run.info == info
    assert run.launches == launches
    assert run.records[0].latencies == (replayed, refused)


@given(st.lists(st.floats(1e-12, 1e6), min_size=1, max_size=20))
def test_any_samples_survive_the_round_trip(samples: list[float]) -> None:
    """JSON keeps every bit of a float."""
    line = latency(1, *samples)
    ((_, read_back),) = LineCheck([CASE.key]).accept([line])
    assert read_back == line


def test_a_torn_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    """The kill came while it was written."""
    path = write_run(tmp_path / "run", [latency(1), closing(1)])
    with (path / "records.jsonl").open("ab") as file:
        file.write(b'{"kind":"launch","laun')
    run = read(path)
    assert run.notes == ("records.jsonl ends in an incomplete line, which is ignored",)
    assert len(run.launches) == 1


def test_resuming_cuts_the_torn_line_off(tmp_path: Path) -> None:
    """The next line begins on its own, and nothing whole is lost."""
    path = write_run(tmp_path / "run", [latency(1), closing(1)])
    with (path / "records.jsonl").open("ab") as file:
        file.write(b'{"kind":"laun')
    run_folder, _ = RunFolder.resume(path)
    with run_folder:
        run_folder.append([latency(2), closing(2)])
    run = read(path)
    assert [launch.launch for launch in run.launches] == [1, 2]
    assert run.notes == ()


def test_samples_of_a_launch_that_was_cut_off_are_left_out_and_counted(tmp_path: Path) -> None:
    """A launch without its closing line was in flight."""
    run = read(write_run(tmp_path / "run", [latency(1), closing(1), latency(2)]))
    assert len(run.records[0].latencies) == 1
    assert run.notes == ("samples of 1 case in a launch that was cut off are ignored",)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (b"{]\n", "JSON is malformed: object keys must be strings (byte 1)"),
        (b"\n", "Input data was truncated"),
        (b'{"kind":"wisdom"}\n', "Invalid value 'wisdom' - at `$.kind`"),
        (
            b'{"kind":"resident","case":"Good infer","peak_rss_bytes":-1}\n',
            "Expected `int` >= 0 - at `$.peak_rss_bytes`",
        ),
        (
            b'{"kind":"resident","case":"Good infer","peak_rss_bytes":1,"x":1}\n',
            "Object contains unknown field `x`",
        ),
        (
            b'{"kind":"resident","case":"other","peak_rss_bytes":1}\n',
            "run.json lists no case 'other'",
        ),
        (b"\xff\xfe\n", None),
        (b"[" * 100_000 + b"\n", None),
        (b'{"kind":"resident","case":"Good infer","peak_rss_bytes":1' + b"0" * 400 + b"}\n", None),
    ],
)
def test_any_other_damage_is_an_error_that_names_the_line(
    tmp_path: Path, damage: bytes, message: str | None
) -> None:
    """Line 2 is damaged, line 3 is whole: nothing is guessed."""
    path = write_run(tmp_path / "run", [latency(1)])
    with (path / "records.jsonl").open("ab") as file:
        file.write(damage + msgspec.json.encode(closing(1)) + b"\n")
    with pytest.raises(CspbenchError) as caught:
        read(path)
    where = f"{path / 'records.jsonl'} line 2 is invalid: "
    assert str(caught.value).startswith(where)
    if message is not None:
        assert str(caught.value) == where + message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(
            [latency(1), closing(1), latency(1)],
            "line 3 is invalid: launch 1 has 'Good infer' twice",
            id="written over by another copy of itself",
        ),
        pytest.param(
            [latency(1, 1.0), closing(1), latency(2, 1.0, 2.0), closing(2), latency(2, 1.0, 2.0)],
            "line 5 is invalid: launch 2 has 'Good infer' twice",
            id="launches may differ among themselves",
        ),
        pytest.param(
            [closing(1), make_launch(2, CASE, make_case("Twin"))],
            "line 2 is invalid: run.json lists no case 'Twin infer'",
            id="a launch of a case of another run",
        ),
        pytest.param(
            [CaseFailure(case=YARDSTICK, stage="latency", cause="raised", reason="no")],
            "line 1 is invalid: run.json lists no case 'yardstick'",
            id="the yardstick is no case that could fail",
        ),
    ],
)
def test_lines_that_contradict_each_other_are_refused(
    tmp_path: Path, lines: list[Line], message: str
) -> None:
    """Each could be read by itself."""
    path = write_run(tmp_path / "run", [])
    content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (path / "records.jsonl").write_bytes(content)
    with pytest.raises(CspbenchError) as caught:
        read(path)
    assert str(caught.value) == f"{path / 'records.jsonl'} {message}"


def test_lines_that_agree_are_read(tmp_path: Path) -> None:
    """Launches of different numbers of turns, and the yardstick beside the case."""
    yardstick = msgspec.structs.replace(latency(1, 1.0, 2.0), case=YARDSTICK)
    lines: list[Line] = [
        *(latency(1, 1.0, 2.0), yardstick, closing(1)),
        *(latency(2, 1.0), closing(2)),
    ]
    run = read(write_run(tmp_path / "run", lines))
    assert [len(line.samples_s) for line in run.records[0].latencies] == [2, 1]
    assert run.yardstick == (yardstick,)


def test_a_run_that_could_not_be_read_back_is_never_begun(tmp_path: Path) -> None:
    """A negative setting is refused before anything is measured."""
    info = msgspec.structs.replace(INFO, settings=msgspec.structs.replace(SETTINGS, seed=-1))
    with pytest.raises(CspbenchError, match=r"^the run cannot be recorded: .*settings\.seed`$"):
        RunFolder.create(tmp_path / "run", info)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_folder_of_other_things_is_not_written_into(tmp_path: Path) -> None:
    """A report must not replace a user's file of that name."""
    (tmp_path / "report.txt").write_text("mine")
    with pytest.raises(
        CspbenchError, match=r"is not empty and holds no run: it contains report.txt"
    ):
        RunFolder.create(tmp_path, INFO)
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"]


def test_another_schema_is_refused_by_its_number(tmp_path: Path) -> None:
    """Older and newer files are told from damaged ones."""
    path = write_run(tmp_path / "run", [])
    content = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**content, "schema": 99, "novel": True}))
    with pytest.raises(
        CspbenchError, match="99, but this version reads schema 2; read it with cspbench"
    ):
        read(path)


@pytest.mark.parametrize(
    ("compiler", "form"),
    [(None, "eager"), ("inductor", "compiled"), ("aot_eager", "compiled:aot_eager")],
)
def test_a_run_of_a_version_that_knew_no_forms_is_read(
    tmp_path: Path, compiler: str | None, form: str
) -> None:
    """Its cases had a compiler, or none."""
    RunFolder.create(tmp_path / "run", make_info(make_case("Good"))).close()
    path = tmp_path / "run" / "run.json"
    info = json.loads(path.read_text())
    (case,) = info["cases"]
    del case["form"]
    case["compiler"] = compiler
    path.write_text(json.dumps(info))
    (read_case,) = read(tmp_path / "run").info.cases
    assert read_case.form == form


def test_two_runs_never_write_into_one_folder(tmp_path: Path) -> None:
    """The second is refused while the first writes, and after it."""
    path = tmp_path / "run"
    with RunFolder.create(path, INFO):
        with pytest.raises(CspbenchError, match="another run is writing to"):
            RunFolder.create(path, INFO)
        with pytest.raises(CspbenchError, match="another run is writing to"):
            RunFolder.resume(path)
    with pytest.raises(CspbenchError, match=r"already holds a run \(continue it with"):
        RunFolder.create(path, INFO)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CspbenchError, match=r"^cannot write into .*file/run: Not a directory$"):
        RunFolder.create(tmp_path / "file" / "run", INFO)


def test_a_full_disk_loses_nothing_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line in hand is torn; those before it are read, and resuming goes on."""
    path = tmp_path / "run"
    run_folder = RunFolder.create(path, INFO)
    run_folder.append([latency(1), closing(1)])
    real = os.write

    def half_then_full(descriptor: int, content: bytes) -> int:
        if len(content) > 20:
            return real(descriptor, content[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half_then_full)
    with pytest.raises(CspbenchError, match="No space left on device; results so far are kept"):
        run_folder.append([closing(2)])
    run_folder.close()
    monkeypatch.undo()
    run = read(path)
    assert [launch.launch for launch in run.launches] == [1]
    resumed, _ = RunFolder.resume(path)
    with resumed:
        resumed.append([latency(2), closing(2)])
    assert [launch.launch for launch in read(path).launches] == [1, 2]


def test_a_folder_without_a_run_is_said_to_be_none(tmp_path: Path) -> None:
    """Neither reading nor resuming invents one."""
    with pytest.raises(CspbenchError, match=r"is not a run folder: it has no run.json$"):
        read(tmp_path)
    with pytest.raises(CspbenchError, match=r"it has no run.json .give the folder"):
        RunFolder.resume(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["run.json.tmp", ".run.json.123.tmp", "..gitignore.9.tmp"])
def test_what_a_killed_run_left_while_it_began_does_not_stand_in_the_way(
    tmp_path: Path, name: str
) -> None:
    """Nothing was measured; it is removed."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "records.jsonl").touch()
    (path / name).write_text("{")
    RunFolder.create(path, INFO).close()
    assert {item.name for item in path.iterdir()} == {"run.json", "records.jsonl", ".gitignore"}


def test_records_without_their_run_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """Beginning and resuming do not name each other."""
    path = write_run(tmp_path / "run", [latency(1)])
    (path / "run.json").unlink()
    with pytest.raises(CspbenchError, match=r"holds records.jsonl without the run.json"):
        RunFolder.create(path, INFO)
    with pytest.raises(CspbenchError, match=r"cannot be read without it; start a new run"):
        RunFolder.resume(path)


@pytest.mark.parametrize("gone", ["run", "run/run.json", "run/records.jsonl"])
def test_a_folder_that_is_removed_while_a_run_writes_is_written_anew(
    tmp_path: Path, gone: str
) -> None:
    """With all lines from its beginning, and still locked."""
    path = tmp_path / "run"
    with RunFolder.create(path, INFO) as run_folder:
        run_folder.append([latency(1), closing(1)])
        (tmp_path / gone).rename(tmp_path / "gone")
        run_folder.append([latency(2), closing(2)])
        with pytest.raises(CspbenchError, match="another run is writing to"):
            RunFolder.create(path, INFO)
    assert [launch.launch for launch in read(path).launches] == [1, 2]


def test_a_folder_that_cannot_be_written_anew_is_one_clear_error(tmp_path: Path) -> None:
    """A file stands in its place."""
    path = tmp_path / "run"
    with RunFolder.create(path, INFO) as run_folder:
        path.rename(tmp_path / "gone")
        path.touch()
        with pytest.raises(
            CspbenchError, match=r"run was removed during the run and cannot be restored: "
        ):
            run_folder.append([latency(1)])


def test_failures_are_kept_with_their_case(tmp_path: Path) -> None:
    """A failure is a record like any other."""
    failure = CaseFailure(case=CASE.key, stage="counts", cause="raised", reason="no")
    run = read(write_run(tmp_path / "run", [failure]))
    assert run.records[0].failures == (failure,)


def test_a_run_folder_does_not_make_a_repository_dirty(tmp_path: Path) -> None:
    """Git ignores all of it, except below ``reference``, whose runs are committed."""
    for name, is_ignored in (("results/mine", True), ("results/reference/cpu", False)):
        RunFolder.create(tmp_path / name, INFO).close()
        assert (tmp_path / name / ".gitignore").exists() == is_ignored
    assert (tmp_path / "results/mine/.gitignore").read_text() == "*\n"
