"""The runner: failures are recorded and the others go on; what is missing is measured, once."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest
from making import SETTINGS, make_case, make_info, make_latency, make_launch
from synthetic import make_counts, make_peak

from cspbench import report
from cspbench.engine import isolate
from cspbench.engine.isolate import Exit
from cspbench.engine.runner import Runner
from cspbench.errors import CspbenchError
from cspbench.measures.registry import stages
from cspbench.plan.case import Case
from cspbench.records import folder as store
from cspbench.records.base import Failure
from cspbench.records.folder import RunFolder
from cspbench.records.lines import CaseFailure, Line, Stage
from cspbench.records.measurements import Allocated, Graph, Resident
from cspbench.records.run import Run, RunInfo, TrainingSettings
from cspbench.verdicts.launches import launches_by_case

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def _nothing_is_contended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does meanwhile: no launch is repeated for it."""
    monkeypatch.setattr("cspbench.verdicts.launches.CONTENDED", 1.0)


class RecordedProgress:
    """A progress that records what it is told, and may raise."""

    def __init__(self, *, at_launch: Callable[[int], None] | None = None) -> None:
        self.cases: list[tuple[int, int, str]] = []
        self.launches: list[tuple[int, int | None]] = []
        self.trained: list[tuple[int, int, str]] = []
        self._at_launch = at_launch

    def began(self, info: RunInfo) -> None:
        pass

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        self.trained.append((number, total, case.label))

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        self.cases.append((index, total, case.label))

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        self.launches.append((number, total))
        if self._at_launch is not None:
            self._at_launch(number)

    def launch_ended(self, number: int, run: Run) -> None:
        pass


def measure(path: Path, *builds: str, launches: int = 1, time_limit_s: float = 60.0) -> Run:
    settings = msgspec.structs.replace(SETTINGS, launches=launches, time_limit_s=time_limit_s)
    info = make_info(
        *(make_case(build, reference="Good infer") for build in builds), settings=settings
    )
    with RunFolder.create(path, info) as folder:
        Runner(folder, store.read_lines(path), RecordedProgress()).run()
    return store.read(path)


def outcome(run: Run) -> dict[str, tuple[str, str] | int]:
    """Each case's stage and cause of failure, or its number of launches."""
    return {
        record.case.entry: (record.failures[0].stage, record.failures[0].cause)
        if record.failures
        else len(record.latencies)
        for record in run.records
    }


@slow
def test_a_failing_case_is_recorded_with_its_cause_and_the_others_go_on(tmp_path: Path) -> None:
    """Raised, out of memory, killed, crashed, hung and left: each told, the healthy one kept."""
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
    assert "4.00 EiB asked for" in " ".join(report.text(run).split())
    raised = run.records[1].failures[0]
    assert raised.reason == "RuntimeError: this module always raises"
    assert "second line" in raised.detail
    assert run.records[3].counts is not None  # what was known before the kill stays


@slow
def test_a_case_that_the_compiler_leaves_to_python_is_named(tmp_path: Path) -> None:
    """It runs, so that it is timed; that it is not one graph stands in its record and the notes."""
    cases = [
        msgspec.structs.replace(make_case(build), compiler="eager")
        for build in ("Good", "BreaksCompiled")
    ]
    with RunFolder.create(tmp_path / "run", make_info(*cases)) as folder:
        Runner(folder, store.read_lines(folder.path), RecordedProgress()).run()
    run = store.read(tmp_path / "run")
    assert outcome(run) == {"Good": 1, "BreaksCompiled": 1}
    whole, parted = (record.allocated for record in run.records)
    assert whole is not None
    assert parted is not None
    assert (whole.is_one_graph, parted.is_one_graph) == (True, False)
    text = " ".join(report.text(run).split())
    assert "left parts to Python (graph breaks): BreaksCompiled (inference)" in text


@slow
def test_a_case_that_kills_a_launch_is_known_by_its_turn_and_the_launch_repeated(
    tmp_path: Path,
) -> None:
    """The others have all their launches; the killer has its failure, with the launch's number."""
    run = measure(tmp_path / "run", "Good", "KillsInLaunch", "RaisesInLaunch", launches=2)
    assert outcome(run) == {
        "Good": 2,
        "KillsInLaunch": ("latency", "signal"),
        "RaisesInLaunch": ("latency", "raised"),
    }
    assert run.records[1].failures[0].launch == 1
    assert len(run.yardstick) == 2


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
        Runner(folder, store.read_lines(path), RecordedProgress(at_launch=interrupt)).run()
    before = (path / "records.jsonl").read_bytes()
    assert len(store.read(path).launches) == 1

    folder, assembly = RunFolder.resume(path)
    progress = RecordedProgress()
    with folder:
        Runner(folder, assembly, progress).run()
    assert progress.cases == []
    assert progress.launches == [(2, 3), (3, 3)]
    assert (path / "records.jsonl").read_bytes().startswith(before)
    assert outcome(store.read(path)) == {"Good": 3}

    folder, assembly = RunFolder.resume(path)
    with folder:
        Runner(folder, assembly, progress).run()
    assert progress.launches == [(2, 3), (3, 3)]  # nothing was missing any more


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
        Runner(folder, store.read_lines(path), progress).run()
    run = store.read(path)
    assert len(run.launches) > 2
    assert [launch.cases for launch in run.launches[:2]] == [("Good infer", "Twin infer")] * 2
    assert [total for _, total in progress.launches[:3]] == [2, 2, None]


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
    run = store.read(path)
    assert [launch.launch for launch in run.launches] == [1, 3]
    assert [latency.launch for latency in run.records[0].latencies] == [1, 3]
    assert run.notes == ("samples of 2 cases in a launch that was cut off are left out",)


