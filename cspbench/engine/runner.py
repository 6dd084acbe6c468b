"""Passes and launches: counts and memory first, one case a process; then groups that take turns."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean
from threading import RLock
from typing import Any, Protocol

import msgspec

from ..errors import CspbenchError
from ..measures.registry import MEASURES
from ..plan.case import Case, is_gpu
from ..records.folder import RunFolder
from ..records.lines import (
    BlockTraining,
    CaseFailure,
    Failure,
    Launch,
    Line,
    Stage,
    TensorPeak,
)
from ..records.run import Record, Run, RunInfo, Side, TrainingSettings, assemble
from ..units import bytes_text
from . import isolate
from .schedule import standings, strategy

_SINGLE_PLACES = ("static", "real", "isolated")
"""Where a case is measured by itself, a process each."""


class Progress(Protocol):
    """What is told of a run while it goes on."""

    def began(self, info: RunInfo) -> None:
        """The run begins, or goes on; the first process has yet to load torch."""

    def case_measured(self, index: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Counts and memory of case ``index`` of ``total`` are known, or its failure."""

    def block_trained(self, number: int, total: int, case: Case, lines: Sequence[Line]) -> None:
        """Training ``number`` of ``total`` ended, or failed."""

    def launch_started(
        self, number: int, total: int | None, cases: int, left_s: float | None
    ) -> None:
        """Launch ``number`` begins, of ``total`` where that is known ahead.

        ``left_s`` is the time that all should take.
        """

    def launch_ended(self, number: int, run: Run) -> None:
        """A launch ended; ``run`` holds all that is known so far."""


