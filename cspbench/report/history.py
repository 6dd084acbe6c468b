"""The history of one measure over many runs, oldest first: its series, change points and table.

Exact figures of a case are one series, whatever machine they were taken on. All others are a series
for each machine: absolute ones of several are never beside one another, ratios are.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeGuard

from ..errors import CspbenchError, unknown
from ..plan.case import Mode
from ..plan.labels import case_name, names, plain
from ..records.quantities import NAMES
from ..records.run import Run
from ..text import listing
from ..verdicts import change_points
from ..verdicts.change_points import FEWEST_RUNS
from ..verdicts.stats import Estimate
from .columns import COLUMNS, MISSING, Column, for_cases
from .layout import FILE, Layout
from .percents import signed_change
from .quoting import Quote, verbatim
from .readings import Reading
from .results import Results
from .tables import Grid, Strip
from .words import MODE_TITLES, plural

MEASURES = tuple(column.key for column in COLUMNS if column.key != "verdict")

MAX_RUNS = 100
"""The most runs of a history: the newest."""

_RATIOS = {"ratio", "percent", "probability"}  # forms whose values mean the same on all machines
_MAGNITUDES = {
    *("milliseconds", "millijoules", "mebibytes", "significant", "ratio", "thousandths"),
}  # forms of measured values that steps are sought in: by how much is a ratio
_MAX_NAMED = 20  # changes in the text


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
        if self.column.part == "exact" or self.column.form in _RATIOS:
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
    if column.form not in _MAGNITUDES:
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


def text(history: History, layout: Layout = FILE) -> str:
    """Sentences on changes, then a table for each mode."""
    blocks = [layout.filled(sentence) for sentence in _sentences(history)]
    changes = list(_change_clauses(history))
    if changes:
        blocks.append("\n".join(layout.filled(change, "- ") for change in changes[:_MAX_NAMED]))
    if len(changes) > _MAX_NAMED:
        blocks.append(f"{len(changes) - _MAX_NAMED} more changes are in the CSV file.")
    for machine in history.machines:
        blocks += _tables(history, machine, layout)
    return layout.page(blocks)


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


def _numbers(history: History) -> dict[str, int]:
    """The machines, numbered in order of appearance."""
    machines = dict.fromkeys(run.machine for run in history.runs)
    return {machine: number for number, machine in enumerate(machines, 1)}


def run_sentences(history: History, quote: Quote) -> Iterable[str]:
    """Sentences on the runs: how many are left out, and of which machines they are."""
    runs = len(history.runs)
    machines = [f"({number}) {quote(machine)}" for machine, number in _numbers(history).items()]
    if history.left_out:
        yield f"The newest {runs} runs are shown; {history.left_out} older ones are left out."
    if len(machines) > 1:
        yield f"These runs are of several machines: {listing(machines)}."


def change_sentences(history: History, quote: Quote) -> Iterable[str]:
    """Sentences on the cases in which the measure changes, or on why that is not known."""
    name, runs = NAMES[history.column.key], len(history.runs)
    changed = [series for series in history.series if series.changes]
    number = len(history.series)
    if history.column.part == "exact":
        cases = listing([case_name(quote(series.name), series.mode) for series in changed])
        yield (
            f"{name} changed in {len(changed)} of {plural(number, 'case')}: {cases}."
            if changed
            else f"{name} is the same in all {runs} runs."
        )
    elif history.note:
        yield history.note
    elif history.column.form in _MAGNITUDES:
        yield f"{name} has change points in {len(changed)} of {number} series."


def _sentences(history: History) -> Iterable[str]:
    yield from run_sentences(history, verbatim)
    yield from change_sentences(history, verbatim)
    if history.column.part == "timed" and history.column.form not in _RATIOS:
        yield (
            "Such figures of different days differ with the machine's state: latency_ratio, turn "
            "by turn to the reference, travels better, and compare gives verdicts."
        )


def _change_clauses(history: History) -> Iterable[str]:
    """A clause on each change point: the case, by how much, and between which runs."""
    numbers = _numbers(history)
    for series in history.series:
        several = len(numbers) > 1 and series.machine
        place = f" on machine {numbers[series.machine]}" if several else ""
        for change in series.changes:
            before, after = series.points[change.before], series.points[change.after]
            yield (
                f"{case_name(series.name, series.mode)}{place}: "
                f"{size(history.column, change, before, after)} between "
                f"{history.runs[before.run].label} and {history.runs[after.run].label}"
            )


def size(column: Column, change: ChangePoint, before: Point, after: Point) -> str:
    """By how much a series of ``column`` changes between two points, as text."""
    ratio = change.ratio
    if ratio is None or ratio.low is None or ratio.high is None:
        return f"{column.cell(before.reading)} became {column.cell(after.reading)}"
    value, interval = signed_change(ratio.value, ratio.low, ratio.high)
    return f"{value} (95% CI {interval})"


def _tables(history: History, machine: str, layout: Layout) -> list[str]:
    tables = []
    runs = history.runs_of(machine)
    for mode, title in MODE_TITLES.items():
        entries = [
            name
            for (case_mode, name), line in history.readings.items()
            if case_mode == mode and any(line[run] is not None for run in runs)
        ]
        if entries:
            heading = ", ".join(
                [title, history.column.title, *([machine] if len(history.machines) > 1 else [])]
            )
            tables.append(f"{heading}\n{_grid(history, mode, entries, runs).text(layout)}")
    return tables


def _grid(history: History, mode: Mode, entries: Sequence[str], runs: Sequence[int]) -> Grid:
    strips, numbers = [], _numbers(history)
    is_mixed = len({history.runs[index].machine for index in runs}) > 1
    for index in runs:
        run = history.runs[index]
        machine = [f"({numbers[run.machine]})"] if is_mixed else []
        cells = tuple(
            _cell(history.column, history.readings[mode, name][index]) for name in entries
        )
        strips.append((Strip(header="\n".join([*run.label.split(" "), *machine]), cells=cells),))
    return Grid(names=Strip(header="entry", cells=tuple(entries), left=True), bundles=tuple(strips))


def _cell(column: Column, reading: Reading) -> str:
    if reading is None:
        return MISSING
    cell = column.cell(reading)
    if isinstance(reading, Estimate) and (interval := column.interval_text(reading)):
        return f"{cell}\n{interval}"
    return cell
