"""Launches in rounds: one launch of each group of cases a round, on several devices in parallel."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from typing import Any

from ..plan.case import Case
from ..records.base import Failure
from ..records.lines import LaunchFailure
from ..records.run import Settings
from .builds import Builds
from .launch import LaunchResult, lines_to_keep, run_launch
from .launch_failures import LaunchFailures
from .packing import MemoryRoom, launch_bytes, pack
from .progress import LaunchProgress
from .recorder import Recorder
from .schedule import Strategy, case_progress
from .split import plan

Group = tuple[Case, ...]


class Rounds:
    """Makes the launches that ``strategy`` asks for.

    A launch that fails through no case's fault is repeated, with a case and its reference alone if
    it fails again (`LaunchFailures`). A case that fails perhaps by nobody's fault is tried once
    more.

    ``builds`` makes the subjects of the cases.
    """

    def __init__(
        self,
        recorder: Recorder,
        settings: Settings,
        strategy: Strategy,
        progress: LaunchProgress,
        builds: Builds,
    ) -> None:
        self._recorder = recorder
        self._settings = settings
        self._strategy = strategy
        self._progress = progress
        self._builds = builds
        self._room = MemoryRoom(settings.memory_budget_bytes)
        self._failures = LaunchFailures()
        self._tried_again: set[str] = set()

    def run(self) -> None:
        """Make rounds until the strategy asks for no more launches."""
        while groups := self._begin_round():
            queues: dict[str, list[Group]] = {}
            for group in groups:
                queues.setdefault(group[0].device, []).append(group)
            if len(queues) == 1:
                self._launch_in_order(groups)
            else:
                self._launch_in_parallel(list(queues.values()))

    def _begin_round(self) -> list[Group]:
        """The groups of the next round; empty if the strategy asks for no more launches."""
        progress = case_progress(self._recorder.run())
        keys = set(self._strategy.next_cases(progress, self._progress.elapsed_s))
        keys -= self._failures.given_up
        healthy = [record for record in self._recorder.records if not record.has_failed]
        groups = pack(
            healthy,
            keys,
            self._room.of,
            keeps_peaks=self._settings.cuda_graph,
            apart=self._failures.apart,
        )
        rounds = self._strategy.rounds_left(progress)
        self._progress.begin_round(None if rounds is None else rounds * len(groups))
        return groups

    def _launch_in_parallel(self, queues: Sequence[Sequence[Group]]) -> None:
        """Launch the groups of each device in order; an exception on one device stops all."""
        stopped, stop = multiprocessing.Pipe(duplex=False)
        with ThreadPoolExecutor(len(queues)) as pool:
            futures = [pool.submit(self._launch_in_order, queue, stopped) for queue in queues]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                stop.send(None)
                raise

    def _launch_in_order(
        self, groups: Sequence[Group], stop: "Connection[Any, Any] | None" = None
    ) -> None:
        """Launch each group once, but stop after a failed launch, so that groups are repacked."""
        for index, group in enumerate(groups):
            self._progress.launch_started(len(group))
            began = time.monotonic()
            if not self._launch(group, self._progress.remaining_s / (len(groups) - index), stop):
                return
            self._progress.launch_ended(time.monotonic() - began, self._recorder.run)

    def _launch(
        self, group: Group, remaining_s: float, stop: "Connection[Any, Any] | None"
    ) -> bool:
        """Launch one group and record it; False if it does not count."""
        result = run_launch(
            self._recorder.next_launch(),
            group,
            self._settings,
            plan(self._recorder.run(), group, remaining_s),
            builds=self._builds,
            uncapturable=self._uncapturable(group),
            stop=stop,
            moved=self._progress.launch_moved,
        )
        self._reduce_room(result)
        spared = result.blameless - self._tried_again
        self._tried_again |= spared
        lines = self._recorder.keep(lines_to_keep(result, spared))
        failure = next((line for line in lines if isinstance(line, LaunchFailure)), None)
        if failure is not None or result.exit is not None:
            self._progress.launch_failed(failure.reason if failure else None)
        if failure is not None:
            self._failures.add(result.cases, failure)
            return False
        if result.exit is not None:
            return False
        self._failures.forget(result.cases)
        return True

    def _uncapturable(self, group: Group) -> dict[str, Failure]:
        """The cases of ``group`` of which no CUDA graph can be captured, and why."""
        if not self._settings.cuda_graph:
            return {}
        graphs = {case.key: self._recorder.record(case.key).graph for case in group}
        return {
            key: graph.graph_bytes
            for key, graph in graphs.items()
            if graph and isinstance(graph.graph_bytes, Failure)
        }

    def _reduce_room(self, result: LaunchResult) -> None:
        """Pack smaller groups on a device that ran out of memory, down to a case and reference."""
        if not result.ran_out_of_memory or result.paired_case is not None:
            return
        records = [self._recorder.record(case.key) for case in result.cases]
        tried_bytes = launch_bytes(records, keeps_peaks=self._settings.cuda_graph)
        self._room.reduce(result.cases[0].device, tried_bytes)
