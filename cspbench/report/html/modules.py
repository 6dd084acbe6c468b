"""The module trees of a run's page: for each case, its modules with what is known of each.

A measure by module is one more `ModuleColumn` in `COLUMNS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...plan.labels import plain
from ...records.layers import Layer
from ...records.run import Record
from ...units import shape_text
from ..results import Results
from .frame import Branch, TreeColumn, Trees

Values = Mapping[str, str | float | None]
"""The cell of each module by its path."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleColumn:
    """A column of the trees, and the cells of a record's modules; None if it has no such figures.

    A column is shown if some case of the run has it.
    """

    heading: TreeColumn
    cells: Callable[[Record], Values | None]


def trees(results: Results) -> Trees | None:
    """The tree of each case whose modules were counted; None if there is none.

    Cases with equal trees share one, as inference and training often do.
    """
    counted = [
        (subject, row.record)
        for subject, row in enumerate(results.rows)
        if row.record.counts and row.record.counts.layers
    ]
    if not counted:
        return None
    values = {column.heading: [column.cells(record) for _, record in counted] for column in COLUMNS}
    shown = {head: cells for head, cells in values.items() if any(map(bool, cells))}
    places: dict[tuple[Branch, ...], int] = {}
    tree_of = {}
    for index, (subject, record) in enumerate(counted):
        tree = _tree(record, [cells[index] for cells in shown.values()])
        tree_of[subject] = places.setdefault(tree, len(places))
    return Trees(
        key="module-tree",
        title="Modules, each with all that lies below it",
        columns=[*shown],
        trees=[*places],
        tree_of=tree_of,
    )


def _tree(record: Record, values: Sequence[Values | None]) -> tuple[Branch, ...]:
    assert record.counts is not None
    return tuple(
        Branch(
            depth=layer.path.count(".") + 1 if layer.path else 0,
            name=plain(layer.path.rpartition(".")[2]) or plain(record.case.entry),
            type=plain(layer.type),
            cells=tuple(cells.get(layer.path) if cells else None for cells in values),
        )
        for layer in record.counts.layers
    )


def with_parts(layers: Sequence[Layer], figure: Callable[[Layer], int]) -> dict[str, int]:
    """The figure of each module by its path, with those of all modules below it."""
    totals = dict.fromkeys((layer.path for layer in layers), 0)
    for layer in layers:
        path, value = layer.path, figure(layer)
        while True:
            if path in totals:
                totals[path] += value
            if not path:
                break
            path = path.rpartition(".")[0]
    return totals


def _counts(figure: Callable[[Layer], int]) -> Callable[[Record], Values | None]:
    def cells(record: Record) -> Values | None:
        totals = _totals(record, figure)
        return {path: f"{total:,}" if total else "" for path, total in totals.items()}

    return cells


def _totals(record: Record, figure: Callable[[Layer], int]) -> dict[str, int]:
    return with_parts(record.counts.layers, figure) if record.counts else {}


def _macs(layer: Layer) -> int:
    return layer.macs + layer.matmul_macs


def _shares(record: Record) -> Values | None:
    totals = _totals(record, _macs)
    whole = totals.get("", 0)
    return {path: total / whole for path, total in totals.items() if total} if whole else None


def _shapes(record: Record) -> Values | None:
    layers = record.counts.layers if record.counts else ()
    return {
        layer.path: "" if layer.output_shape is None else shape_text(layer.output_shape)
        for layer in layers
    }


COLUMNS: tuple[ModuleColumn, ...] = (
    ModuleColumn(
        heading=TreeColumn(name="output shape", help="of the module's first output"),
        cells=_shapes,
    ),
    ModuleColumn(
        heading=TreeColumn(name="params", help="all trainable parameters"),
        cells=_counts(lambda layer: layer.params),
    ),
    ModuleColumn(
        heading=TreeColumn(name="MACs", help="multiply-accumulates of all products"),
        cells=_counts(_macs),
    ),
    ModuleColumn(
        heading=TreeColumn(name="share of MACs", help="of those of the whole", is_share=True),
        cells=_shares,
    ),
)
"""The columns in the order of the page."""
