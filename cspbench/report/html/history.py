"""The page of many runs: how any measure developed, by commit and machine."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ...plan.case import MODES, Mode
from ...plan.labels import MODE_WORDS, case_name, plain
from ...records.quantities import NAMES
from ...text import listing
from ..history import ChangePoint, History, Point, Series, change_sentences, run_sentences, size
from ..quoting import marked
from ..words import plural
from .cases import axis_options
from .charts import history as charts
from .elements import (
    Block,
    Cell,
    Dataset,
    Heading,
    Items,
    Labelled,
    Line,
    Page,
    Paragraphs,
    Plain,
    Section,
    Subject,
    Table,
)
from .rendering import render

MAX_VALUES = 250_000
"""The most values on a page, 2 MB of it; of more, those of the oldest runs are left out."""

MAX_CHANGES = 1500
"""The most rows of the table of changes."""

_DIGITS = 6  # of measured values

Case = tuple[Mode, str]
"""The mode and name of a case."""


def page(histories: Sequence[History], first: str, command: str) -> str:
    """The content of ``history.html``, of the histories of all measures over the same runs.

    ``first`` is the measure that is shown first, ``command`` repeats the page.
    """
    return render(model(histories, first, command))


def model(histories: Sequence[History], first: str, command: str) -> Page:
    """The page before it is rendered."""
    cases = _places(histories)
    dataset, left_out = _dataset(histories, cases)
    sections: Mapping[tuple[str, str], Sequence[Block]] = {
        ("conclusion", "Conclusion"): [*_conclusion(histories)],
        ("history", "History"): [*_figures(histories, cases, first), *left_out],
        ("changes", "Changes"): [*_changes(histories, cases)],
        ("runs", "Runs"): [_runs(histories[0])],
        ("made", "How it was made"): [Labelled(lines=[("repeat", plain(command))])],
    }
    runs = histories[0].runs
    span = f", {runs[0].started[:10]} to {runs[-1].started[:10]}"
    return Page(
        title="History",
        subtitle=plain(f"{plural(len(runs), 'run')}{span}"),
        sections=[
            Section(key=key, title=title, blocks=blocks)
            for (key, title), blocks in sections.items()
            if blocks
        ],
        subjects=[
            Subject(name=case_name(name, mode), words=case_name(name, mode)) for mode, name in cases
        ],
        example="csp training",
        datasets={"points": dataset},
    )


def _places(histories: Sequence[History]) -> dict[Case, int]:
    """The place of each case among the subjects of the page."""
    cases = dict.fromkeys(
        (series.mode, series.name) for history in histories for series in history.series
    )
    return {case: place for place, case in enumerate(cases)}


def _conclusion(histories: Sequence[History]) -> Iterator[Block]:
    """What changed, then the runs, then what did not change, or is not known."""
    changed = [history for history in histories if _has_changed(history)]
    names = listing([NAMES[history.column.key] for history in changed])
    lead = f"{len(changed)} of {plural(len(histories), 'measure')} changed: {names}."
    yield Paragraphs(
        sentences=[lead if changed else "No measure is known to have changed."], is_lead=True
    )
    details = [text for history in changed for text in change_sentences(history, marked)]
    if details:
        yield Items(title="", sentences=details)
    notes = dict.fromkeys(history.note for history in histories if history.note)
    sentences = [*run_sentences(histories[0], marked), *notes]
    exact = [history for history in histories if history.column.part == "exact"]
    equal = [history for history in exact if not _has_changed(history)]
    if equal:
        names = listing([NAMES[history.column.key] for history in equal])
        sentences.append(f"The same in all runs: {names}.")
    yield Paragraphs(sentences=sentences)


def _has_changed(history: History) -> bool:
    return any(series.changes for series in history.series)


def _is_absolute(history: History) -> bool:
    """Whether values of several machines may not stand beside one another."""
    return history.machines != ("",)


def _figures(
    histories: Sequence[History], cases: Mapping[Case, int], first: str
) -> Iterator[Block]:
    modes = [mode for mode in MODES if any(case_mode == mode for case_mode, _ in cases)]
    absolute = axis_options([history.column for history in histories if _is_absolute(history)])
    rest = axis_options([history.column for history in histories if not _is_absolute(history)])
    machines = _machines(histories)
    yield from charts.across(rest, modes, machines, first or "latency_ratio")
    yield from charts.by_machine(absolute, modes, machines, first or "latency")


def _machines(histories: Sequence[History]) -> list[str]:
    return list(dict.fromkeys(run.machine for run in histories[0].runs))


def _dataset(
    histories: Sequence[History], cases: Mapping[Case, int]
) -> tuple[Dataset, list[Paragraphs]]:
    """A row for each case and run with the values of all measures, and what is left out of them."""
    columns: list[str] = []
    rows: dict[tuple[int, int], dict[str, Plain]] = {}  # by run and place of the case
    changes: Counter[str] = Counter()
    present: Counter[str] = Counter()
    for history in histories:
        for series in history.series:
            changes[series.name] += len(series.changes)
            present[series.name] += len(series.points)
            texts = dict(_changes_of(history, series))
            for index, point in enumerate(series.points):
                values = rows.setdefault((point.run, cases[series.mode, series.name]), {})
                values |= _values(history, point, texts.get(index))
        columns += _fields(history, rows)
    ranked = sorted(changes, key=lambda name: (changes[name], present[name]), reverse=True)
    chosen = set(ranked[: charts.MAX_LINES])
    kept = sorted(rows, reverse=True)[: max(1, MAX_VALUES // len(columns))]
    runs, names = histories[0].runs, list(cases)
    about = ("subject", "entry", "mode", "series", "run", "commit", "machine", "chosen")
    numbers = {machine: number for number, machine in enumerate(_machines(histories))}
    lines: list[list[Plain]] = []
    for run, place in sorted(kept):
        mode, name = names[place]
        machine = runs[run].machine
        series_name = f"{place} {numbers[machine]}"
        known = (place, name, mode, series_name, runs[run].label, runs[run].commit[:12], machine)
        values = rows[run, place]
        lines.append([*known, name in chosen, *(values.get(column) for column in columns)])
    note = []
    if left_out := len(rows) - len(kept):
        text = f"{plural(left_out, 'point')} of {len(rows):,} left out, those of the oldest runs."
        note.append(Paragraphs(sentences=[text]))
    return Dataset(columns=(*about, *columns), rows=lines), note


def _values(history: History, point: Point, change: str | None) -> dict[str, Plain]:
    """The fields of a point, in the unit of its measure's header."""
    column = history.column
    key = column.key

    def shown(value: float) -> float:
        number = column.scaled(value)
        return number if isinstance(number, int) else float(f"{number:.{_DIGITS}g}")

    values: dict[str, Plain] = {key: shown(point.value)}
    low, high = point.interval
    if low is not None and high is not None:
        values |= {f"{key}_low": shown(low), f"{key}_high": shown(high)}
    if change:
        values[f"{key}_change"] = change
    return values


