"""Launches: rounds, devices side by side, cases that kill a launch or find no memory in it."""

import dataclasses
import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info, make_latency, make_launch
from fake_worker import FakeWorker, RecordedProgress, measure, outcome
from synthetic import make_peak

from cspbench.engine import isolate
from cspbench.engine.isolate import Exit
from cspbench.engine.runner import Runner
from cspbench.engine.steps import step_of
from cspbench.errors import CspbenchError
from cspbench.plan.case import Case
from cspbench.records.base import Failure
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.lines import CaseFailure, LaunchFailure, Line, Stage
from cspbench.records.run import Run, RunInfo
from cspbench.verdicts.launches import launches_by_case

pytestmark = pytest.mark.usefixtures("nothing_is_contended")
slow = pytest.mark.slow


@slow
def test_a_case_that_kills_a_launch_is_known_by_its_turn_and_the_launch_repeated(
    tmp_path: Path,
) -> None:
    """The others have all their launches; the killer fails when it is tried once more."""
    run = measure(tmp_path / "run", "Good", "KillsInLaunch", "RaisesInLaunch", launches=2)
    assert outcome(run) == {
        "Good": 2,
        "KillsInLaunch": ("latency", "signal"),
        "RaisesInLaunch": ("latency", "raised"),
    }
    assert run.records[1].failures[0].launch == 2
    assert len(run.yardstick) == 2


@slow
def test_contended_launches_are_repeated_and_stay_in_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every launch counts as contended: 2 asked for, 1 repeated at most, all 3 are kept."""
    monkeypatch.setattr("cspbench.verdicts.launches.CONTENDED", -1.0)
    run = measure(tmp_path / "run", "Good", launches=2)
    assert len(run.launches) == 3
    assert [line.launch for line in run.records[0].latencies] == [1, 2, 3]
    assert launches_by_case(run)[run.records[0].case.key].left_out == ()


@slow
def test_a_budget_is_spent_on_launches_until_all_is_decided_or_time_is_up(tmp_path: Path) -> None:
    """Two cases of the same work: after the first two launches more follow, within the time."""
    settings = msgspec.structs.replace(SETTINGS, launches=2, budget_s=6.0)
    cases = [make_case("Good", reference="Good infer"), make_case("Twin", reference="Good infer")]
    path, progress = tmp_path / "run", RecordedProgress()
    with RunFolder.create(path, make_info(*cases, settings=settings)) as folder:
        Runner(folder, read_lines(path), progress).run()
    run = read(path)
    assert len(run.launches) > 2
    assert [launch.cases for launch in run.launches[:2]] == [("Good infer", "Twin infer")] * 2
    assert [total for _, total in progress.launches[:3]] == [2, 2, None]


class SideBySide(FakeWorker):
    """`isolate.run` for runs on two devices, where each launch waits for one on the other."""

    def __init__(self, *, full_disk_at: str = "") -> None:
        self.barrier = Barrier(2, timeout=30)
        self.running: list[str] = []
        self.launched: list[tuple[int, tuple[str, ...]]] = []
        self._full_disk_at = full_disk_at

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Line], None], **_: object
    ) -> Exit | None:
        if task.endswith(":measure"):
            self.measure(arguments[0], arguments[1], receive)
            return None
        number, group = arguments[:2]
        (device,) = {case.device for case in group}
        assert device not in self.running, "two launches on one device"
        self.running.append(device)
        self.barrier.wait()
        self.launched.append((number, tuple(case.key for case in group)))
        self.running.remove(device)
        if self._full_disk_at in {case.entry for case in group}:
            raise CspbenchError("no space left on device")
        self.launch(number, group, receive)
        return None


def on_two_devices() -> RunInfo:
    cases = [
        msgspec.structs.replace(make_case(name), key=f"{name} {device}", device=device)
        for name, device in (("a", "cuda:0"), ("b", "cuda:1"), ("c", "cuda:0"))
    ]
    return make_info(*cases, settings=msgspec.structs.replace(SETTINGS, launches=3))


def test_devices_work_side_by_side_and_each_has_one_launch_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every launch meets one on the other device; each case has its three, numbered apart."""
    fake = SideBySide()
    monkeypatch.setattr(isolate, "run", fake)
    progress = RecordedProgress()
    with RunFolder.create(tmp_path / "run", on_two_devices()) as folder:
        Runner(folder, read_lines(folder.path), progress).run()
    run = read(tmp_path / "run")
    assert {record.case.entry: len(record.latencies) for record in run.records} == {
        "a": 3,
        "b": 3,
        "c": 3,
    }
    assert sorted(number for number, _ in fake.launched) == [1, 2, 3, 4, 5, 6]
    assert {keys for _, keys in fake.launched} == {("a cuda:0", "c cuda:0"), ("b cuda:1",)}
    assert [total for _, total in progress.launches] == [6] * 6
    assert sorted(number for number, _ in progress.launches) == [1, 2, 3, 4, 5, 6]


