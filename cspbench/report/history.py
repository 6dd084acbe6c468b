"""The history of one measure over many runs, oldest first: its table, and the data of its plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CspbenchError, unknown
from ..plan.case import Mode
from ..plan.labels import MODE_WORDS, names, plain
from ..records.quantities import NAMES
from ..records.run import Run
from ..text import listing
from ..verdicts.stats import Estimate
from .columns import COLUMNS, MISSING, Column, for_cases
from .layout import FILE, Layout
from .readings import Reading
from .results import Results
from .tables import Grid, Strip
from .words import MODE_TITLES

MEASURES = tuple(column.key for column in COLUMNS if column.key != "verdict")


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The readings of each mode and name of a case, one for each run, None if a run lacks the case.

    Cases are the same if their keys are: names tell apart those of all runs together.
    """

    column: Column
    runs: tuple[Run, ...]
    labels: tuple[str, ...]
    readings: Mapping[tuple[Mode, str], tuple[Reading, ...]]


def history(runs: Sequence[Results], measure: str) -> History:
    """The history of ``measure``, the key of a column, for every case in ``runs``.

    Raises `CspbenchError` for an unknown measure, and if no run has a reading of it.
    """
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES, hint="all: " + ", ".join(MEASURES))
    column = next(column for column in COLUMNS if column.key == measure)
    ordered = sorted(runs, key=lambda results: results.run.info.started)
    cases = {row.record.case.key: row.record.case for results in ordered for row in results.rows}
    labels = names(list(cases.values()))
    tables = [
        {row.record.case.key: row.readings[measure] for row in results.rows} for results in ordered
    ]
    readings = {
        (case.mode, labels[key]): tuple(table.get(key) for table in tables)
        for key, case in cases.items()
    }
    measured = {key: values for key, values in readings.items() if any(map(_is_number, values))}
    if not measured:
        raise CspbenchError(f"none of these runs has {measure}")
    return History(
        column=for_cases([column], cases.values())[0],
        runs=tuple(results.run for results in ordered),
        labels=tuple(_labels([results.run for results in ordered])),
        readings=measured,
    )


def text(history: History, layout: Layout = FILE) -> str:
    """A sentence on changes, then a table for each mode."""
    blocks = [layout.filled(sentence) for sentence in _sentences(history)]
    for mode, title in MODE_TITLES.items():
        entries = [name for case_mode, name in history.readings if case_mode == mode]
        if entries:
            header = history.column.title
            blocks.append(f"{title}, {header}\n{_grid(history, mode, entries).text(layout)}")
    return layout.page(blocks)


def points(history: History) -> list[dict[str, Any]]:
    """A point for each case and run with a reading, as the plot and the CSV file hold them."""
    return [
        {
            "mode": mode,
            "entry": name,
            "run": label,
            "started": run.info.started,
            "commit": commit.commit if (commit := run.info.measured_commit) else "",
            **_numbers(reading),
        }
        for (mode, name), readings in history.readings.items()
        for run, label, reading in zip(history.runs, history.labels, readings, strict=True)
        if isinstance(reading, int | float | Estimate)
    ]


def _is_number(reading: Reading) -> bool:
    return isinstance(reading, int | float | Estimate)


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


def _sentences(history: History) -> list[str]:
    devices = dict.fromkeys(plain(run.info.environment.device) for run in history.runs)
    sentences = []
    if len(devices) > 1:
        sentences.append(f"These runs are of several devices: {listing(list(devices))}.")
    if history.column.part == "exact":
        changed = [
            f"{name} ({MODE_WORDS[mode]})"
            for (mode, name), readings in history.readings.items()
            if len({reading for reading in readings if isinstance(reading, int)}) > 1
        ]
        name, number = NAMES[history.column.key], len(history.readings)
        sentences.append(
            f"{name} changed in {len(changed)} of {number} cases: {listing(changed)}."
            if changed
            else f"{name} is the same in all {len(history.runs)} runs."
        )
    elif history.column.key not in {"latency_ratio", "p", "permutation_p", "detectable"}:
        sentences.append(
            "Such figures of different days differ with the machine's state: latency_ratio, turn "
            "by turn to the reference, travels better, and compare gives verdicts."
        )
    return sentences


def _grid(history: History, mode: Mode, entries: Sequence[str]) -> Grid:
    strips = []
    for index, label in enumerate(history.labels):
        cells = tuple(
            _cell(history.column, history.readings[mode, name][index]) for name in entries
        )
        strips.append((Strip(header="\n".join(label.split(" ")), cells=cells),))
    return Grid(names=Strip(header="entry", cells=tuple(entries), left=True), bundles=tuple(strips))


def _cell(column: Column, reading: Reading) -> str:
    if reading is None:
        return MISSING
    cell = column.cell(reading)
    if isinstance(reading, Estimate) and (interval := column.interval_text(reading)):
        return f"{cell}\n{interval}"
    return cell


def _numbers(reading: float | Estimate) -> dict[str, float | None]:
    if isinstance(reading, Estimate):
        return {"value": reading.value, "low": reading.low, "high": reading.high}
    return {"value": reading, "low": None, "high": None}
