"""Tables, drawn by PrettyTable as wide as a page, or as GitHub Markdown.

Columns that do not fit go into further tables below, with the column of entries repeated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..units import ratio_text
from . import markdown
from .columns import Column
from .layout import Layout, cells_wide, wrap
from .markdown import Block
from .quoting import marked
from .readings import Reading
from .rows import AGAINST_REFERENCE, Row
from .tones import toned, untoned

_MIN_NAME_WIDTH, _MAX_NAME_WIDTH = 20, 36  # of the column of entries, beyond which names wrap
_LEAST_NAME_WIDTH = 8  # where a bundle leaves no more


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """One column of text: its header, and its cells from top to bottom.

    One that is ``attached``, as an interval is to its figure, shares the column of the strip before
    it in a drawn table.
    """

    header: str
    cells: tuple[str, ...]
    left: bool = False
    attached: bool = False

    @property
    def width(self) -> int:
        """The terminal cells that the widest line takes."""
        return max(cells_wide(line) for text in (self.header, *self.cells) for line in _lines(text))

    def wrapped(self, width: int) -> "Strip":
        """The strip with lines of at most ``width`` terminal cells."""
        return replace(self, cells=tuple(_wrapped(cell, width) for cell in self.cells))


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table before it is drawn; the strips of one bundle stay in one table, side by side."""

    names: Strip
    bundles: tuple[tuple[Strip, ...], ...]

    def text(self, layout: Layout) -> str:
        """The table as text, split into as few tables as the width of the page allows.

        Names wrap if that takes fewer tables, or brings more columns into the first one.
        """
        bundles = self._fitting(layout.width)
        natural = max(1, min(self.names.width, _MAX_NAME_WIDTH))
        least = min(natural, max(_MIN_NAME_WIDTH, self._longest_word()))
        widest = max(map(strips_width, bundles), default=0)
        most = max(_LEAST_NAME_WIDTH, layout.width - 4 - widest)
        widths = {min(width, most): None for width in range(natural, least - 1, -1)}
        packed = [(width, pack(bundles, width, layout.width)) for width in widths]
        width, tables = min(packed, key=lambda choice: (len(choice[1]), -len(choice[1][0])))
        names = self.names.wrapped(width)
        return "\n\n".join(draw([names, *strips]) for strips in tables)

    def markdown(self) -> Block:
        """The table as GitHub Markdown, with the names of entries as code."""
        strips = [strip for bundle in self.bundles for strip in bundle]
        names = map(marked, self.names.cells)
        headers = [self.names.header, *(" ".join(_lines(strip.header)) for strip in strips)]
        rows = zip(names, *(map(untoned, strip.cells) for strip in strips), strict=True)
        return markdown.table(headers, rows)

    def _longest_word(self) -> int:
        """The width of the longest word of a name, which is not broken if that can be helped."""
        return max(cells_wide(word) for name in self.names.cells for word in name.split(" "))

    def _fitting(self, width: int) -> list[tuple[Strip, ...]]:
        """The bundles, as they are drawn; one that is wider than a page is broken into columns."""
        widest = width - 4 - _LEAST_NAME_WIDTH
        bundles: list[tuple[Strip, ...]] = []
        for bundle in map(_joined, self.bundles):
            if strips_width(bundle) <= widest:
                bundles.append(bundle)
            else:
                bundles += [(strip.wrapped(widest - 3),) for strip in bundle]
        return bundles


def grid(rows: Sequence[Row], columns: Iterable[Column]) -> Grid | None:
    """The table of ``rows``, without columns that hold nothing to show; None if none remain."""
    bundles: list[tuple[Strip, ...]] = []
    for column in columns:
        if not any(column.is_shown(row.readings[column.key]) for row in rows):
            continue
        bundle = _bundle(rows, column)
        if column.follows and bundles:
            bundle = bundles.pop() + bundle
        bundles.append(bundle)
    if not bundles:
        return None
    names = Strip(header="entry", cells=tuple(row.title for row in rows), left=True)
    return Grid(names=names, bundles=tuple(bundles))


