"""The page of a comparison: conclusion, a row for each changed entry, how it was made, details."""

from collections.abc import Iterator, Mapping, Sequence

from ...comparison.excerpt import Excerpt, write_down
from ...comparison.result import Comparison
from ...plan.case import Mode
from ...plan.labels import MODE_WORDS, plain
from ...records.gate import LATENCY
from .. import markdown as md
from ..layout import FILE, Layout
from ..quoting import marked, verbatim
from ..tables import Grid, Strip
from ..tones import toned
from ..words import plural
from . import details, setup
from .conclusion import TONES, conclusion, headline
from .details import Cells, Table
from .rows import OTHER, PEAK, Column, ComparedEntry, changed_entries, columns

MAX_CHARACTERS = 60_000
"""Below the limit of a comment on GitHub, 65,536, which may get a few more on its way."""

MAX_LINES = 14
"""Lines of a comment before the first fold; comment.yml puts one more above them."""

_MAX_WARNINGS = 4  # of these lines
_MAX_ROWS = 60  # rows of one table in a terminal
_LATENCY_WIDTH, _COUNT_WIDTH = 18, 10  # at which cells wrap in a terminal
_NAMES = {LATENCY: "latency", "macs": "MACs", "params": "params", PEAK: "peak", OTHER: "other"}
_SHORT: dict[Mode, str] = {"infer": "infer", "train": "train"}
_RECORDS = "Records: python -m cspbench compare reads them from here"


def text(comparison: Comparison, layout: Layout = FILE) -> str:
    """The page as plain text."""
    status, findings = headline(comparison, verbatim)
    blocks = [layout.filled(f"{toned(status, TONES.get(status, ''))}: {findings}")]
    rows = changed_entries(comparison)
    if rows:
        blocks += _text_rows(comparison, rows[:_MAX_ROWS], layout)
    if len(rows) > _MAX_ROWS:
        blocks.append(f"{len(rows) - _MAX_ROWS} more entries: --format json has all of them")
    lines = [
        setup.one_sided_line(comparison, verbatim),
        setup.setup_line(comparison, verbatim),
        *(f"Warning: {warning}" for warning in setup.warnings(comparison, verbatim)),
        plain(comparison.outputs),
        setup.deciding_line(comparison, verbatim),
    ]
    blocks += map(layout.filled, lines)
    blocks += _text_details(comparison, layout)
    return layout.page(blocks)


def markdown(comparison: Comparison, records: Sequence[Excerpt] = ()) -> str:
    """The page as Markdown for a comment on GitHub: all but a few lines is folded.

    ``records``, of both sides, are embedded, so that `compare` can read the page. What does not fit
    is left out, and the page says so: unchanged measures first, then records, then changed ones.
    """
    head = _head(comparison)
    tables = details.tables(comparison)
    changed = sum(len(table.changed) for table in tables)
    same = sum(len(table.same) for table in tables)
    written = "\n".join(map(write_down, records))
    for max_rows, max_same, embedded in (
        *((changed, same, written), (changed, 0, written)),
        *((changed, 0, ""), (100, 0, ""), (10, 0, ""), (0, 0, "")),
    ):
        folds = _folds(comparison, tables, max_rows, max_same)
        blocks = [*head, *folds, *_records(embedded, len(written))]
        if len(page := md.page(blocks)) <= MAX_CHARACTERS:
            return page
    return md.page(blocks, MAX_CHARACTERS)


def _head(comparison: Comparison) -> list[md.Block]:
    """The blocks before the first fold, with as many rows as `MAX_LINES` leave room for."""
    warnings = setup.warnings(comparison, marked)
    if len(warnings) > _MAX_WARNINGS:
        left_out = len(warnings) - _MAX_WARNINGS + 1
        warnings = [*warnings[: _MAX_WARNINGS - 1], f"{left_out} more are in the details."]
    lines = [
        setup.setup_line(comparison, marked),
        *(f"Warning: {warning}" for warning in warnings),
        plain(comparison.outputs),
        setup.deciding_line(comparison, marked),
    ]
    one_sided = setup.one_sided_line(comparison, marked)
    below = [md.paragraph(line) for line in [one_sided, *lines] if line]
    rows = changed_entries(comparison)
    room = MAX_LINES - 3 - len(below)  # the conclusion, the table's header and its rule
    blocks = [md.strong(conclusion(comparison, marked))]
    shown = rows if len(rows) <= room else rows[: room - 1]
    if shown:
        blocks.append(_markdown_rows(comparison, shown))
    if len(shown) < len(rows):
        more = len(rows) - len(shown)
        entries = plural(more, "more entry")
        blocks.append(md.paragraph(f"{entries} {'is' if more == 1 else 'are'} in the details."))
    return [*blocks, *below]


def header(column: Column, separator: str = " ", modes: Mapping[Mode, str] = MODE_WORDS) -> str:
    """The header of a column of the table that has a row for each changed entry."""
    name = _NAMES[column.measure]
    return f"{name},{separator}{modes[column.mode]}" if column.mode else name


def compact_table(
    comparison: Comparison, rows: Sequence[ComparedEntry]
) -> tuple[list[str], list[Cells]]:
    """The headers and cells of the table that has a row for each changed entry; names are plain."""
    shown = columns(comparison, rows)
    cells = [[cell.line for cell in column.cells] for column in shown]
    lines = [(entry.label, *row) for entry, row in zip(rows, zip(*cells, strict=True), strict=True)]
    return ["entry", *(header(column) for column in shown)], lines


