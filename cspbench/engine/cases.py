"""Measurement of single cases, each in its own workers: counts, memory, equality of outputs."""

from collections.abc import Mapping
from pathlib import Path

from ..measures.base import Place
from ..measures.registry import MEASURES
from ..plan.case import Case, is_gpu
from ..records.lines import CaseFailure, Line, Stage
from ..records.run import Record, Settings, Side
from ..units import bytes_text
from . import isolate
from .progress import Progress
from .recorder import Recorder


class CaseMeasurer:
    """Measures cases one after another.

    ``roots`` holds the root of the checkout that builds the cases of each side, if there are two.
    """

    def __init__(
        self,
        recorder: Recorder,
        settings: Settings,
        progress: Progress,
        roots: Mapping[Side, Path],
    ) -> None:
        self._recorder = recorder
        self._settings = settings
        self._progress = progress
        self._roots = roots

    def measure(self, stages: tuple[Stage, ...]) -> None:
        """Measure the ``stages`` that each case lacks, except of cases that have failed."""
        records = self._recorder.records
        for index, record in enumerate(records, start=1):
            missing = _missing(record, stages)
            if missing and not record.failures:
                lines = self._measure_case(record.case, missing)
                self._progress.case_measured(index, len(records), record.case, lines)

    def compare_outputs(self) -> None:
        """Compare the outputs of both sides of each case, unless one has failed."""
        by_key = {record.case.key: record for record in self._recorder.records}
        for record in by_key.values():
            baseline = by_key.get(record.case.reference or "")
            if baseline is None or baseline.failures or record.failures or record.equivalence:
                continue
            if failure := self._too_large(record.case):
                self._recorder.keep([failure])
                continue
            _, worker_exit = self._recorder.record_task(
                "cspbench.engine.worker:compare_outputs",
                baseline.case,
                record.case,
                self._settings,
                self._roots,
                time_limit_s=self._settings.time_limit_s,
            )
            if worker_exit is not None:
                self._recorder.keep([worker_exit.failure(record.case.key, "latency")])

    def _measure_case(self, case: Case, missing: tuple[tuple[Stage, ...], ...]) -> list[Line]:
        """Measure each group of stages in a worker until one fails; return the recorded lines."""
        lines: list[Line] = []
        for stages in missing:
            if not _is_static(stages) and (failure := self._too_large(case)):
                self._recorder.keep([failure])
                return [*lines, failure]
            lines += self._measure_together(case, stages)
            if any(isinstance(line, CaseFailure) for line in lines):
                break
        return lines

    def _measure_together(self, case: Case, stages: tuple[Stage, ...]) -> list[Line]:
        lines, worker_exit = self._recorder.record_task(
            "cspbench.engine.worker:measure",
            case,
            stages,
            self._settings,
            self._roots,
            time_limit_s=self._settings.time_limit_s,
        )
        if worker_exit is None or any(isinstance(line, CaseFailure) for line in lines):
            return lines
        line = _line_after_exit(case, stages[max(worker_exit.step, 0)], worker_exit)
        self._recorder.keep([line])
        return [*lines, line]

    def _too_large(self, case: Case) -> CaseFailure | None:
        """The failure of a case whose tensors exceed the memory budget; None if they fit.

        Running it could drive the machine into swap. Cases on a GPU are not checked, because an
        allocation that fails there affects no other process.
        """
        peak = self._recorder.record(case.key).tensor_peak
        budget_bytes = self._settings.memory_budget_bytes
        if is_gpu(case.device) or peak is None or peak.peak_tensor_bytes <= budget_bytes:
            return None
        reason = (
            f"its tensors alone need {bytes_text(peak.peak_tensor_bytes)}; the memory budget is "
            f"{bytes_text(budget_bytes)}: it was counted, not run"
        )
        return CaseFailure(case=case.key, stage="allocated", cause="too_large", reason=reason)


def _missing(record: Record, stages: tuple[Stage, ...]) -> tuple[tuple[Stage, ...], ...]:
    """The stages that ``record`` lacks, in groups that share a worker (`PLACES`)."""

    def at(place: Place) -> tuple[Stage, ...]:
        return tuple(
            stage
            for stage in stages
            if MEASURES[stage].place == place and stage not in record.measurements
        )

    isolated = ((stage,) for stage in at("isolated"))
    return tuple(group for group in (at("static"), at("real"), *isolated) if group)


def _is_static(stages: tuple[Stage, ...]) -> bool:
    """Whether all ``stages`` are static, so that they allocate nothing."""
    return all(MEASURES[stage].place == "static" for stage in stages)


def _line_after_exit(case: Case, stage: Stage, worker_exit: isolate.Exit) -> Line:
    """The line for a worker that died at ``stage``: its measure's own record, or a failure."""
    line = MEASURES[stage].after_exit(case.key, worker_exit.reason)
    return worker_exit.failure(case.key, stage) if line is None else line