def draw(strips: Sequence[Strip]) -> str:
    """The strips drawn by PrettyTable, with headers as the first row, because they may repeat."""
    from prettytable import PrettyTable

    table = PrettyTable([str(index) for index in range(len(strips))], header=False)
    for index, strip in enumerate(strips):
        table.align[str(index)] = "l" if strip.left else "r"
    headers = _bottomed(*(strip.header for strip in strips))
    table.add_row(["\n".join(lines) for lines in headers], divider=True)
    for cells in zip(*(strip.cells for strip in strips), strict=True):
        table.add_row(list(cells))
    text: str = table.get_string()
    return text


def _bundle(rows: Sequence[Row], column: Column) -> tuple[Strip, ...]:
    figures = Strip(header=column.header, cells=tuple(_cell(row, column) for row in rows))
    if column.part == "exact":
        return figures, *_ratios(rows, column)
    if column.interval:
        readings = [row.readings[column.key] for row in rows]
        return figures, interval_strip(column, readings)
    return (figures,)


def interval_strip(column: Column, readings: Iterable[Reading]) -> Strip:
    """The intervals of a column's readings, beside them."""
    cells = tuple(map(column.interval_cell, readings))
    return Strip(header="95%\ninterval", cells=cells, attached=True)


def _cell(row: Row, column: Column) -> str:
    """The reading of a row as text; of a verdict, the word has its tone."""
    text = column.cell(row.readings[column.key])
    if column.key != "verdict" or row.verdict is None:
        return text
    word = AGAINST_REFERENCE[row.verdict.answer]
    return toned(word, row.verdict.answer) + text.removeprefix(word)


def _ratios(rows: Sequence[Row], column: Column) -> tuple[Strip, ...]:
    ratios = [row.ratios.get(column.key) for row in rows]
    if all(ratio is None for ratio in ratios):
        return ()
    cells = tuple("" if ratio is None else ratio_text(ratio) for ratio in ratios)
    return (Strip(header="ratio", cells=cells),)


def _joined(strips: Iterable[Strip]) -> tuple[Strip, ...]:
    """The strips, each that is attached drawn into the column of the one before it."""
    columns: list[Strip] = []
    for strip in strips:
        if strip.attached and columns:
            columns[-1] = _side_by_side(columns[-1], strip)
        else:
            columns.append(strip)
    return tuple(columns)


def _side_by_side(figures: Strip, others: Strip) -> Strip:
    """One strip of both, aligned to the right as if each had a column of its own."""

    def line(pair: tuple[str, str]) -> str:
        return " ".join(_right(text, width) for text, width in zip(pair, widths, strict=True))

    widths = (figures.width, others.width)
    header = "\n".join(map(line, zip(*_bottomed(figures.header, others.header), strict=True)))
    cells = tuple(map(line, zip(figures.cells, others.cells, strict=True)))
    return Strip(header=header, cells=cells)


def _right(text: str, width: int) -> str:
    return " " * (width - cells_wide(text)) + text


def _bottomed(*headers: str) -> list[list[str]]:
    """The lines of headers, with empty ones above those that are lower than others."""
    lines = [_lines(header) for header in headers]
    height = max(map(len, lines))
    return [[""] * (height - len(own)) + own for own in lines]


def pack(bundles: Iterable[tuple[Strip, ...]], name_width: int, width: int) -> list[list[Strip]]:
    """The strips of each table, bundles side by side as long as they fit beside the names."""
    tables: list[list[Strip]] = [[]]
    left = free = width - name_width - 4
    for bundle in bundles:
        need = strips_width(bundle)
        if tables[-1] and need > left:
            tables.append([])
            left = free
        tables[-1].extend(bundle)
        left -= need
    return tables


def strips_width(strips: Iterable[Strip]) -> int:
    """The terminal cells that the strips take side by side, each with the edge before it."""
    return sum(strip.width + 3 for strip in strips)


def _wrapped(cell: str, width: int) -> str:
    """The lines of a cell in lines that fit, indented as they are."""
    lines = []
    for line in _lines(cell):
        text = line.lstrip(" ")
        indent = " " * (len(line) - len(text))
        lines += [f"{indent}{part}" for part in wrap(text, width - len(indent))]
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    return text.split("\n")