def test_what_ends_the_run_on_one_device_ends_it_on_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no case's failure: it is raised, and no round follows."""
    fake = SideBySide(full_disk_at="b")
    monkeypatch.setattr(isolate, "run", fake)
    with (
        RunFolder.create(tmp_path / "run", on_two_devices()) as folder,
        pytest.raises(CspbenchError, match="no space left"),
    ):
        Runner(folder, read_lines(folder.path), RecordedProgress()).run()
    assert len(fake.launched) == 2


class SmallGpu(FakeWorker):
    """`isolate.run` for a GPU that holds so many bytes of peaks: more at once run out of memory.

    Cases are built in the order of their names, or ``backwards``.
    """

    def __init__(self, room: int, *, graphs_die: bool = False, backwards: bool = False) -> None:
        self._backwards = backwards
        self.groups: list[tuple[str, ...]] = []
        self.uncapturable: list[Mapping[str, Failure]] = []
        self._room = room
        self._graphs_die = graphs_die

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Line], None], **_: object
    ) -> Exit | None:
        if task.endswith(":measure"):
            case, stages = arguments[:2]
            if "graph" in stages and self._graphs_die:
                step = stages.index("graph")
                self.measure(case, stages[:step], receive)
                return Exit(
                    cause="signal",
                    reason="killed by SIGABRT",
                    detail="",
                    step=step_of(step, "real"),
                )
            self.measure(case, stages, receive)
            return None
        number, group = arguments[:2]
        self.groups.append(tuple(case.entry for case in group))
        self.uncapturable.append(arguments[5])
        fitting: list[Case] = []
        for case in sorted(group, key=lambda case: case.entry, reverse=self._backwards):
            peak = make_peak(case).peak_tensor_bytes
            if peak * (1 + len(fitting)) <= self._room:
                fitting.append(case)
                receive(make_latency(case, number))
            else:
                receive(
                    CaseFailure(
                        case=case.key,
                        stage="latency",
                        cause="out_of_memory",
                        reason="CUDA out of memory",
                        launch=number,
                    )
                )
        receive(make_launch(number, *fitting))
        return None


def on_a_gpu(path: Path, fake: SmallGpu, *names: str, cuda_graph: bool = False) -> Run:
    """A run of two launches of ``names``, each with the first as its reference."""
    cases = [
        msgspec.structs.replace(make_case(name), device="cuda", reference=f"{names[0]} infer")
        for name in names
    ]
    settings = msgspec.structs.replace(
        SETTINGS, launches=2, device="cuda", memory_budget_bytes=1 << 40, cuda_graph=cuda_graph
    )
    stages: tuple[Stage, ...] = ("counts", "tensor_peak", "allocated", "latency")
    info = make_info(*cases, settings=settings, stages=(*stages, *["graph"] * cuda_graph))
    with RunFolder.create(path, info) as folder:
        Runner(folder, read_lines(path), RecordedProgress()).run()
    return read(path)


PEAK = make_peak(make_case("a")).peak_tensor_bytes


