"""Tables of modules: one row for each of `module_rows`, and a column for each figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..records.measurements import Counts
from ..text import shortened
from . import markdown
from .layout import Layout
from .markdown import Block
from .modules import ModuleRow
from .quoting import marked
from .tables import Strip, draw, pack, strips_width
from .words import plural

_MAX_NAME_WIDTH, _MIN_NAME_WIDTH = 60, 24  # of the column of layers
_LEAST_NAME_WIDTH = 12  # where a column leaves no more: of "layer (type)"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleColumn:
    """A column of a table of modules: its header, and the text of its cell in a row.

    ``left``: text that is aligned to the left. ``is_name``: text from the model's code.
    """

    header: str
    cell: Callable[[ModuleRow], str]
    left: bool = False
    is_name: bool = False


TYPE = ModuleColumn(header="type", cell=lambda row: row.title, left=True, is_name=True)
OUTPUT_SHAPE = ModuleColumn(header="output shape", cell=lambda row: row.output_shape, left=True)


def count_columns(counts: Counts) -> list[ModuleColumn]:
    """Parameters and MACs of each row's own modules, and their share of all MACs."""
    layers = counts.layers
    params = {layer.path: layer.params for layer in layers}
    macs = {layer.path: layer.macs for layer in layers}
    others = {layer.path: layer.matmul_macs for layer in layers}
    products = products_by_module(counts)
    total = sum(products.values())
    columns = [
        ModuleColumn(header="params", cell=lambda row: _count(row.own_sum(params))),
        ModuleColumn(header="MACs", cell=lambda row: _count(row.own_sum(macs))),
    ]
    if counts.matmul_macs:
        columns.append(
            ModuleColumn(header="other\nproducts", cell=lambda row: _count(row.own_sum(others)))
        )

    def share(row: ModuleRow) -> str:
        own = row.own_sum(products)
        return f"{own / total:.1%}" if own else ""

    return [*columns, ModuleColumn(header="share", cell=share)]


def products_by_module(counts: Counts) -> dict[str, int]:
    """The MACs of each module without those of modules in it, by dotted name, all products."""
    return {layer.path: layer.products for layer in counts.layers}


def text(rows: Sequence[ModuleRow], columns: Sequence[ModuleColumn], layout: Layout) -> str:
    """The table as text, columns that do not fit in further tables with the names repeated."""
    strips = [
        Strip(header=column.header, cells=tuple(map(column.cell, rows)), left=column.left)
        for column in columns
    ]
    natural = max(_LEAST_NAME_WIDTH, *(len(_full_name(row, "  ")) for row in rows))
    tables = pack([(strip,) for strip in strips], min(_MIN_NAME_WIDTH, natural), layout.width)
    widest = max(map(strips_width, tables))
    names = Strip(
        header="layer (type)",
        cells=_names(rows, min(_MAX_NAME_WIDTH, max(_LEAST_NAME_WIDTH, layout.width - 4 - widest))),
        left=True,
    )
    return "\n\n".join(draw([names, *table]) for table in tables)


def _names(rows: Sequence[ModuleRow], width: int) -> tuple[str, ...]:
    """The last part of each path and the type, indented by depth.

    If they need more than ``width`` cells, they are indented less; what is wider still has its type
    on a second line.
    """
    for step in ("  ", " "):
        names = [_full_name(row, step) for row in rows]
        if max(map(len, names)) <= width:
            return tuple(names)
    return tuple(
        "\n".join(shortened(line, width) for line in _two_lines(name, row.title, width))
        for name, row in zip(names, rows, strict=True)
    )


def _full_name(row: ModuleRow, step: str) -> str:
    """The name and the type, if it is known, indented by ``step`` a level."""
    return f"{step * row.depth}{row.name}" + (f" ({row.title})" if row.title else "")


def _two_lines(name: str, title: str, width: int) -> list[str]:
    """A name that is too wide in two lines, the type below the name and indented more."""
    if len(name) <= width:
        return [name]
    kind = f"({title})"
    start = name.removesuffix(f" {kind}")
    return [start, " " * (len(start) - len(start.lstrip()) + 1) + kind]


def markdown_table(rows: Sequence[ModuleRow], columns: Sequence[ModuleColumn]) -> Block:
    """The table as GitHub Markdown, names indented by points, since it drops spaces."""
    left = [True, *(column.left for column in columns)]
    cells = [
        [
            "· " * row.depth + marked(row.name),
            *(_quoted(column, column.cell(row)) for column in columns),
        ]
        for row in rows
    ]
    return markdown.table(
        ["layer", *(column.header.replace("\n", " ") for column in columns)], cells, left
    )


def notes(rows: Sequence[ModuleRow]) -> list[str]:
    """Sentences on what the rows sum up: folded modules, and those without a row."""
    sentences = []
    if any(row.number > 1 for row in rows):
        sentences.append("Repeated modules are folded, their figures summed (--depth all: none).")
    if hidden := sum(len(row.hidden) for row in rows):
        sentences.append(
            f"{plural(hidden, 'module')} below the last level shown are counted in the rows that "
            "hold them (--depth N: more levels)."
        )
    return sentences


def _quoted(column: ModuleColumn, cell: str) -> str:
    return marked(cell) if column.is_name and cell else cell


def _count(count: float) -> str:
    return f"{count:,.0f}" if count else ""
