"""The tables of a run on its page: the cells of the text report, with what they are sorted by."""

from collections.abc import Iterable, Mapping, Sequence

from ...plan.labels import REFERENCE_MARK
from ...units import ratio_text
from ...verdicts.stats import Estimate
from ..columns import Column
from ..rows import Row
from ..tables import Grid
from ..tones import untoned
from .elements import Cell, Heading, Line, Table, Tone


def table(
    title: str, rows: Sequence[Row], columns: Iterable[Column], subjects: Mapping[str, int]
) -> Table | None:
    """The table of ``rows``, without columns that hold nothing to show; None if none remain.

    ``subjects`` are those of `cases.places`.
    """
    shown = [
        column
        for column in columns
        if any(column.is_shown(row.readings[column.key]) for row in rows)
    ]
    if not shown:
        return None
    with_ratios = frozenset(
        column.key for column in shown if any(row.ratios.get(column.key) for row in rows)
    )
    return Table(
        title=title,
        headings=[head for column in shown for head in _headings(column, with_ratios)],
        lines=[
            Line(
                name=row.title,
                subjects=(subjects[row.record.case.key],),
                cells=[cell for column in shown for cell in _cells(row, column, with_ratios)],
            )
            for row in rows
        ],
    )


def of_grid(title: str, grid: Grid, subjects: Mapping[str, int]) -> Table:
    """A table of texts alone, as a page of text has it; its numbers are sorted as numbers.

    ``subjects`` are by the names of its rows.
    """
    strips = [strip for bundle in grid.bundles for strip in bundle]
    return Table(
        title=title,
        headings=[
            Heading(
                name=name,
                unit=unit,
                is_number=not strip.left,
                is_sortable="interval" not in strip.header,
            )
            for strip in strips
            for name, unit in [split_header(strip.header)]
        ],
        lines=[
            Line(
                name=name,
                subjects=[subjects[of]]
                if (of := name.removesuffix(REFERENCE_MARK)) in subjects
                else (),
                cells=[Cell(text=text, value=_value(text)) for text in map(untoned, texts)],
            )
            for name, *texts in zip(
                grid.names.cells, *(strip.cells for strip in strips), strict=True
            )
        ],
    )


def split_header(header: str) -> tuple[str, str]:
    r"""The name of a header and its unit, '' without one.

    >>> split_header("peak\nalloc.\n[MiB]"), split_header("verdict")
    (('peak alloc.', 'MiB'), ('verdict', ''))
    """
    name, _, unit = " ".join(header.split()).partition(" [")
    return name, unit.removesuffix("]")


def _headings(column: Column, with_ratios: frozenset[str]) -> list[Heading]:
    name, unit = split_header(column.header)
    is_number = column.form != "word"
    headings = [Heading(name=name, unit=unit, help=column.help, is_number=is_number)]
    if column.key in with_ratios:
        headings.append(Heading(name="ratio"))
    if column.interval:
        headings.append(Heading(name="95% interval", is_sortable=False))
    return headings


def _cells(row: Row, column: Column, with_ratios: frozenset[str]) -> list[Cell]:
    reading = row.readings[column.key]
    value = reading.value if isinstance(reading, Estimate) else reading
    cells = [
        Cell(
            text=column.cell(reading),
            value=value if isinstance(value, int | float) else None,
            tone=_tone(row) if column.key == "verdict" else "",
        )
    ]
    if column.key in with_ratios:
        ratio = row.ratios.get(column.key)
        cells.append(Cell(text="" if ratio is None else ratio_text(ratio), value=ratio))
    if column.interval:
        cells.append(Cell(text=column.interval_cell(reading)))
    return cells


def _tone(row: Row) -> Tone:
    answer = row.verdict.answer if row.verdict else ""
    return answer if answer in {"better", "worse"} else ""


def _value(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None
