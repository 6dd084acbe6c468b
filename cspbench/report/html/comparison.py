"""The page of a comparison: the sentences of its text, its figures to sort, filter and look at."""

from collections.abc import Iterator, Mapping, Sequence

from ...comparison.result import RANK, Change, Comparison
from ...plan.labels import MODE_WORDS, case_name, plain
from ...records.gate import LATENCY
from ...records.quantities import NAMES
from ...records.run import SIDES
from ...text import shortened
from ...units import shape_text
from ..comparison import changed_entries, conclusion, details, setup
from ..comparison.page import header
from ..comparison.rows import OTHER, Column, ComparedEntry, columns
from ..quoting import marked
from ..words import plural
from .charts import changes
from .elements import (
    Block,
    Cell,
    Figures,
    Folded,
    Heading,
    Items,
    Labelled,
    Line,
    Page,
    Paragraphs,
    Section,
    Subject,
    Table,
    Tone,
)
from .rendering import render

MAX_ROWS = 1500
"""The most rows of changed figures on a page, and of unchanged ones."""

_WORDS = {"worse": "slower", "better": "faster"}  # of a latency
_MAX_SIDE = 200  # characters of what one side was measured with

Subjects = Mapping[tuple[str, str], int]
"""The place of each figure among the subjects of a page, by key of its case and measure."""


def page(comparison: Comparison, command: str = "") -> str:
    """The content of ``comparison.html``; ``command`` repeats it, '' if that is not known."""
    return render(model(comparison, command))


def model(comparison: Comparison, command: str) -> Page:
    """The page before it is rendered."""
    subjects: dict[tuple[str, str], int] = {}
    described: list[Subject] = []
    for key, subject in _figures(comparison):
        subjects[key] = len(described)
        described.append(subject)
    figures = changes.changes(comparison)
    sections = [
        Section(key=key, title=title, blocks=blocks)
        for key, title, blocks in (
            ("conclusion", "Conclusion", [*_conclusion(comparison, subjects)]),
            ("changes", "Changes", [*_changes(comparison, subjects)]),
            ("circumstances", "Circumstances", [*_circumstances(comparison)]),
            ("made", "How it was made", [*_made(comparison, command)]),
        )
    ]
    return Page(
        title="Comparison",
        subtitle="candidate over baseline",
        sections=[section for section in sections if section.blocks],
        subjects=described,
        subject_noun="figures",
        datasets={"changes": changes.dataset(comparison, subjects)} if figures else {},
    )


def _figures(comparison: Comparison) -> Iterator[tuple[tuple[str, str], Subject]]:
    """Each figure of each case: the filter finds its case, mode, input, measure and verdict."""
    for case in comparison.cases:
        name = case_name(plain(case.label), case.mode)
        shape = shape_text(case.input_shape)
        is_shared = case.verdict not in {"added", "removed"} and case.measures
        verdicts = {measure: change.verdict for measure, change in case.measures.items()}
        for measure, verdict in (verdicts if is_shared else {"": case.verdict}).items():
            word = _WORDS.get(verdict, "") if measure == LATENCY else ""
            words = (name, shape, NAMES.get(measure, ""), verdict, word)
            yield (case.key, measure), Subject(name=name, words=" ".join(words))


def _conclusion(comparison: Comparison, subjects: Subjects) -> Iterator[Block]:
    """What the text says before its details, but for how it was made; and the changed entries."""
    yield Paragraphs(sentences=[f"{conclusion(comparison, marked)}."], is_lead=True)
    if warnings := setup.warnings(comparison, marked):
        yield Paragraphs(sentences=[f"Warning: {warning}" for warning in warnings])
    if rows := changed_entries(comparison):
        yield _entries(comparison, rows, subjects)
    lines = (
        setup.one_sided_line(comparison, marked),
        plain(comparison.outputs),
        setup.deciding_line(comparison, marked),
        f"{setup.counts(comparison)} {details.unchanged(comparison)}".strip(),
    )
    yield Paragraphs(sentences=[line for line in lines if line])


def _entries(comparison: Comparison, rows: Sequence[ComparedEntry], subjects: Subjects) -> Table:
    shown = columns(comparison, rows)
    return Table(
        title="Changed or undecided entries, the worst first",
        headings=[
            Heading(name=header(column), is_number=column.measure != OTHER) for column in shown
        ],
        lines=[
            Line(
                name=entry.label,
                cells=[_entry_cell(column, row, entry) for column in shown],
                subjects=[
                    subjects[case.key, measure]
                    for case in entry.cases.values()
                    for measure in case.measures or [""]
                ],
            )
            for row, entry in enumerate(rows[:MAX_ROWS])
        ],
    )


