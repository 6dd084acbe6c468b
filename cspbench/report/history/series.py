"""The history of one measure over many runs, oldest first: its series and change points.

Exact figures of a case are one series, whatever machine they were taken on. All others are a series
for each machine: absolute ones of several are never beside one another, ratios are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeGuard

from ...errors import CspbenchError, unknown
from ...plan.case import Mode
from ...plan.labels import names, plain
from ...records.run import Run
from ...verdicts import change_points
from ...verdicts.change_points import FEWEST_RUNS
from ...verdicts.stats import Estimate
from ..columns import COLUMNS, Column, for_cases
from ..readings import Reading
from ..results import Results
from ..words import plural

MEASURES = tuple(column.key for column in COLUMNS if column.key != "verdict")

MAX_RUNS = 100
"""The most runs of a history: the newest."""

RATIOS = frozenset(("ratio", "percent", "probability"))
"""Forms of columns whose values mean the same on all machines."""

MAGNITUDES = frozenset(
    ("milliseconds", "millijoules", "mebibytes", "significant", "ratio", "thousandths")
)
"""Forms of columns in which steps are sought: by how much is a ratio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryRun:
    """A run of a history: its label, its start, what it measured, and where.

    ``commit`` is '' if it is not known; ``is_dirty``: its files differed from it.
    """

    run: Run
    label: str
    started: str
    commit: str
    is_dirty: bool
    machine: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A reading of a series, in base units, by the index of its run; the ends of its interval."""

    run: int
    reading: int | float | Estimate

    @property
    def value(self) -> float:
        """The reading without its interval."""
        return self.reading.value if isinstance(self.reading, Estimate) else self.reading

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The ends of the 95% interval; None if there is none."""
        if isinstance(self.reading, Estimate):
            return self.reading.low, self.reading.high
        return None, None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePoint:
    """A change between two points of a series that follow each other, by their indices in it.

    ``ratio`` is that of the values after it to those before; of an exact figure without an
    interval, and None if that was 0.
    """

    before: int
    after: int
    ratio: Estimate | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The points of a case, oldest first, and where they change.

    ``machine`` is '' if the points are of any machine.
    """

    key: str
    name: str
    mode: Mode
    machine: str
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The series of a column over ``runs``, in order of cases.

    Cases are the same if their keys are: names tell apart those of all runs together. ``readings``
    are those of each case in each run, None if a run lacks it. ``left_out`` is the number of older
    runs that are not shown. ``note`` says why no change points were sought, '' if they were.
    """

    column: Column
    runs: tuple[HistoryRun, ...]
    series: tuple[Series, ...]
    readings: Mapping[tuple[Mode, str], tuple[Reading, ...]]
    left_out: int
    note: str

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines whose values may not stand beside one another; one for all if they may."""
        if self.column.part == "exact" or self.column.form in RATIOS:
            return ("",)
        return tuple(dict.fromkeys(run.machine for run in self.runs))

    def runs_of(self, machine: str) -> list[int]:
        """The indices of the runs on ``machine``; of all for ''."""
        return [index for index, run in enumerate(self.runs) if machine in {"", run.machine}]


def history(runs: Sequence[Results], measure: str, *, left_out: int = 0) -> History:
    """The history of ``measure``, the key of a column, for every case in ``runs``.

    Only the newest `MAX_RUNS` are taken; ``left_out`` were left out before. Raises `CspbenchError`
    for an unknown measure, and if no run has a reading of it.
    """
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES, hint="all: " + ", ".join(MEASURES))
    column = next(column for column in COLUMNS if column.key == measure)
    ordered = sorted(runs, key=lambda results: results.run.info.started)[-MAX_RUNS:]
    described = _described([results.run for results in ordered])
    cases = {row.record.case.key: row.record.case for results in ordered for row in results.rows}
    labels = names(list(cases.values()))
    tables = [
        {row.record.case.key: row.readings[measure] for row in results.rows} for results in ordered
    ]
    readings: dict[tuple[Mode, str], tuple[Reading, ...]] = {}
    series: list[Series] = []
    for key, case in cases.items():
        line = tuple(table.get(key) for table in tables)
        points = [
            Point(run=run, reading=reading)
            for run, reading in enumerate(line)
            if _is_number(reading)
        ]
        if points:
            readings[case.mode, labels[key]] = line
            series += _by_machine(column, described, key, labels[key], case.mode, points)
    if not series:
        raise CspbenchError(f"none of these runs has {measure}")
    changing, note = _with_changes(column, series)
    return History(
        column=for_cases([column], cases.values())[0],
        runs=tuple(described),
        series=tuple(changing),
        readings=readings,
        left_out=left_out + len(runs) - len(ordered),
        note=note,
    )


def histories(runs: Sequence[Results], *, left_out: int = 0) -> list[History]:
    """The histories of all measures of which some run has a reading, in order of columns.

    Raises `CspbenchError` if there is none.
    """
    measured = [
        column.key
        for column in COLUMNS
        if column.key in MEASURES
        and any(_is_number(row.readings[column.key]) for of in runs for row in of.rows)
    ]
    if not measured:
        raise CspbenchError("none of these runs has a measured case")
    return [history(runs, measure, left_out=left_out) for measure in measured]


def _is_number(reading: Reading) -> TypeGuard[int | float | Estimate]:
    return isinstance(reading, int | float | Estimate)


def _described(runs: Sequence[Run]) -> list[HistoryRun]:
    machines = _machines(runs)
    commits = [run.info.measured_commit for run in runs]
    return [
        HistoryRun(
            run=run,
            label=label,
            started=run.info.started,
            commit=commit.commit if commit else "",
            is_dirty=commit is not None and commit.dirty,
            machine=machine,
        )
        for run, label, commit, machine in zip(runs, _labels(runs), commits, machines, strict=True)
    ]


def _labels(runs: Sequence[Run]) -> list[str]:
    """The day and commit of each run, numbered if they repeat."""
    labels: list[str] = []
    for run in runs:
        git = run.info.measured_commit
        commit = git.commit[:7] if git else "no commit"
        dirty = "+" if git and git.dirty else ""
        label = f"{plain(run.info.started[:10])} {plain(commit)}{dirty}"
        same = sum(earlier.partition(" #")[0] == label for earlier in labels)
        labels.append(f"{label} #{same + 1}" if same else label)
    return labels


def _machines(runs: Sequence[Run]) -> list[str]:
    """The machine of each run, with those of its settings in which the runs differ."""
    settings = [
        (
            plural(run.info.environment.physical_cores, "core"),
            plural(run.info.settings.threads, "thread"),
            f"allocator {run.info.settings.allocator}",
            "cold cache" if run.info.settings.cold else "warm cache",
        )
        for run in runs
    ]
    differing = [len(set(column)) > 1 for column in zip(*settings, strict=True)]
    return [
        ", ".join(
            [
                plain(run.info.environment.device),
                *(text for text, differs in zip(texts, differing, strict=True) if differs),
            ]
        )
        for run, texts in zip(runs, settings, strict=True)
    ]


def _by_machine(  # noqa: PLR0917 -- a series is all of these
    column: Column,
    runs: Sequence[HistoryRun],
    key: str,
    name: str,
    mode: Mode,
    points: Sequence[Point],
) -> list[Series]:
    """The series of a case: one, or one for each machine, in order of appearance."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        machine = "" if column.part == "exact" else runs[point.run].machine
        groups.setdefault(machine, []).append(point)
    return [
        Series(key=key, name=name, mode=mode, machine=machine, points=tuple(group))
        for machine, group in groups.items()
    ]