class Runner:
    """Measures what ``run`` still lacks, and writes each line into ``folder`` as it comes.

    ``roots`` are the trees that build the cases of each side.
    """

    def __init__(
        self,
        folder: RunFolder,
        run: Run,
        progress: Progress,
        roots: Mapping[Side, Path] | None = None,
    ) -> None:
        self._folder = folder
        self._roots = dict(roots or {})
        self._info = run.info
        self._settings = run.info.settings
        self._progress = progress
        self._lines = lines_of(run)
        self._last_launch = run.last_launch
        self._strategy = strategy(run)
        self._lock = RLock()  # of all below and above that changes, where devices run side by side
        self._began = time.monotonic()
        self._done = self._running = 0
        self._left: int | None = None
        self._durations: list[float] = []
        self._rooms: dict[str, int] = {}  # bytes of a group by device, where less than all is free

    @property
    def result(self) -> Run:
        """All that is known so far."""
        return assemble(self._info, self._lines)

    def run(self) -> None:
        """Measure; raises only for what ends the whole run (a full disk, an interrupt)."""
        self._progress.began(self._info)
        self._measure_cases()
        if self._roots:
            self._compare_outputs()
        if self._settings.training:
            self._train(self._settings.training)
        if "latency" in self._info.stages:
            self._launch_groups()

    def _measure_cases(self) -> None:
        records = self.result.records
        for index, record in enumerate(records, start=1):
            before = len(self._lines)
            missing = tuple(
                stage
                for stage in self._info.stages
                if MEASURES[stage].place in _SINGLE_PLACES and not _has(record, stage)
            )
            if missing and not record.failures:
                self._measure(record.case, missing)
                self._progress.case_measured(index, len(records), record.case, self._lines[before:])

    def _measure(self, case: Case, stages: tuple[Stage, ...]) -> None:
        """The stages of each place in a process; those that are isolated in one each."""
        groups = [[stage for stage in stages if MEASURES[stage].place == "static"]]
        groups += [[stage for stage in stages if MEASURES[stage].place == "real"]]
        groups += [[stage] for stage in stages if MEASURES[stage].place == "isolated"]
        for group in filter(None, groups):
            if MEASURES[group[0]].place != "static" and self._is_too_large(case):
                return
            if not self._measure_isolated(case, tuple(group)):
                return

    def _measure_isolated(self, case: Case, stages: tuple[Stage, ...]) -> bool:
        failed = False

        def receive(line: Line) -> None:
            nonlocal failed
            failed = isinstance(line, CaseFailure)
            self._keep([line])

        worker_exit = isolate.run(
            "cspbench.engine.worker:measure",
            case,
            stages,
            self._settings,
            self._roots,
            time_limit_s=self._settings.time_limit_s,
            receive=receive,
        )
        if worker_exit is not None and not failed:
            stage = stages[max(worker_exit.step, 0)]
            line = MEASURES[stage].after_exit(case.key, worker_exit.reason)
            if line is not None:
                self._keep([line])
                return True
            self._keep([_death(case, stage, worker_exit)])
        return worker_exit is None and not failed

    def _is_too_large(self, case: Case) -> bool:
        """Whether a case would drive the machine into swap. A GPU refuses by itself, cleanly."""
        if is_gpu(case.device):
            return False
        peak = next(
            line
            for line in reversed(self._lines)
            if isinstance(line, TensorPeak) and line.case == case.key
        )
        if peak.peak_tensor_bytes <= self._settings.memory_budget_bytes:
            return False
        reason = (
            f"its tensors alone need {bytes_text(peak.peak_tensor_bytes)}; the memory budget is "
            f"{bytes_text(self._settings.memory_budget_bytes)}: it was counted, not run"
        )
        self._keep(
            [CaseFailure(case=case.key, stage="allocated", cause="too_large", reason=reason)]
        )
        return True

    def _compare_outputs(self) -> None:
        """Whether both sides compute the same, where both can be built."""
        by_key = {record.case.key: record for record in self.result.records}
        for record in by_key.values():
            baseline = by_key.get(record.case.reference or "")
            if baseline is None or baseline.failures or record.failures or record.equivalence:
                continue
            if self._is_too_large(record.case):
                continue
            worker_exit = isolate.run(
                "cspbench.engine.worker:compare_outputs",
                baseline.case,
                record.case,
                self._settings,
                self._roots,
                time_limit_s=self._settings.time_limit_s,
                receive=lambda line: self._keep([line]),
            )
            if worker_exit is not None:
                self._keep([_death(record.case, "latency", worker_exit)])

    def _train(self, wanted: TrainingSettings) -> None:
        """Each block once a seed, a process each; whole networks are traced only."""
        blocks = [
            record
            for record in self.result.records
            if record.gradient_terms and record.gradient_terms.is_block and not record.failures
        ]
        todo = [
            (record.case, seed)
            for seed in range(self._settings.seed, self._settings.seed + wanted.seeds)
            for record in blocks
            if seed not in {training.seed for training in record.trainings}
        ]
        failed: set[str] = set()
        for number, (case, seed) in enumerate(todo, start=1):
            if case.key in failed:
                continue
            before = len(self._lines)
            worker_exit = isolate.run(
                "cspbench.engine.worker:train",
                case,
                seed,
                self._settings,
                time_limit_s=self._settings.time_limit_s,
                receive=lambda line: self._keep([line]),
            )
            if worker_exit is not None:
                self._keep([_death(case, "training", worker_exit)])
            lines = self._lines[before:]
            if any(isinstance(line, CaseFailure) for line in lines):
                failed.add(case.key)
            self._progress.block_trained(number, len(todo), case, lines)

    def _launch_groups(self) -> None:
        """Round after round, each group launched once, until the strategy wants no more."""
        self._began = time.monotonic()
        self._done = sum(isinstance(line, Launch) for line in self._lines)
        while groups := self._wanted_groups(time.monotonic() - self._began):
            rounds = self._strategy.left(standings(self.result))
            self._left = None if rounds is None else rounds * len(groups)
            queues: dict[str, list[tuple[Case, ...]]] = {}
            for group in groups:
                queues.setdefault(group[0].device, []).append(group)
            if len(queues) == 1:
                self._launch_in_order(groups)
            else:
                self._launch_side_by_side(queues.values())

    def _wanted_groups(self, elapsed_s: float) -> list[tuple[Case, ...]]:
        run = self.result
        wanted = set(self._strategy.wanted(standings(run), elapsed_s))
        healthy = [record for record in run.records if record.tensor_peak and not record.failures]
        return pack(healthy, wanted, self._room, keeps_peaks=self._settings.cuda_graph)

    def _room(self, device: str) -> int:
        return self._rooms.get(device, self._settings.memory_budget_bytes)

    def _launch_side_by_side(self, queues: Iterable[Sequence[tuple[Case, ...]]]) -> None:
        """One launch at a time on each device. What ends one of them for good ends all."""
        stopped, stop = multiprocessing.Pipe(duplex=False)
        with ThreadPoolExecutor(len(list(queues))) as pool:
            running = [pool.submit(self._launch_in_order, queue, stopped) for queue in queues]
            try:
                for one in as_completed(running):
                    one.result()
            except BaseException:
                stop.send(None)
                raise

    def _launch_in_order(
        self,
        groups: Sequence[tuple[Case, ...]],
        stop: "Connection[Any, Any] | None" = None,
    ) -> None:
        for group in groups:
            self._say_started(group)
            began = time.monotonic()
            if not self._launch(group, stop):
                with self._lock:
                    self._running -= 1
                return  # the groups are packed anew without the case that worker_exit
            self._say_ended(time.monotonic() - began)

    def _say_started(self, group: tuple[Case, ...]) -> None:
        with self._lock:
            self._running += 1
            total = None if self._left is None else self._done + self._left
            self._progress.launch_started(
                self._done + self._running, total, len(group), self._seconds_left()
            )

    def _say_ended(self, seconds: float) -> None:
        with self._lock:
            self._durations.append(seconds)
            self._running -= 1
            self._done += 1
            if self._left is not None:
                self._left -= 1
            self._progress.launch_ended(self._done, self.result)

    def _seconds_left(self) -> float | None:
        if self._settings.budget_s is not None:
            return max(0.0, self._settings.budget_s - (time.monotonic() - self._began))
        if not self._durations or self._left is None:
            return None
        devices = len({case.device for case in self._info.cases})
        return fmean(self._durations) * self._left / devices

    def _launch(self, group: tuple[Case, ...], stop: "Connection[Any, Any] | None") -> bool:
        """One launch; a case that kills it is recorded, and the launch is left to be repeated."""
        with self._lock:
            self._last_launch += 1
            number = self._last_launch
            uncapturable = self._uncapturable()
        answers: list[Line] = []
        worker_exit = isolate.run(
            "cspbench.engine.worker:launch",
            number,
            group,
            self._settings,
            self._roots,
            uncapturable,
            time_limit_s=self._settings.time_limit_s,
            receive=answers.append,
            stop=stop,
        )
        received = self._without_crowded_out(group, answers)
        if worker_exit is None:
            self._keep(received)
            return True
        if not 0 <= worker_exit.step < len(group):
            raise CspbenchError(
                f"launch {number} died outside any case ({worker_exit.reason}): "
                f"{worker_exit.detail[-200:]}"
            )
        failures = [line for line in received if isinstance(line, CaseFailure)]
        self._keep([*failures, _death(group[worker_exit.step], "latency", worker_exit, number)])
        return False

    def _without_crowded_out(
        self, group: tuple[Case, ...], received: Sequence[Line]
    ) -> Sequence[Line]:
        """What was received, less the failures of cases that found no memory beside others.

        That says nothing of them yet: from here on smaller groups are packed for that device, until
        a case stands alone with its reference. Then it is the case that has failed, whichever of
        the two found no memory: the reference can still be timed beside others.
        """
        crowded = [
            line
            for line in received
            if isinstance(line, CaseFailure) and line.cause == "out_of_memory"
        ]
        keys = {case.key for case in group}
        alone = next((case for case in group if keys <= {case.key, case.reference}), None)
        if not crowded or len(group) == 1:
            return received
        rest = [line for line in received if line not in crowded]
        if alone is not None:
            reason = f"no memory beside its reference: {crowded[-1].reason}"
            return [*rest, msgspec.structs.replace(crowded[-1], case=alone.key, reason=reason)]
        with self._lock:
            records = [record for record in self.result.records if record.case.key in keys]
            needed = _group_bytes(records, keeps_peaks=self._settings.cuda_graph)
            device = group[0].device
            self._rooms[device] = min(self._room(device), needed // 2)
        return rest

    def _uncapturable(self) -> dict[str, Failure]:
        """The cases of which no CUDA graph can be made, and why."""
        if not self._settings.cuda_graph:
            return {}
        graphs = [record.graph for record in self.result.records if record.graph]
        return {
            graph.case: graph.graph_bytes
            for graph in graphs
            if isinstance(graph.graph_bytes, Failure)
        }

    def _keep(self, lines: Sequence[Line]) -> None:
        with self._lock:
            self._folder.append(lines)
            self._lines.extend(lines)


def pack(
    records: Iterable[Record],
    wanted: AbstractSet[str],
    room: Callable[[str], int],
    *,
    keeps_peaks: bool = False,
) -> list[tuple[Case, ...]]:
    """Groups of the ``wanted`` cases that can stand in memory together, each with its reference.

    ``room`` gives the bytes that a group may take on a device: what each case keeps between calls,
    and the most that one needs during a call; ``keeps_peaks``: each keeps what it needs during a
    call, too, as captured graphs do. Cases on different devices, or that need different backend
    flags, never share a group.
    """

    def backend(key: str) -> tuple[str, str]:
        case = by_key[key].case
        return case.device, case.precision

    by_key = {record.case.key: record for record in records}
    groups: list[list[str]] = []
    for key, record in by_key.items():
        if key not in wanted:
            continue
        both = [k for k in (record.case.reference, key) if k in by_key]
        for group in groups:
            together = dict.fromkeys([*group, *both])
            needed = _group_bytes([by_key[k] for k in together if k], keeps_peaks=keeps_peaks)
            if backend(group[0]) == backend(key) and needed <= room(record.case.device):
                group[:] = [k for k in together if k]
                break
        else:
            groups.append([k for k in dict.fromkeys(both) if k])
    return [tuple(by_key[key].case for key in group) for group in groups]


def _group_bytes(records: Sequence[Record], *, keeps_peaks: bool) -> int:
    peaks = [record.tensor_peak for record in records if record.tensor_peak]
    standing = sum(peak.baseline_bytes + peak.split.weights for peak in peaks)  # and gradients
    called = [peak.peak_tensor_bytes - peak.baseline_bytes for peak in peaks]
    return standing + (sum(called) if keeps_peaks else max(called))


def lines_of(run: Run) -> list[Line]:
    """The lines that a run was assembled from."""
    lines: list[Line] = []
    for record in run.records:
        single: tuple[Line | None, ...] = (
            *(record.counts, record.disk_size, record.tensor_peak, record.allocated, record.graph),
            *(record.resident, record.equivalence, record.gradient_terms),
        )
        lines += [line for line in single if line is not None]
        lines += [*record.latencies, *record.left_out, *record.failures]
        lines += [BlockTraining(case=record.case.key, training=one) for one in record.trainings]
    return [*lines, *run.yardstick, *run.launches]


def _has(record: Record, stage: Stage) -> bool:
    return getattr(record, stage) is not None


def _death(
    case: Case, stage: Stage, worker_exit: isolate.Exit, number: int | None = None
) -> CaseFailure:
    return CaseFailure(
        case=case.key,
        stage=stage,
        cause=worker_exit.cause,
        reason=worker_exit.reason,
        launch=number,
        detail=worker_exit.detail,
    )