def _fields(history: History, rows: Mapping[tuple[int, int], Mapping[str, Plain]]) -> list[str]:
    """The fields of a measure that some row has."""
    key = history.column.key
    present = set().union(*rows.values())
    return [
        field for field in (key, f"{key}_low", f"{key}_high", f"{key}_change") if field in present
    ]


def _changes_of(history: History, series: Series) -> Iterator[tuple[int, str]]:
    """The size of each change by the place of the first point after it."""
    for change in series.changes:
        before, after = series.points[change.before], series.points[change.after]
        yield change.after, size(history.column, change, before, after)


def _changes(histories: Sequence[History], cases: Mapping[Case, int]) -> Iterator[Block]:
    """A table of all changes, sorted by the ratio of the values after to those before."""
    lines = [
        Line(
            name=series.name,
            cells=[
                Cell(text=MODE_WORDS[series.mode]),
                Cell(text=NAMES[history.column.key]),
                Cell(text=size(history.column, change, before, after), value=_ratio(change)),
                Cell(text=history.runs[before.run].label),
                Cell(text=history.runs[after.run].label),
                Cell(text=history.runs[after.run].commit[:12]),
                Cell(text=series.machine),
            ],
            subjects=(cases[series.mode, series.name],),
        )
        for history in histories
        for series in history.series
        for change in series.changes
        for before, after in [(series.points[change.before], series.points[change.after])]
    ]
    if not lines:
        return
    names = (
        "mode",
        "measure",
        "change",
        "last run before",
        "first run after",
        "its commit",
        "machine",
    )
    yield Table(
        title="Changes of counts, and change points of measured figures",
        headings=[Heading(name=name, is_number=name == "change") for name in names],
        lines=lines[:MAX_CHANGES],
    )
    if left_out := len(lines[MAX_CHANGES:]):
        yield Paragraphs(sentences=[f"{plural(left_out, 'more change')} left out."])


def _ratio(change: ChangePoint) -> float | None:
    return change.ratio.value if change.ratio else None


def _runs(history: History) -> Block:
    names = ("started", "commit", "machine")
    return Table(
        title="Runs, oldest first",
        name="run",
        headings=[Heading(name=name, is_number=False) for name in names],
        lines=[
            Line(
                name=run.label,
                cells=[
                    Cell(text=run.started[:16].replace("T", " ")),
                    Cell(text=run.commit + (" with changes" if run.is_dirty else "")),
                    Cell(text=run.machine),
                ],
            )
            for run in history.runs
        ],
    )