def _markdown_rows(comparison: Comparison, rows: Sequence[ComparedEntry]) -> md.Block:
    headers, lines = compact_table(comparison, rows)
    return md.table(headers, [(marked(name), *cells) for name, *cells in lines])


def _text_rows(
    comparison: Comparison, rows: Sequence[ComparedEntry], layout: Layout
) -> Iterator[str]:
    """The compact table, and below it, by name, entries of which only other measures changed."""
    shown = columns(comparison, rows)
    others = [cell.line for column in shown if column.measure == OTHER for cell in column.cells]
    below = [f"{rows[index].label}: {line}" for index, line in enumerate(others) if line]
    kept = [index for index in range(len(rows)) if not (others and others[index])]
    bundles: dict[str, list[Strip]] = {}  # a measure's modes stay in one table
    for column in shown:
        if column.measure != OTHER:
            cells = tuple(column.cells[index].lines for index in kept)
            width = _LATENCY_WIDTH if column.measure == LATENCY else _COUNT_WIDTH
            strip = Strip(header=header(column, "\n", _SHORT), cells=cells).wrapped(width)
            bundles.setdefault(column.measure, []).append(strip)
    if kept:
        names = Strip(header="entry", cells=tuple(rows[index].label for index in kept), left=True)
        yield Grid(names=names, bundles=tuple(map(tuple, bundles.values()))).text(layout)
    if below:
        yield layout.headed("Other measures", below)


def _text_details(comparison: Comparison, layout: Layout) -> Iterator[str]:
    for table in details.tables(comparison):
        if table.changed:
            grid = _grouped(table.headers, table.changed[:_MAX_ROWS])
            yield f"{table.title}\n{grid.text(layout)}"
        if len(table.changed) > _MAX_ROWS:
            more = plural(len(table.changed) - _MAX_ROWS, "more row")
            yield f"{more}: --format json has all of them"
    if reasons := details.reasons(comparison, verbatim):
        yield "\n".join(layout.filled(reason, "- ") for reason in reasons)
    if differences := details.differences(comparison, verbatim):
        yield layout.headed("The runs differ in", differences)
    yield from map(layout.filled, map(plain, comparison.notes))
    yield layout.filled(f"{setup.counts(comparison)} {details.unchanged(comparison)}".strip())


def _folds(
    comparison: Comparison, tables: Sequence[Table[Cells]], max_rows: int, max_same: int
) -> Iterator[md.Block]:
    yield md.folded(
        "Details: figures in absolute numbers, reasons, notes",
        [*_details(comparison, tables, max_rows)],
    )
    same = [table for table in tables if table.same]
    if max_same and same:
        number = sum(len(table.same) for table in same)
        unchanged = [_markdown_table(table.headers, table.same) for table in same]
        yield md.folded(f"{plural(number, 'measure')} without a change", unchanged)


def _details(
    comparison: Comparison, tables: Sequence[Table[Cells]], max_rows: int
) -> Iterator[md.Block]:
    counts = [setup.counts(comparison), details.input_shapes(comparison)]
    yield md.paragraph(" ".join(filter(None, counts)))
    if len(warnings := setup.warnings(comparison, marked)) > _MAX_WARNINGS:
        yield md.items(warnings)
    for table in tables:
        if table.changed[:max_rows]:
            yield md.heading(3, table.title)
            yield _markdown_table(table.headers, table.changed[:max_rows])
        if len(table.changed) > max_rows:
            more = plural(len(table.changed) - max_rows, "more row")
            yield md.paragraph(f"{more} of this table do not fit into a comment.")
    if reasons := details.reasons(comparison, marked)[:max_rows]:
        yield md.items(reasons)
    if differences := details.differences(comparison, marked):
        yield md.paragraph("The runs differ in:")
        yield md.items(differences)
    if comparison.notes:
        yield md.items(comparison.notes)


def _records(embedded: str, characters: int) -> Iterator[md.Block]:
    if embedded:
        yield md.folded(_RECORDS, [md.json_lines(embedded)])
    elif characters:
        yield md.paragraph(
            f"The records ({characters:,} characters) do not fit into a comment: to compare with "
            "these results later, keep the run folder."
        )


def _grouped(headers: Sequence[str], lines: Sequence[Cells]) -> Grid:
    """The rows of a table below their entries, each named by its measure and mode."""
    first = headers.index("baseline")
    entries: dict[str, list[Cells]] = {}
    for line in lines:
        entries.setdefault(line[0], []).append(line)
    rows: list[Cells] = []
    for entry, own in entries.items():
        rows.append((entry, *("" for _ in headers[first:])))
        for line in own:
            mode, *measure = line[1:first]
            name = ", ".join(
                filter(None, [*measure, "" if mode == "both" and any(measure) else mode])
            )
            rows.append((f"  {name}", *line[first:-1], toned(line[-1], line[-1])))
    names, *columns = zip(*rows, strict=True)
    strips = tuple(
        Strip(
            header=header,
            cells=cells,
            left=header == "verdict",
            attached=header == details.INTERVAL,
        )
        for header, cells in zip(headers[first:], columns, strict=True)
        if any(cells)
    )
    return Grid(names=Strip(header="entry", cells=names, left=True), bundles=(strips,))


def _markdown_table(headers: Sequence[str], lines: Sequence[Cells]) -> md.Block:
    rows = ((marked(name), *cells) for name, *cells in lines)
    left = [header in {"entry", "mode", "measure"} for header in headers]
    return md.table([header.replace("\n", " ") for header in headers], rows, left)
