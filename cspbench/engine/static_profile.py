"""Static profiles for `show`: counts and tensor peaks of cases, each in a worker of its own."""

from collections.abc import Sequence

from ..plan.case import Case
from ..records.line_check import LineCheck
from ..records.lines import Alterations, CaseFailure, Printed
from ..records.measurements import AnyMeasurement
from ..records.run import Record, Settings
from . import preflight
from .builds import PLAIN
from .settings import default_settings
from .stages import measure_stages

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
    check = LineCheck([case.key])
    lines = measure_stages(
        case,
        _STAGES,
        settings,
        PLAIN,
        keep=lambda line: [accepted for _, accepted in check.accept([line])],
    )
    return Record(
        case=case,
        measurements={line.stage: line for line in lines if isinstance(line, AnyMeasurement)},
        failures=tuple(line for line in lines if isinstance(line, CaseFailure)),
        printed=tuple(line for line in lines if isinstance(line, Printed)),
        alters=tuple(
            dict.fromkeys(
                text for line in lines if isinstance(line, Alterations) for text in line.alters
            )
        ),
    )
