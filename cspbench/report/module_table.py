"""Tables of modules: one row for each of `module_rows`, and a column for each figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..records.measurements import Counts
from . import markdown
from .layout import Layout, cells_wide, wrap
from .markdown import Block
from .modules import ModuleRow
from .quoting import marked
from .tables import Strip, draw, pack
from .words import plural

_MAX_NAME_WIDTH, _MIN_NAME_WIDTH = 60, 24  # of the column of layers
_NO_BREAK = "\u00a0"  # in a type, which has a line of its own where it has no room beside its name


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


def total_columns(counts: Counts) -> list[ModuleColumn]:
    """Parameters and MACs of each row with all rows below it, and their share of all MACs."""
    params = {layer.path: layer.params for layer in counts.layers}
    products = products_by_module(counts)
    return [
        ModuleColumn(header="params", cell=lambda row: _count(row.total(params))),
        ModuleColumn(header="MACs", cell=lambda row: _count(row.total(products))),
        macs_share_column(counts),
    ]


def macs_share_column(counts: Counts) -> ModuleColumn:
    """The share of all MACs of each row with all rows below it."""
    products = products_by_module(counts)
    whole = sum(products.values())

    def share(row: ModuleRow) -> str:
        total = row.total(products)
        return f"{total / whole:.1%}" if total else ""

    return ModuleColumn(header="of MACs", cell=share)


def products_by_module(counts: Counts) -> dict[str, int]:
    """The MACs of each module without those of modules in it, by dotted name, all products."""
    return {layer.path: layer.products for layer in counts.layers}


def text(rows: Sequence[ModuleRow], columns: Sequence[ModuleColumn], layout: Layout) -> str:
    """The table as text, in as many tables as it takes to fit the page."""
    strips = [
        Strip(header=column.header, cells=tuple(map(column.cell, rows)), left=column.left)
        for column in columns
    ]
    left = layout.width - 4 - sum(strip.width + 3 for strip in strips)
    if left < _MIN_NAME_WIDTH:  # columns go into further tables, so that names have more room
        left = layout.width // 2
    names = Strip(
        header="layer (type)",
        cells=_names(rows, min(_MAX_NAME_WIDTH, max(_MIN_NAME_WIDTH, left))),
        left=True,
    )
    packed = pack([(strip,) for strip in strips], names.width, layout.width)
    return "\n\n".join(draw([names, *table]) for table in packed)


def _names(rows: Sequence[ModuleRow], width: int) -> tuple[str, ...]:
    """The last part of each path and the type, indented by depth.

    If they need more than ``width`` cells, they are indented less, by half of them at most; what is
    wider still continues below, indented more.
    """
    for step in ("  ", " "):
        names = [f"{step * row.depth}{_described(row)}" for row in rows]
        if max(map(cells_wide, names)) <= width:
            return tuple(names)
    return tuple(_wrapped(row, width) for row in rows)


def _described(row: ModuleRow) -> str:
    """The name of a row and, if it is known, its type."""
    return f"{row.name} ({row.title})" if row.title else row.name


def _wrapped(row: ModuleRow, width: int) -> str:
    indent = " " * min(row.depth, width // 2)
    kind = f" ({row.title})"
    whole = _described(row).replace(kind, f" {kind[1:].replace(' ', _NO_BREAK)}")
    first, *others = wrap(whole, width - len(indent) - 1)
    lines = [f"{indent}{first}", *(f"{indent} {line}" for line in others)]
    return "\n".join(lines).replace(_NO_BREAK, " ")


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