def _entry_cell(column: Column, row: int, entry: ComparedEntry) -> Cell:
    """A cell, sorted by the ratio, the largest where it is one of several modes."""
    of_modes = entry.changes(column.measure)
    changes_shown = [
        change for mode, change in of_modes.items() if column.mode in {None, mode} and change.ratio
    ]
    worst = max(changes_shown, key=lambda change: change.ratio or 0.0, default=None)
    return Cell(
        text=column.cells[row].line,
        value=worst.ratio if worst else None,
        tone=_tone(worst) if worst else "",
    )


def _changes(comparison: Comparison, subjects: Subjects) -> Iterator[Block]:
    """The plots, the changed figures of each case, those without a verdict, and unchanged ones."""
    if figures := changes.changes(comparison):
        yield Figures(figures=figures)
    tables = [*reversed(details.lines(comparison))]  # latencies first, as in the conclusion
    for table in tables:
        if table.changed:
            yield _table(table, table.changed[:MAX_ROWS], subjects)
        if left_out := len(table.changed[MAX_ROWS:]):
            yield Paragraphs(sentences=[_left_out(left_out)])
    if reasons := details.reasons(comparison, marked):
        yield Items(title="Without a verdict", sentences=reasons)
    if same := sum(len(table.same) for table in tables):
        folded, room = [], MAX_ROWS
        for table in tables:
            if lines := table.same[:room]:
                folded.append(_table(table, lines, subjects))
            room -= len(lines)
        yield Folded(title="Figures without a change", tables=folded)
        if same > MAX_ROWS:
            yield Paragraphs(sentences=[_left_out(same - MAX_ROWS)])


def _left_out(number: int) -> str:
    return f"{plural(number, 'more row')} left out: compare --format json has all of them."


def _table(
    table: details.Table[details.Line], lines: Sequence[details.Line], subjects: Subjects
) -> Table:
    """Some lines of ``table`` with the values by which they are sorted, verdicts by rank."""
    names = [name.replace("\n", " ") for name in table.headers[1:]]
    return Table(
        title=table.title,
        headings=[
            Heading(
                name=name,
                is_number=name not in {"mode", "measure", "verdict"},
                is_sortable="interval" not in name,
            )
            for name in names
        ],
        lines=[
            Line(
                name=line.cells[0],
                cells=[
                    _cell(name, text, line)
                    for name, text in zip(names, line.cells[1:], strict=True)
                ],
                subjects=(subjects[line.case.key, line.measure],),
            )
            for line in lines
        ],
    )


def _cell(name: str, text: str, line: details.Line) -> Cell:
    change = line.case.measures.get(line.measure)
    if name == "mode":
        return Cell(text=MODE_WORDS[line.case.mode])
    if name == "verdict":
        verdict = change.verdict if change else line.case.verdict
        return Cell(text=text, value=RANK.index(verdict), tone=_tone(change) if change else "")
    if change is None:
        return Cell(text=text)
    if name == "difference" and change.baseline is not None and change.candidate is not None:
        return Cell(text=text, value=change.candidate - change.baseline)
    values = {"baseline": change.baseline, "candidate": change.candidate, "ratio": change.ratio}
    return Cell(text=text, value=values.get(name))


def _tone(change: Change) -> Tone:
    return change.verdict if change.verdict in {"better", "worse"} else ""


def _circumstances(comparison: Comparison) -> Iterator[Block]:
    """What each side was measured with, what that forbids, and the notes."""
    sides = {
        "commit": comparison.setup.commits,
        "device": comparison.setup.device,
        "threads": comparison.setup.threads,
        "torch": comparison.setup.torch,
        "launches": tuple(str(number or "") for number in comparison.setup.launches),
    }
    lines = [
        Line(name=name, cells=[Cell(text=shortened(plain(text), _MAX_SIDE)) for text in texts])
        for name, texts in sides.items()
        if any(texts)
    ]
    if lines:
        headings = [Heading(name=side, is_number=False, is_sortable=False) for side in SIDES]
        yield Table(title="Both sides", name="circumstance", headings=headings, lines=lines)
    if differences := details.differences(comparison, marked):
        yield Items(title="The runs differ in", sentences=differences)
    if comparison.notes:
        yield Items(title="Notes", sentences=[*map(plain, comparison.notes)])


def _made(comparison: Comparison, command: str) -> Iterator[Block]:
    lines = (setup.setup_line(comparison, marked), details.input_shapes(comparison))
    yield Paragraphs(sentences=[line for line in lines if line])
    if command:
        yield Labelled(lines=[("repeat", plain(command))])
