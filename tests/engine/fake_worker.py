"""Runs of modules in `misbehaving_models`, and a progress that records what it is told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from factories import SETTINGS, make_case, make_info, make_latency, make_launch
from synthetic import make_counts, make_peak

from cspbench.engine.isolate import Exit
from cspbench.engine.launch_plan import LaunchPosition
from cspbench.engine.runner import Runner
from cspbench.plan.case import Case
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.lines import Line, Stage
from cspbench.records.measurements import Allocated, Graph, Resident
from cspbench.records.run import Run, RunInfo


class RecordedProgress:
    """A progress that records what it is told, and may raise."""

    def __init__(self, *, at_launch: Callable[[int], None] | None = None) -> None:
        self.cases: list[tuple[int, int, str]] = []
        self.launches: list[tuple[int, int | None]] = []
        self.seconds_left: list[float | None] = []
        self.trained: list[tuple[int, int, str]] = []
        self.profiled: list[tuple[int, int, str]] = []
        self.failed: list[tuple[int, str]] = []
        self.positions: list[tuple[int, LaunchPosition]] = []
        self._at_launch = at_launch

    def began(self, info: RunInfo) -> None:
        pass

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        self.trained.append((number, total, case.label))

    def case_profiled(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        self.profiled.append((number, total, case.label))

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        self.cases.append((index, total, case.label))

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        self.launches.append((number, total))
        self.seconds_left.append(left_s)
        if self._at_launch is not None:
            self._at_launch(number)

    def launch_moved(self, number: int, position: LaunchPosition) -> None:
        self.positions.append((number, position))

    def launch_ended(self, number: int, run: Run) -> None:
        pass

    def launch_failed(self, number: int, reason: str) -> None:
        self.failed.append((number, reason))


def measure(path: Path, *builds: str, launches: int = 1, time_limit_s: float = 60.0) -> Run:
    settings = msgspec.structs.replace(SETTINGS, launches=launches, time_limit_s=time_limit_s)
    info = make_info(
        *(make_case(build, reference="Good infer") for build in builds), settings=settings
    )
    with RunFolder.create(path, info) as folder:
        Runner(folder, read_lines(path), RecordedProgress()).run()
    return read(path)


def outcome(run: Run) -> dict[str, tuple[str, str] | int]:
    """Each case's stage and cause of failure, or its number of launches."""
    return {
        record.case.entry: (record.failures[0].stage, record.failures[0].cause)
        if record.failures
        else len(record.latencies)
        for record in run.records
    }


class FakeWorker:
    """In place of `isolate.run`: every case is measured, and every launch completes, at once."""

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Line], None], **_: object
    ) -> Exit | None:
        if task.endswith(":measure"):
            self.measure(arguments[0], arguments[1], receive)
        else:
            self.launch(arguments[0], arguments[1], receive)
        return None

    def measure(self, case: Case, stages: Sequence[Stage], receive: Callable[[Line], None]) -> None:
        """Send a line a stage."""
        lines: dict[Stage, Line] = {
            "counts": make_counts(case),
            "tensor_peak": make_peak(case),
            "allocated": Allocated(case=case.key, peak_tensor_bytes=1, peak_alloc_bytes=1),
            "graph": Graph(case=case.key, graph_bytes=7),
            "resident": Resident(case=case.key, peak_rss_bytes=1),
        }
        for stage in stages:
            receive(lines[stage])

    def launch(self, number: int, group: Sequence[Case], receive: Callable[[Line], None]) -> None:
        """Send the latency of each case, and the launch."""
        for case in group:
            receive(make_latency(case, number))
        receive(make_launch(number, *group))
