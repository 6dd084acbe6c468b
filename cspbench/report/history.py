"""One measure over many runs: a table with a column a run, oldest first, and its figure's data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CspbenchError, unknown
from ..plan.case import Mode
from ..plan.labels import plain
from ..records.run import Run
from ..verdicts.stats import Estimate
from .columns import COLUMNS, MISSING, Column, interval_text
from .prose import MODE_TITLES, some
from .rows import Reading, rows
from .tables import WIDTH, Grid, Strip, wrap

MEASURES = tuple(column.key for column in COLUMNS if column.key != "verdict")


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """``readings`` by mode and entry's name, one a run, None where a run lacks the case."""

    column: Column
    runs: tuple[Run, ...]
    labels: tuple[str, ...]
    readings: Mapping[tuple[Mode, str], tuple[Reading, ...]]


def history(runs: Sequence[Run], measure: str) -> History:
    """``measure``, a column's key, of every case in ``runs``, oldest first.

    Raises `CspbenchError` for a measure that is no column, and where no run has it.
    """
    if measure not in MEASURES:
        raise unknown("measure", measure, MEASURES, hint="all: " + ", ".join(MEASURES))
    column = next(column for column in COLUMNS if column.key == measure)
    ordered = sorted(runs, key=lambda run: run.info.started)
    tables = [{(row.mode, row.name): row.readings[measure] for row in rows(run)} for run in ordered]
    every = {
        key: tuple(table.get(key) for table in tables)
        for key in dict.fromkeys(key for table in tables for key in table)
    }
    found = {key: readings for key, readings in every.items() if any(map(_is_number, readings))}
    if not found:
        raise CspbenchError(f"none of these runs has {measure}")
    return History(
        column=column, runs=tuple(ordered), labels=tuple(_labels(ordered)), readings=found
    )


def text(found: History) -> str:
    """A sentence on what changed, then a table a mode, at most 100 columns wide."""
    blocks = ["\n".join(wrap(sentence, WIDTH)) for sentence in _sentences(found)]
    for mode, title in MODE_TITLES.items():
        names = [name for one, name in found.readings if one == mode]
        if names:
            blocks.append(f"{title}, {_unit(found.column)}\n{_grid(found, mode, names).text()}")
    return "\n\n".join(blocks)


def points(found: History) -> list[dict[str, Any]]:
    """A point a case and run that has a reading: what the figure and the CSV hold."""
    return [
        {
            "mode": mode,
            "entry": name,
            "run": label,
            "started": run.info.started,
            "commit": run.info.git.commit if run.info.git else "",
            **_numbers(reading),
        }
        for (mode, name), readings in found.readings.items()
        for run, label, reading in zip(found.runs, found.labels, readings, strict=True)
        if isinstance(reading, int | float | Estimate)
    ]


def _is_number(reading: Reading) -> bool:
    return isinstance(reading, int | float | Estimate)


def _labels(runs: Sequence[Run]) -> list[str]:
    """Day and commit, numbered where they repeat."""
    labels: list[str] = []
    for run in runs:
        commit = run.info.git.commit[:7] if run.info.git else "no commit"
        dirty = "+" if run.info.git and run.info.git.dirty else ""
        label = f"{plain(run.info.started[:10])} {plain(commit)}{dirty}"
        same = sum(one.partition(" #")[0] == label for one in labels)
        labels.append(f"{label} #{same + 1}" if same else label)
    return labels


def _sentences(found: History) -> list[str]:
    devices = dict.fromkeys(run.info.environment.device for run in found.runs)
    sentences = []
    if len(devices) > 1:
        sentences.append(f"These runs are of several devices: {some(list(map(plain, devices)))}.")
    if found.column.part == "exact":
        changed = [
            f"{name} ({MODE_TITLES[mode].lower()})"
            for (mode, name), readings in found.readings.items()
            if len({one for one in readings if isinstance(one, int)}) > 1
        ]
        word = _word(found.column)
        sentences.append(
            f"{word} changed in {len(changed)} of {len(found.readings)} cases: {some(changed)}."
            if changed
            else f"{word} is the same in all {len(found.runs)} runs."
        )
    elif found.column.key not in {"latency_ratio", "p", "permutation_p", "detectable"}:
        sentences.append(
            "Such figures of different days differ with the machine's state: latency_ratio, turn "
            "by turn to the reference, travels better, and compare gives verdicts."
        )
    return sentences


def _grid(found: History, mode: Mode, names: Sequence[str]) -> Grid:
    strips = []
    for index, label in enumerate(found.labels):
        cells = tuple(_cell(found.column, found.readings[mode, name][index]) for name in names)
        strips.append((Strip(header="\n".join(label.split(" ")), cells=cells),))
    return Grid(names=Strip(header="entry", cells=tuple(names), left=True), bundles=tuple(strips))


def _cell(column: Column, reading: Reading) -> str:
    if reading is None:
        return MISSING
    cell = column.cell(reading)
    if isinstance(reading, Estimate) and (interval := interval_text(reading, column.text)):
        return f"{cell}\n{interval}"
    return cell


def _numbers(reading: float | Estimate) -> dict[str, float | None]:
    if isinstance(reading, Estimate):
        return {"value": reading.value, "low": reading.low, "high": reading.high}
    return {"value": reading, "low": None, "high": None}


def _word(column: Column) -> str:
    return " ".join(column.header.split("[")[0].split())


def _unit(column: Column) -> str:
    return " ".join(column.header.split())