def test_a_case_without_memory_beside_others_is_tried_with_fewer_until_it_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two fit at once: every case has its two launches in the end, and none is called a failure."""
    fake = SmallGpu(2 * PEAK)
    monkeypatch.setattr(isolate, "run", fake)
    run = on_a_gpu(tmp_path / "run", fake, *"abcde")
    assert {record.case.entry for record in run.records if record.failures} == set()
    assert all(len(record.latencies) >= 2 for record in run.records)
    assert fake.groups[0] == tuple("abcde")
    assert max(map(len, fake.groups[2:])) == 2
    assert all("a" in group for group in fake.groups)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_case_without_memory_even_alone_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    """Beside its reference, which every ratio needs, whichever of them was built first.

    The reference itself goes on.
    """
    fake = SmallGpu(PEAK, backwards=backwards)
    monkeypatch.setattr(isolate, "run", fake)
    run = on_a_gpu(tmp_path / "run", fake, *"abc")
    assert outcome(run) == {
        "a": len(run.records[0].latencies),
        "b": ("latency", "out_of_memory"),
        "c": ("latency", "out_of_memory"),
    }
    assert len(run.records[0].latencies) >= 2
    reason = run.records[1].failures[0].reason
    assert reason == "not enough memory beside its reference: CUDA out of memory"


@pytest.mark.parametrize("graphs_die", [False, True])
def test_a_graph_that_kills_its_process_leaves_the_case_to_be_timed_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graphs_die: bool
) -> None:
    """Launches are told which cases they must not capture, and why."""
    fake = SmallGpu(9 * PEAK, graphs_die=graphs_die)
    monkeypatch.setattr(isolate, "run", fake)
    run = on_a_gpu(tmp_path / "run", fake, *"ab", cuda_graph=True)
    assert outcome(run) == {"a": 2, "b": 2}
    failure = Failure(reason="killed by SIGABRT")
    graph_bytes = [record.graph.graph_bytes for record in run.records if record.graph]
    assert graph_bytes == ([failure, failure] if graphs_die else [7, 7])
    assert fake.uncapturable[0] == ({"a infer": failure, "b infer": failure} if graphs_die else {})


class Failing(FakeWorker):
    """`isolate.run`, where launches and cases fail as ``fail`` says.

    It takes the names of the cases of a launch, or ``measured`` and the name of a case; it returns
    the line or the exit to fail with, or None.
    """

    def __init__(self, fail: Callable[[tuple[str, ...]], Line | Exit | None]) -> None:
        self.groups: list[tuple[str, ...]] = []
        self.stages: list[tuple[Stage, ...]] = []
        self._fail = fail

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Line], None], **_: object
    ) -> Exit | None:
        is_launch = task.endswith(":launch")
        cases = arguments[1] if is_launch else (arguments[0],)
        names = tuple(case.entry for case in cases)
        if task.endswith(":call_once"):
            self._fail(())
            receive(False)  # type: ignore[arg-type]
            return None
        failure = self._fail(names if is_launch else ("measured", *names))
        if is_launch:
            self.groups.append(names)
        else:
            self.stages.append(arguments[1])
        if isinstance(failure, Exit):
            return failure
        if failure is not None:
            if isinstance(failure, LaunchFailure):
                failure = msgspec.structs.replace(
                    failure, launch=arguments[0], cases=tuple(case.key for case in cases)
                )
            receive(failure)
            if isinstance(failure, LaunchFailure):
                return None
            cases = [case for case in cases if case.key != failure.case]  # type: ignore[union-attr]
        if is_launch:
            self.launch(arguments[0], cases, receive)
        elif cases:
            self.measure(cases[0], arguments[1], receive)
        return None


NO_YARDSTICK = LaunchFailure(launch=0, cause="raised", reason="the yardstick: it is patched")
KILLED = Exit(
    cause="signal",
    reason="killed by SIGKILL (by hand)",
    detail="",
    step=step_of(0, "real"),
    is_from_outside=True,
)


def run_of(
    path: Path, fake: Failing, *names: str, launches: int = 2
) -> tuple[Run, RecordedProgress]:
    """A run of ``names``, or its resumption if it was begun, with the first as the reference."""
    progress = RecordedProgress()
    settings = msgspec.structs.replace(SETTINGS, launches=launches)
    cases = [make_case(name, reference=f"{names[0]} infer") for name in names]
    if path.exists():
        folder, assembly = RunFolder.resume(path)
    else:
        folder = RunFolder.create(path, make_info(*cases, settings=settings))
        assembly = read_lines(path)
    with folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolate, "run", fake)
        Runner(folder, assembly, progress).run()
    assert read(path) == assembly.run()
    return read(path), progress


def test_a_case_beside_which_the_yardstick_fails_costs_only_its_own_figures(tmp_path: Path) -> None:
    """After two launches together, each case is launched apart; it is given up and said."""

    def fails(names: tuple[str, ...]) -> Line | None:
        return NO_YARDSTICK if "bad" in names and "measured" not in names else None

    fake = Failing(fails)
    run, progress = run_of(tmp_path / "run", fake, "a", "bad", "c")
    assert [len(record.latencies) for record in run.records[1:]] == [0, 2]
    assert fake.groups[:2] == [("a", "bad", "c")] * 2
    assert fake.groups.count(("a", "bad")) == 2
    assert [reason for _, reason in progress.failed] == ["the yardstick: it is patched"] * 4
    assert not any(record.failures for record in run.records)
    (note,) = run.notes
    assert note.startswith("4 launches failed and are ignored; launch ")
    assert note.endswith("the yardstick: it is patched; no launch was completed for bad (infer)")


def test_a_yardstick_that_always_fails_ends_the_run_with_what_was_measured(tmp_path: Path) -> None:
    """Not an endless loop; no case is blamed."""
    fake = Failing(lambda names: NO_YARDSTICK if "measured" not in names else None)
    with pytest.raises(CspbenchError, match=r"^12 launches in a row failed, the last with: "):
        run_of(tmp_path / "run", fake, *"abcdefgh")
    run = read(tmp_path / "run")
    assert all(record.counts and not record.failures for record in run.records)


def test_a_yardstick_that_failed_once_leaves_the_cases_together(tmp_path: Path) -> None:
    """The launch is repeated as it was."""
    fails = iter([NO_YARDSTICK])
    fake = Failing(lambda names: None if "measured" in names else next(fails, None))
    run, _ = run_of(tmp_path / "run", fake, *"abc")
    assert fake.groups == [("a", "b", "c")] * 3
    assert run.notes == ("1 launch failed and is ignored; launch 1: the yardstick: it is patched",)


@pytest.mark.parametrize(("kills", "expected"), [(1, 2), (2, ("latency", "signal"))])
def test_a_launch_that_is_killed_once_blames_nobody(
    tmp_path: Path, kills: int, expected: object
) -> None:
    """Again in the same turn: it is the case."""
    fails = iter([dataclasses.replace(KILLED, step=1)] * kills)
    fake = Failing(lambda names: None if "measured" in names else next(fails, None))
    run, _ = run_of(tmp_path / "run", fake, *"abc")
    assert outcome(run) == {"a": 2, "b": expected, "c": 2}


@pytest.mark.parametrize("kills", [1, 2])
def test_a_case_that_is_killed_once_while_it_is_measured_is_measured_again(
    tmp_path: Path, kills: int
) -> None:
    """Twice: it is a failure of the case."""
    fails = iter([KILLED] * kills)
    fake = Failing(lambda names: next(fails, None) if "measured" in names else None)
    run, _ = run_of(tmp_path / "run", fake, "a", launches=1)
    assert bool(run.records[0].failures) == (kills == 2)


def full(stage: Stage) -> CaseFailure:
    return CaseFailure(case="a infer", stage=stage, cause="environment", reason="disk full")


@pytest.mark.parametrize("stage", ["counts", "latency"])
def test_a_full_disk_is_tried_once_more_and_again_on_resuming(tmp_path: Path, stage: Stage) -> None:
    """It is a failure in between, and none once it was measured."""

    def fails(names: tuple[str, ...]) -> Line | None:
        return full(stage) if ("measured" in names) == (stage == "counts") else None

    run, _ = run_of(tmp_path / "run", fake := Failing(fails), "a")
    assert run.records[0].failures == (full(stage),)
    tries = fake.stages if stage == "counts" else fake.groups
    assert len([names for names in tries if names[0] in {"counts", "a"}]) == 2
    run, _ = run_of(tmp_path / "run", Failing(lambda _: None), "a")
    assert outcome(run) == {"a": 2}
    assert run.records[0].counts is not None


def test_a_disk_too_full_to_start_a_worker_leaves_cases_to_a_resumed_run(tmp_path: Path) -> None:
    """The run ends in good order; with room, all is measured."""

    def full_disk(_: tuple[str, ...]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run, _ = run_of(tmp_path / "run", Failing(full_disk), *"ab")
    assert outcome(run) == {"a": ("counts", "environment"), "b": ("counts", "environment")}
    assert run.records[0].failures[0].reason == (
        "cannot start a process to measure in: No space left on device"
    )
    run, _ = run_of(tmp_path / "run", Failing(lambda _: None), *"ab")
    assert outcome(run) == {"a": 2, "b": 2}


def test_a_full_disk_that_has_room_again_leaves_no_failure(tmp_path: Path) -> None:
    """In a launch: the others keep theirs."""
    fails = iter([full("latency")])
    fake = Failing(lambda names: None if "measured" in names else next(fails, None))
    run, _ = run_of(tmp_path / "run", fake, *"ab")
    assert outcome(run) == {"a": 2, "b": 2}
    assert len(run.launches) == 3
