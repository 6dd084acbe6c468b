"""Profiles for `show`: counts, tensor peaks and times of cases, each in workers of its own."""

from collections.abc import Callable, Sequence

import msgspec

from ..plan.case import Case
from ..plan.labels import plain
from ..records.line_check import LineCheck
from ..records.lines import Alterations, CaseFailure, Line, Printed, Stage
from ..records.measurements import AnyMeasurement
from ..records.module_times import ModuleTimes
from ..records.run import Record, Settings
from ..records.tensor_peak import TensorPeak
from ..text import listing
from . import preflight, profiles
from .builds import PLAIN
from .cases import too_large
from .settings import default_settings
from .stages import has_failed, measure_stages

_STAGES = ("counts", "tensor_peak")


def static_profiles(
    cases: Sequence[Case],
    say: Callable[[str], None],
    *,
    also: tuple[Stage, ...] = (),
    timed: bool = False,
) -> list[Record]:
    """The record of each case: counts, tensor peak and what is ``also`` asked for, or failures.

    If ``timed``, cases that run are also profiled, which runs them. ``say`` is told what begins of
    that which takes long. What a model prints, changes or breaks stays in its workers. Raises
    `CspbenchError` for a model that cannot be loaded.
    """
    settings = default_settings()
    preflight.load(cases, settings)
    records = []
    for case in cases:

        def say_of(part: str, case: Case = case) -> None:
            say(f"{plain(case.label)}, {case.mode}: {part}")

        if also:
            say_of(listing([stage.replace("_", " ") for stage in also]))
        records.append(_profile(case, (*_STAGES, *also), settings, say_of, timed=timed))
    return records


def _profile(
    case: Case,
    stages: tuple[Stage, ...],
    settings: Settings,
    say: Callable[[str], None],
    *,
    timed: bool,
) -> Record:
    check = LineCheck([case.key])

    def keep(lines: Sequence[Line]) -> list[Line]:
        return [line for _, line in check.accept(lines)]

    lines = measure_stages(case, stages, settings, PLAIN, keep=lambda line: keep([line]))
    if timed and not has_failed(lines):
        lines += _times(case, lines, settings, say, keep)
    return Record(
        case=case,
        measurements={line.stage: line for line in lines if isinstance(line, AnyMeasurement)},
        module_times=tuple(line for line in lines if isinstance(line, ModuleTimes)),
        failures=tuple(line for line in lines if isinstance(line, CaseFailure)),
        printed=tuple(line for line in lines if isinstance(line, Printed)),
        alters=tuple(
            dict.fromkeys(
                text for line in lines if isinstance(line, Alterations) for text in line.alters
            )
        ),
    )


def _times(
    case: Case,
    lines: Sequence[Line],
    settings: Settings,
    say: Callable[[str], None],
    keep: Callable[[Sequence[Line]], list[Line]],
) -> list[Line]:
    """The profiles of a case, until one fails; for a case that exceeds the memory, why not."""
    peak = next((line for line in lines if isinstance(line, TensorPeak)), None)
    if failure := too_large(case, peak, settings, profiles.STAGE):
        return keep([msgspec.structs.replace(failure, is_fatal=False)])
    profiled: list[Line] = []
    for number in profiles.NUMBERS:
        say(f"time by module, profile {number} of {len(profiles.NUMBERS)}")
        profiled += profiles.profile(case, number, settings, PLAIN, keep)
        if any(isinstance(line, CaseFailure) for line in profiled):
            break
    return profiled
