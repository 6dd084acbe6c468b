"""Profiles of cases, by module: several of each, each in its own worker."""

from collections.abc import Callable, Iterable, Sequence

from ..measures.registry import MEASURES
from ..plan.case import Case
from ..records.lines import Line, Stage
from ..records.module_times import PROFILES
from ..records.run import Record, Settings
from . import attempts
from .builds import Builds
from .progress import Progress
from .recorder import Recorder

STAGE: Stage = "module_times"
NUMBERS = range(1, PROFILES + 1)
"""The numbers of the profiles of a case."""


def profile_cases(
    recorder: Recorder, settings: Settings, progress: Progress, builds: Builds
) -> None:
    """Profile each case as often as it lacks, until it fails, which is no failure of the case."""
    missing = _missing(recorder.records)
    for position, (case, number) in enumerate(missing, start=1):
        if _is_profiled_further(recorder.record(case.key)):
            lines = profile(case, number, settings, builds, recorder.keep)
            progress.case_profiled(position, len(missing), case, lines)


def profile(
    case: Case,
    number: int,
    settings: Settings,
    builds: Builds,
    keep: Callable[[Sequence[Line]], list[Line]],
) -> list[Line]:
    """Take profile ``number`` of a case; the recorded lines, its failure included.

    ``keep`` records lines and returns them as they were recorded.
    """
    lines, worker_exit = attempts.run_recorded(
        "cspbench.engine.worker:profile",
        case,
        number,
        settings,
        builds,
        time_limit_s=settings.time_limit_s,
        keep=keep,
    )
    if worker_exit is not None:
        lines += keep([worker_exit.failure(case.key, STAGE, is_fatal=False)])
    return lines


def _missing(records: Iterable[Record]) -> list[tuple[Case, int]]:
    """The case and number of each missing profile, so that cases take turns."""
    covered = [
        record
        for record in records
        if MEASURES[STAGE].covers(record.case) and _is_profiled_further(record)
    ]
    return [
        (record.case, number)
        for number in NUMBERS
        for record in covered
        if number not in {times.number for times in record.module_times}
    ]


def _is_profiled_further(record: Record) -> bool:
    """Whether the case runs, and none of its profiles has failed."""
    return not record.has_failed and all(failure.stage != STAGE for failure in record.failures)
