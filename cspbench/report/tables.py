"""Tables, drawn by PrettyTable at most 100 columns wide, or as GitHub Markdown.

Columns that do not fit go into further tables below, with the column of entries repeated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..records.base import Failure
from ..units import ratio_text
from . import markdown
from .columns import Column
from .markdown import Block
from .quoting import marked
from .readings import Reading
from .rows import Row

WIDTH = 100
_MIN_NAME_WIDTH, _MAX_NAME_WIDTH = 20, 36  # of the column of entries, beyond which names wrap


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """One column of text: its header, and its cells from top to bottom."""

    header: str
    cells: tuple[str, ...]
    left: bool = False

    @property
    def width(self) -> int:
        """The terminal cells that the widest line takes."""
        return max(cells_wide(line) for text in (self.header, *self.cells) for line in _lines(text))


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table before it is drawn; the strips of one bundle stay in one table, side by side."""

    names: Strip
    bundles: tuple[tuple[Strip, ...], ...]

    def text(self, width: int = WIDTH) -> str:
        """The table as text, split into as few tables as the width allows."""
        natural = max(1, min(self.names.width, _MAX_NAME_WIDTH))
        fewest = len(self._pack(min(natural, _MIN_NAME_WIDTH), width))
        name_width = natural
        while name_width > _MIN_NAME_WIDTH and len(self._pack(name_width, width)) > fewest:
            name_width -= 1
        widest = max((_bundle_width(bundle) for bundle in self.bundles), default=0)
        name_width = max(8, min(name_width, width - 4 - widest))
        names = Strip(
            header=self.names.header,
            cells=tuple("\n".join(wrap(cell, name_width)) for cell in self.names.cells),
            left=True,
        )
        return "\n\n".join(draw([names, *strips]) for strips in self._pack(name_width, width))

    def markdown(self) -> Block:
        """The table as GitHub Markdown, with the names of entries as code."""
        strips = [strip for bundle in self.bundles for strip in bundle]
        names = map(marked, self.names.cells)
        headers = [self.names.header, *(" ".join(_lines(strip.header)) for strip in strips)]
        rows = zip(names, *(strip.cells for strip in strips), strict=True)
        return markdown.table(headers, rows)

    def _pack(self, name_width: int, width: int) -> list[list[Strip]]:
        tables: list[list[Strip]] = [[]]
        left = free = width - name_width - 4
        for bundle in self.bundles:
            need = _bundle_width(bundle)
            if tables[-1] and need > left:
                tables.append([])
                left = free
            tables[-1].extend(bundle)
            left -= need
        return tables


def grid(rows: Sequence[Row], columns: Iterable[Column]) -> Grid | None:
    """The table of ``rows``, without columns that hold nothing to show; None if none remain."""
    bundles = [
        _bundle(rows, column)
        for column in columns
        if any(_is_shown(row.readings[column.key], column) for row in rows)
    ]
    if not bundles:
        return None
    names = tuple(f"{row.name} (reference)" if row.is_reference else row.name for row in rows)
    return Grid(names=Strip(header="entry", cells=names, left=True), bundles=tuple(bundles))


def _is_shown(reading: Reading, column: Column) -> bool:
    return not isinstance(reading, Failure | None) and not (column.nonzero and reading == 0)


def draw(strips: Sequence[Strip]) -> str:
    """The strips drawn by PrettyTable, with headers as the first row, because they may repeat."""
    from prettytable import PrettyTable

    table = PrettyTable([str(index) for index in range(len(strips))], header=False)
    for index, strip in enumerate(strips):
        table.align[str(index)] = "l" if strip.left else "r"
    heights = [len(_lines(strip.header)) for strip in strips]
    table.add_row(
        [
            "\n" * (max(heights) - height) + strip.header
            for strip, height in zip(strips, heights, strict=True)
        ],
        divider=True,
    )
    for cells in zip(*(strip.cells for strip in strips), strict=True):
        table.add_row(list(cells))
    text: str = table.get_string()
    return text


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` terminal cells, broken at spaces if possible.

    >>> wrap("csp gamma=0.25 layers=12", 12), wrap("abcdef", 4)
    (['csp', 'gamma=0.25', 'layers=12'], ['abcd', 'ef'])
    """
    lines, line = [], ""
    for word in text.split(" "):
        rest = word
        if line and cells_wide(line) + 1 + cells_wide(rest) <= width:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while cells_wide(rest) > width:
            cut = _fitting(rest, width)
            lines.append(rest[:cut])
            rest = rest[cut:]
        line = rest
    return [*lines, line] if line or not lines else lines


def filled(text: str, start: str = "") -> str:
    """The text after ``start``, wrapped to `WIDTH` cells, with further lines indented.

    >>> filled("a warm-up ended at the cap", "- ")
    '- a warm-up ended at the cap'
    """
    lines = wrap(text, WIDTH - len(start))
    return start + f"\n{' ' * len(start)}".join(lines)


def headed(heading: str, sentences: Iterable[str]) -> str:
    """A heading, and below it an item for each sentence."""
    return "\n".join([heading, *(filled(sentence, "- ") for sentence in sentences)])


def cells_wide(text: str) -> int:
    """The terminal cells that one line of text takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    from wcwidth import wcswidth

    width: int = wcswidth(text)
    return width if width >= 0 else len(text)


def _fitting(text: str, width: int) -> int:
    cut = 1
    while cut < len(text) and cells_wide(text[: cut + 1]) <= width:
        cut += 1
    return cut


def _bundle(rows: Sequence[Row], column: Column) -> tuple[Strip, ...]:
    readings = [row.readings[column.key] for row in rows]
    figures = Strip(header=column.header, cells=tuple(map(column.cell, readings)))
    if column.part == "exact":
        return figures, *_ratios(rows, column)
    if column.interval:
        interval = tuple(map(column.interval_cell, readings))
        return figures, Strip(header="95%\ninterval", cells=interval)
    return (figures,)


def _ratios(rows: Sequence[Row], column: Column) -> tuple[Strip, ...]:
    ratios = [row.ratios.get(column.key) for row in rows]
    if all(ratio is None for ratio in ratios):
        return ()
    cells = tuple("" if ratio is None else ratio_text(ratio) for ratio in ratios)
    return (Strip(header="ratio", cells=cells),)


def _bundle_width(bundle: Sequence[Strip]) -> int:
    return sum(strip.width + 3 for strip in bundle)


def _lines(text: str) -> list[str]:
    return text.split("\n")