@slow
def test_a_case_that_cannot_fit_is_counted_and_not_run(tmp_path: Path) -> None:
    """Its tensor peak is known from fake tensors, so that the machine is never tried."""
    settings = msgspec.structs.replace(SETTINGS, memory_budget_bytes=1000)
    info = make_info(make_case("Good"), settings=settings)
    with RunFolder.create(tmp_path / "run", info) as folder:
        Runner(folder, store.read_lines(tmp_path / "run"), RecordedProgress()).run()
    (record,) = store.read(tmp_path / "run").records
    assert record.counts is not None
    (failure,) = record.failures
    # 4·4·9 weights, an input and an output of 4·8·8, four bytes each
    assert (failure.stage, failure.cause) == ("allocated", "too_large")
    assert failure.reason == (
        "its tensors alone need 2.56 KiB; the memory budget is 1000 B: it was counted, not run"
    )


@slow
def test_the_parents_environment_and_directory_stay_as_they_were(tmp_path: Path) -> None:
    """The allocator is set in the processes that measure, never in the caller's."""
    before = dict(os.environ), Path.cwd()
    measure(tmp_path / "run", "Good")
    assert (dict(os.environ), Path.cwd()) == before


def gradient_run(path: Path, *builds: str, seeds: int, progress: RecordedProgress) -> Run:
    training = TrainingSettings(seeds=seeds, steps=4, data="digits")
    settings = msgspec.structs.replace(SETTINGS, training=training)
    info = make_info(
        *(make_case(build, mode="train") for build in builds),
        settings=settings,
        stages=stages("gradients", settings),
    )
    with RunFolder.create(path, info) as folder:
        Runner(folder, store.read_lines(path), progress).run()
    return store.read(path)


@slow
def test_blocks_are_trained_once_a_seed_and_a_failing_one_once(tmp_path: Path) -> None:
    """What breaks on real tensors is told at its first seed; what has no map is traced only."""
    progress = RecordedProgress()
    run = gradient_run(
        tmp_path / "run", "Good", "Flattens", "RaisesWhenReal", seeds=2, progress=progress
    )
    good, flattens, raises = run.records
    assert [training.seed for training in good.trainings] == [0, 1]
    assert [reading.step for reading in good.trainings[0].readings] == [0, 1, 2, 4]
    assert flattens.gradient_terms is not None
    assert not flattens.gradient_terms.is_block
    assert (flattens.trainings, flattens.failures) == ((), ())
    (failure,) = raises.failures
    assert (failure.stage, failure.cause, failure.reason) == (
        "training",
        "raised",
        "ValueError: no",
    )
    assert [number for number, *_ in progress.trained] == [1, 2, 3]
    assert run.launches == ()


@slow
def test_a_missing_training_is_made_on_resuming(tmp_path: Path) -> None:
    """The others are kept, and the one repeated gives the same readings."""
    path = tmp_path / "run"
    whole = gradient_run(path, "Good", seeds=3, progress=RecordedProgress())
    lines = (path / "records.jsonl").read_bytes().splitlines(keepends=True)
    (path / "records.jsonl").write_bytes(b"".join(lines[:-2]))
    folder, assembly = RunFolder.resume(path)
    progress = RecordedProgress()
    with folder:
        Runner(folder, assembly, progress).run()
    assert [number for number, *_ in progress.trained] == [1, 2]
    assert store.read(path).records == whole.records


class SideBySide:
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
            case = arguments[0]
            for line in (
                make_counts(case),
                make_peak(case),
                Allocated(case=case.key, peak_tensor_bytes=1, peak_alloc_bytes=1),
                Resident(case=case.key, peak_rss_bytes=1),
            ):
                if line.__struct_config__.tag in arguments[1]:
                    receive(line)
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
        for case in group:
            receive(make_latency(case, number))
        receive(make_launch(number, *group))
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
        Runner(folder, store.read_lines(folder.path), progress).run()
    run = store.read(tmp_path / "run")
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
        Runner(folder, store.read_lines(folder.path), RecordedProgress()).run()
    assert len(fake.launched) == 2


class SmallGpu:
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
            return self._measure(arguments[0], arguments[1], receive)
        number, group = arguments[:2]
        self.groups.append(tuple(case.entry for case in group))
        self.uncapturable.append(arguments[4])
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

    def _measure(
        self, case: Case, stages: Sequence[Stage], receive: Callable[[Line], None]
    ) -> Exit | None:
        lines: dict[str, Line] = {
            "counts": make_counts(case),
            "tensor_peak": make_peak(case),
            "allocated": Allocated(case=case.key, peak_tensor_bytes=1, peak_alloc_bytes=1),
        }
        for index, stage in enumerate(stages):
            if stage == "graph" and self._graphs_die:
                return Exit(cause="signal", reason="killed by SIGABRT", detail="", step=index)
            receive(lines.get(stage) or Graph(case=case.key, graph_bytes=7))
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
        Runner(folder, store.read_lines(path), RecordedProgress()).run()
    return store.read(path)


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
    assert reason == "no memory beside its reference: CUDA out of memory"


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
