"""Static profiles for `show`: counts and tensor peaks of cases, each in a worker of its own."""

from collections.abc import Sequence

from ..plan.case import Case
from ..records.lines import Alterations, CaseFailure, Line, Printed
from ..records.measurements import AnyMeasurement
from ..records.run import Record, Settings
from . import isolate, preflight
from .settings import default_settings

_STAGES = ("counts", "tensor_peak")


def static_profiles(cases: Sequence[Case]) -> list[Record]:
    """The record of each case: counts and tensor peak, or the failure of either.

    What a model prints, changes or breaks stays in its worker. Raises `CspbenchError` for a model
    that cannot be loaded.
    """
    settings = default_settings()
    preflight.load(cases, settings)
    return [_profile(case, settings) for case in cases]


def _profile(case: Case, settings: Settings) -> Record:
    lines: list[Line] = []
    worker_exit = isolate.run(
        "cspbench.engine.worker:measure",
        case,
        _STAGES,
        settings,
        time_limit_s=settings.time_limit_s,
        receive=lines.append,
    )
    failures = [line for line in lines if isinstance(line, CaseFailure)]
    if worker_exit is not None and not failures:
        failures = [worker_exit.failure(case.key, _STAGES[max(worker_exit.step, 0)])]
    return Record(
        case=case,
        measurements={line.stage: line for line in lines if isinstance(line, AnyMeasurement)},
        failures=tuple(failures),
        printed=tuple(line for line in lines if isinstance(line, Printed)),
        alters=tuple(
            dict.fromkeys(
                text for line in lines if isinstance(line, Alterations) for text in line.alters
            )
        ),
    )
