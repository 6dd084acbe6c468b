"""Measurement of some stages of a case in workers, which may die on one."""

from collections.abc import Callable, Iterable, Sequence

from ..measures.registry import MEASURES
from ..plan.case import Case
from ..records.lines import CaseFailure, Line, Stage
from ..records.measurement import BASES, Basis
from ..records.measurements import AnyMeasurement
from ..records.run import Settings
from . import attempts
from .builds import Builds
from .isolate import Exit
from .steps import stage_of_step


def measure_stages(
    case: Case,
    stages: tuple[Stage, ...],
    settings: Settings,
    builds: Builds,
    keep: Callable[[Line], Sequence[Line]],
) -> list[Line]:
    """Measure ``stages`` in one worker, and after one that dies in another; return the lines.

    Each line is passed to ``keep`` as it arrives, which returns what it recorded. If a worker dies
    while it counts without data, the stage is counted on real tensors. A case that does not run is
    measured no further. What fails perhaps by nobody's fault is tried once more.
    """
    lines: list[Line] = []
    held: list[Line] = []
    bases: tuple[Basis, ...] = BASES
    may_repeat = True

    def receive(line: Line) -> None:
        if may_repeat and attempts.is_of_environment(line):
            held.append(line)
        else:
            lines.extend(keep(line))

    while stages:
        worker_exit = attempts.run(
            "cspbench.engine.worker:measure",
            case,
            stages,
            settings,
            builds,
            bases,
            time_limit_s=settings.time_limit_s,
            receive=receive,
        )
        is_repeated = held or (worker_exit is not None and worker_exit.is_from_outside)
        if may_repeat and is_repeated and not has_failed(lines):
            may_repeat = False
            stages = _without_line(stages, lines)
            continue
        if worker_exit is None or has_failed(lines):
            break
        index, basis = stage_of_step(worker_exit.step)
        stages = stages[index:]
        is_static = MEASURES[stages[0]].place == "static"
        if is_static and basis != "real" and bases == BASES and worker_exit.cause != "environment":
            bases = ("real",)
            continue
        receive(_line_after_exit(case, stages[0], settings, builds, worker_exit))
        stages = () if has_failed(lines) else stages[1:]
    return lines


def _without_line(stages: tuple[Stage, ...], lines: Sequence[Line]) -> tuple[Stage, ...]:
    """The ``stages`` of which no line says how they ended."""
    ended = {line.stage for line in lines if isinstance(line, AnyMeasurement | CaseFailure)}
    return tuple(stage for stage in stages if stage not in ended)


def has_failed(lines: Iterable[Line]) -> bool:
    """Whether a line says that the case does not run."""
    return any(isinstance(line, CaseFailure) and line.is_fatal for line in lines)


def _line_after_exit(
    case: Case,
    stage: Stage,
    settings: Settings,
    builds: Builds,
    worker_exit: Exit,
) -> Line:
    """The line for a worker that died at ``stage``: its measure's own record, or a failure."""
    line = MEASURES[stage].after_exit(case.key, worker_exit.reason)
    if line is not None and worker_exit.cause != "environment":
        return line
    if MEASURES[stage].is_essential:
        return worker_exit.failure(case.key, stage)
    answers: list[bool] = []
    attempts.run(
        "cspbench.engine.worker:call_once",
        case,
        settings,
        builds,
        time_limit_s=settings.time_limit_s,
        receive=answers.append,
    )
    return worker_exit.failure(case.key, stage, is_fatal=answers != [True])
