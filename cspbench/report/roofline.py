"""The roofline of a case by module, as a table."""

from collections.abc import Callable

from ..choices import Depth
from ..records.ceilings import Ceilings
from ..records.measurements import Counts
from ..records.run import Record
from ..units import percent_text, significant_text
from ..verdicts.profiles import over_profiles
from ..verdicts.roofline import Position, Roofline
from . import module_table
from .ceilings import brief
from .columns import milliseconds
from .layout import FILE, Layout
from .module_table import ModuleColumn
from .modules import ModuleRow, module_rows
from .words import MODE_TITLES


def text(
    record: Record,
    counts: Counts,
    ceilings: Ceilings,
    layout: Layout = FILE,
    depth: Depth | None = None,
) -> str:
    """The roofline of a profiled case as text: a table of its modules, and the roofs.

    ``depth`` is that of `module_rows`.
    """
    roofline = Roofline(record, ceilings)
    rows = module_rows(counts.layers, depth)
    latency_s = over_profiles([times.latency_s for times in record.module_times]).value
    call = roofline.call(latency_s)
    whole = (
        f"A call that nothing observes takes {milliseconds(latency_s)} ms: "
        f"{significant_text(call.flops_per_s / 1e9, 3)} GFLOP/s at "
        f"{significant_text(call.intensity, 3)} FLOP/byte, {percent_text(call.share)} of its roof"
        f"{f' ({call.roof})' if call.roof else ''}."
    )
    return "\n".join(
        [
            f"{MODE_TITLES[record.case.mode]}: roofline by module",
            module_table.text(rows, roofline_columns(roofline), layout),
            layout.filled(whole),
            layout.filled(f"Roofs: {brief(ceilings)}."),
        ]
    )


def roofline_columns(roofline: Roofline) -> list[ModuleColumn]:
    """The position of each row, with all rows below it: time, intensity, rates and its roof."""

    def column(header: str, cell: Callable[[Position], str], *, left: bool = False) -> ModuleColumn:
        def cell_of(row: ModuleRow) -> str:
            paths = (layer.path for inner in row.walk() for layer in inner.own)
            found = roofline.modules(paths)
            return "" if found is None else cell(found)

        return ModuleColumn(header=header, cell=cell_of, left=left)

    return [
        column("total\n[ms]", lambda at: milliseconds(at.seconds)),
        column("traffic\n[MiB]", lambda at: f"{at.work.moved_bytes / 2**20:,.2f}"),
        column("FLOP/\nbyte", lambda at: _rounded(at.intensity)),
        column("GFLOP/s", lambda at: _rounded(at.flops_per_s / 1e9)),
        column("GB/s", lambda at: _rounded(at.bytes_per_s / 1e9)),
        column("of roof", lambda at: percent_text(at.share)),
        column("roof", lambda at: at.roof, left=True),
    ]


def _rounded(number: float) -> str:
    return significant_text(number, 3) if number else ""
