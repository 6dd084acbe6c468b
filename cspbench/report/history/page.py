"""The page of a history as plain text, and the sentences that its HTML page shares."""

from collections.abc import Iterable, Sequence

from ...plan.case import Mode
from ...plan.labels import case_name
from ...records.quantities import NAMES
from ...text import listing
from ...verdicts.stats import Estimate
from ..columns import MISSING, Column
from ..layout import FILE, Layout
from ..percents import signed_change
from ..quoting import Quote, verbatim
from ..readings import Reading
from ..tables import Grid, Strip
from ..words import MODE_TITLES, plural
from .series import MAGNITUDES, RATIOS, ChangePoint, History, Point

_MAX_NAMED = 20  # changes in the text


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
    elif history.column.form in MAGNITUDES:
        yield f"{name} has change points in {len(changed)} of {number} series."


def _sentences(history: History) -> Iterable[str]:
    yield from run_sentences(history, verbatim)
    yield from change_sentences(history, verbatim)
    if history.column.part == "timed" and history.column.form not in RATIOS:
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
