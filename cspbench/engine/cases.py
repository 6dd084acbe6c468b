"""Measurement of single cases, each in its own workers: counts, memory, equality of outputs."""

from ..measures.base import Place
from ..measures.registry import MEASURES
from ..plan.case import Case, is_gpu
from ..records.lines import CaseFailure, Line, Stage
from ..records.measurements import Equivalence, stage_of
from ..records.run import SIDES, Record, Settings
from ..records.tensor_peak import TensorPeak
from ..units import bytes_text
from .builds import Builds
from .progress import Progress
from .recorder import Recorder
from .stages import has_failed, measure_stages


class CaseMeasurer:
    """Measures cases one after another, built as ``builds`` says."""

    def __init__(
        self,
        recorder: Recorder,
        settings: Settings,
        progress: Progress,
        builds: Builds,
    ) -> None:
        self._recorder = recorder
        self._settings = settings
        self._progress = progress
        self._builds = builds

    def measure(self, stages: tuple[Stage, ...]) -> None:
        """Measure the ``stages`` that each case lacks, except of cases that do not run."""
        records = self._recorder.records
        for index, record in enumerate(records, start=1):
            missing = _missing(record, stages)
            if missing and not record.has_failed:
                lines = self._measure_case(record.case, missing)
                self._progress.case_measured(index, len(records), record.case, lines)

    def compare_outputs(self) -> None:
        """Compare the outputs of both sides of each case, unless one does not run.

        A worker's death is a failure of the side whose code ran; its latency is still measured.
        """
        by_key = {record.case.key: record for record in self._recorder.records}
        for record in by_key.values():
            baseline = by_key.get(record.case.reference or "")
            if baseline is None or baseline.has_failed or record.has_failed or record.equivalence:
                continue
            if failure := self._too_large(record.case):
                self._recorder.keep([failure])
                continue
            _, worker_exit = self._recorder.record_task(
                "cspbench.engine.worker:compare_outputs",
                baseline.case,
                record.case,
                self._settings,
                self._builds,
                time_limit_s=self._settings.time_limit_s,
            )
            if worker_exit is not None:
                side = baseline if worker_exit.step == SIDES.index("baseline") else record
                stage = stage_of(Equivalence)
                failure = worker_exit.failure(side.case.key, stage, is_fatal=False)
                self._recorder.keep([failure])

    def _measure_case(self, case: Case, missing: tuple[tuple[Stage, ...], ...]) -> list[Line]:
        """Measure each group of stages until the case fails; return the recorded lines."""
        lines: list[Line] = []
        for stages in missing:
            if not _is_static(stages) and (failure := self._too_large(case)):
                self._recorder.keep([failure])
                return [*lines, failure]
            lines += measure_stages(
                case, stages, self._settings, self._builds, lambda line: self._recorder.keep([line])
            )
            if has_failed(lines):
                break
        return lines

    def _too_large(self, case: Case) -> CaseFailure | None:
        peak = self._recorder.record(case.key).tensor_peak
        return too_large(case, peak, self._settings, "allocated")


def too_large(
    case: Case, peak: TensorPeak | None, settings: Settings, stage: Stage
) -> CaseFailure | None:
    """The failure at ``stage`` of a case whose tensors exceed the memory budget; None if they fit.

    Running it could drive the machine into swap. Cases on a GPU are not checked, because an
    allocation that fails there affects no other process. Workers limit their own memory, in case
    the tensor peak is not known.
    """
    budget_bytes = settings.memory_budget_bytes
    if is_gpu(case.device) or peak is None or peak.peak_tensor_bytes <= budget_bytes:
        return None
    reason = (
        f"its tensors alone need {bytes_text(peak.peak_tensor_bytes)}, more than the memory "
        f"budget of {bytes_text(budget_bytes)}; counted, not run"
    )
    return CaseFailure(case=case.key, stage=stage, cause="too_large", reason=reason)


def _missing(record: Record, stages: tuple[Stage, ...]) -> tuple[tuple[Stage, ...], ...]:
    """The stages that were not tried yet, in groups that share a worker (`PLACES`)."""
    tried = {*record.measurements, *(failure.stage for failure in record.failures)}

    def at(place: Place) -> tuple[Stage, ...]:
        measures = (MEASURES[stage] for stage in stages if stage not in tried)
        return tuple(
            measure.stage
            for measure in measures
            if measure.place == place and measure.covers(record.case)
        )

    isolated = ((stage,) for stage in at("isolated"))
    return tuple(group for group in (at("static"), at("real"), *isolated) if group)


def _is_static(stages: tuple[Stage, ...]) -> bool:
    """Whether all ``stages`` are static, so that they allocate nothing if that is possible."""
    return all(MEASURES[stage].place == "static" for stage in stages)
