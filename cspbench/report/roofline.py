"""The roofline of a case: its table by module, and what the plots and the page draw of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..choices import Depth, Precision
from ..plan.labels import plain
from ..records.ceilings import Ceilings
from ..records.measurements import Counts
from ..records.run import Record
from ..units import mebibytes_text, percent_text, significant_text
from ..verdicts.profiles import over_profiles
from ..verdicts.roofline import Position, Roofline, ceilings_for, computes_in
from . import module_table
from .ceilings import brief
from .columns import milliseconds
from .layout import FILE, Layout
from .module_table import ModuleColumn
from .modules import ModuleRow, module_rows
from .rows import Row
from .words import MODE_TITLES

MOST_SHARE = 1.05
"""The highest share of a roof that errors of measurement explain."""

LOW_ROOF = (
    "above the roof, whose ceilings were measured too low, as on a busy machine: "
    "python -m cspbench doctor measures them anew"
)


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
            *([layout.filled(f"It is {LOW_ROOF}.")] if call.share > MOST_SHARE else []),
            layout.filled(f"Roofs: {brief(ceilings)}."),
        ]
    )


def roofline_columns(roofline: Roofline) -> list[ModuleColumn]:
    """The position of each row, with all rows below it: traffic, intensity, rates and its roof."""

    def column(header: str, cell: Callable[[Position], str], *, left: bool = False) -> ModuleColumn:
        def cell_of(row: ModuleRow) -> str:
            paths = (layer.path for inner in row.walk() for layer in inner.own)
            at = roofline.modules(paths)
            return "" if at is None else cell(at)

        return ModuleColumn(header=header, cell=cell_of, left=left)

    return [
        column("traffic\n[MiB]", lambda at: mebibytes_text(at.work.moved_bytes)),
        column("FLOP/\nbyte", lambda at: _rounded(at.intensity)),
        column("GFLOP\n/s", lambda at: _rounded(at.flops_per_s / 1e9)),
        column("GB/s", lambda at: _rounded(at.bytes_per_s / 1e9)),
        column("of\nroof", lambda at: percent_text(at.share)),
        column("roof", lambda at: at.roof, left=True),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Roof:
    """The measured peak of a ``precision``, and the bandwidth of a ``level`` of memory below it."""

    precision: Precision
    flops_per_s: float
    level: str
    bytes_per_s: float


def roofs(table: Iterable[Row], every: Sequence[Ceilings]) -> list[Roof]:
    """The roofs over the cases of ``table``, each once."""
    shown: dict[Roof, None] = {}
    for case in (row.record.case for row in table):
        ceilings = ceilings_for(every, case.device, case.precision)
        if ceilings is None:
            continue
        precision = computes_in(case.precision, case.device)
        for bandwidth in ceilings.bandwidths:
            roof = Roof(
                precision=precision,
                flops_per_s=ceilings.peaks[precision].flops_per_s,
                level=plain(bandwidth.level),
                bytes_per_s=bandwidth.bytes_per_s,
            )
            shown[roof] = None
    return list(shown)


def call_position(row: Row, every: Sequence[Ceilings]) -> Position | None:
    """Where the call of a case stands.

    None without times, traffic and ceilings, and without FLOPs: logarithmic axes have no 0.
    """
    roofline = Roofline.of(row.record, every)
    if roofline is None or row.latency is None:
        return None
    at = roofline.call(row.latency.value)
    return at if at.intensity else None


def module_positions(row: Row, every: Sequence[Ceilings]) -> dict[str, Position]:
    """Where the modules of a case stand that compute products, by their dotted names."""
    roofline = Roofline.of(row.record, every)
    modules = {} if roofline is None else roofline.each_module()
    return {path: at for path, at in modules.items() if at.intensity}


def _rounded(number: float) -> str:
    return significant_text(number, 3) if number else ""
