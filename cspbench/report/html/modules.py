"""The module trees of a run's page: for each case, its modules with what was measured of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...choices import Depth
from ...plan.labels import plain
from ...records.ceilings import Ceilings
from ...records.measurements import Counts
from ...records.run import Record
from ...verdicts.roofline import Roofline
from ..memory import memory_columns
from ..module_table import OUTPUT_SHAPE, ModuleColumn, total_columns
from ..module_times import time_columns
from ..modules import DEEPEST, ModuleRow, module_rows
from ..results import Results
from ..roofline import roofline_columns
from .elements import Branch, TreeColumn, Trees
from .tables import split_header

MAX_ROWS = 6_000
"""The most rows of all trees of a page together: more, and each has some 60 at most."""

_GROUPS = ("counts", "time", "memory", "roofline")
_SHARES = ("share", "of MACs", "of\nroof")


@dataclass(frozen=True, slots=True)
class _Tree:
    """The rows of a case, and its columns by the groups and headers of the page."""

    rows: Sequence[ModuleRow]
    columns: Mapping[tuple[str, str], ModuleColumn]


def trees(results: Results) -> Trees | None:
    """The tree of each case whose modules were counted; None if there is none.

    A column is shown if some case has it. Cases with equal trees share one, as inference and
    training often do where nothing was timed by module.
    """
    counted = [
        (subject, row.record, row.record.counts)
        for subject, row in enumerate(results.rows)
        if row.record.counts and row.record.counts.layers
    ]
    if not counted:
        return None
    depth: Depth | None = DEEPEST
    if sum(len(counts.layers) for _, _, counts in counted) > MAX_ROWS:
        depth = None
    made = {
        subject: _tree(record, counts, results.run.info.ceilings, depth)
        for subject, record, counts in counted
    }
    keys = list(dict.fromkeys(key for tree in made.values() for key in tree.columns))
    keys.sort(key=lambda key: _GROUPS.index(key[0]))
    places: dict[tuple[Branch, ...], int] = {}
    tree_of = {
        subject: places.setdefault(_branches(tree, keys), len(places))
        for subject, tree in made.items()
    }
    return Trees(
        key="module-tree",
        title="Modules; repeated ones are folded",
        columns=[_heading(group, header) for group, header in keys],
        trees=[*places],
        tree_of=tree_of,
    )


def _tree(record: Record, counts: Counts, every: Sequence[Ceilings], depth: Depth | None) -> _Tree:
    groups: dict[str, Iterable[ModuleColumn]] = {"counts": [OUTPUT_SHAPE, *total_columns(counts)]}
    if record.module_times:
        groups["time"] = time_columns(record)
    if series := record.memory_series:
        groups["memory"] = memory_columns(record, series)
    roofline = Roofline.of(record, every)
    if roofline is not None and record.module_times:
        groups["roofline"] = roofline_columns(roofline)
    columns = {
        (group, column.header): column for group, of_group in groups.items() for column in of_group
    }
    return _Tree(module_rows(counts.layers, depth), columns)


def _branches(tree: _Tree, keys: Sequence[tuple[str, str]]) -> tuple[Branch, ...]:
    return tuple(
        Branch(
            depth=row.depth,
            name=plain(row.name),
            type=plain(row.title),
            cells=tuple(_text(tree.columns.get(key), row) for key in keys),
        )
        for row in tree.rows
    )


def _heading(group: str, header: str) -> TreeColumn:
    name, unit = split_header(header)
    return TreeColumn(group=group, name=name, unit=unit, is_share=header in _SHARES)


def _text(column: ModuleColumn | None, row: ModuleRow) -> str:
    return plain(column.cell(row)) if column else ""