def _with_changes(column: Column, series: Sequence[Series]) -> tuple[list[Series], str]:
    """The series with their change points, and why none were sought; '' if they were."""
    if column.part == "exact":
        return [replace(each, changes=_exact_changes(each.points)) for each in series], ""
    if column.form not in MAGNITUDES:
        return list(series), ""
    logs = {
        index: [math.log(point.value) for point in each.points]
        for index, each in enumerate(series)
        if len(each.points) >= FEWEST_RUNS and all(point.value > 0 for point in each.points)
    }
    if not logs:
        return list(series), f"Change points are sought in {FEWEST_RUNS} runs or more of a machine."
    if not change_points.is_installed():
        return list(series), (
            "Change points are not sought: that needs ruptures, which is not installed (pip "
            "install 'cspbench[history]')."
        )
    changes = {
        index: tuple(
            ChangePoint(before=step.index - 1, after=step.index, ratio=step.difference.estimate())
            for step in steps
        )
        for index, steps in change_points.steps(logs).items()
    }
    return [replace(each, changes=changes.get(index, ())) for index, each in enumerate(series)], ""


def _exact_changes(points: Sequence[Point]) -> tuple[ChangePoint, ...]:
    """Every change of an exact figure: any difference is real."""
    return tuple(
        ChangePoint(
            before=index,
            after=index + 1,
            ratio=Estimate(value=after.value / before.value, low=None, high=None, launches=1)
            if before.value
            else None,
        )
        for index, (before, after) in enumerate(pairwise(points))
        if before.value != after.value
    )


def points(history: History) -> list[dict[str, Any]]:
    """A point for each case and run with a reading, as the plot and the CSV file hold them.

    ``change`` is the ratio of a change point that lies just before the point.
    """
    rows = []
    for series in history.series:
        changes = {change.after: change.ratio for change in series.changes}
        for index, point in enumerate(series.points):
            run, ratio = history.runs[point.run], changes.get(index)
            low, high = point.interval
            rows.append(
                {
                    "mode": series.mode,
                    "entry": series.name,
                    "machine": run.machine,
                    "run": run.label,
                    "started": run.started,
                    "commit": run.commit,
                    "value": point.value,
                    "low": low,
                    "high": high,
                    "changed": index in changes,
                    "change": ratio.value if ratio else None,
                    "change_low": ratio.low if ratio else None,
                    "change_high": ratio.high if ratio else None,
                }
            )
    return rows
