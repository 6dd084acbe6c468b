"""The roofline plot: reached FLOPs a second by FLOPs a byte, below the roofs of the device."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...records.ceilings import Ceilings
from ...text import shortened
from ...units import percent_text, significant_text
from ...verdicts.roofline import Position
from ..results import Results
from ..roofline import Roof, call_position, module_positions, roofs
from ..rows import Row
from .base import Plot, by_panel, extremes, name
from .captions import caption
from .labels import place_labels
from .panels import grid, scale
from .selection import Selection, in_suite_order
from .style import INK, PALE, looks, name_text, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Roofline"
_MAX_ENTRIES = 14  # with names beside their markers
_ROOM = 3.0  # factor between the points and the ends of the axes
_AREA, _MODULE_AREA = 90.0, 16.0  # square points of the markers of entries and of modules
_INDENT = 1.12  # factor between the start of a slope and that of its name
_GIGA = 1e9
_MAX_LEVEL = 20  # characters of a level of memory


def roofline(results: Results) -> Plot | None:
    """Reached FLOPs a second by FLOPs a byte; None without times, traffic and ceilings.

    Cases whose products have no FLOPs have no place on logarithmic axes, and are left out.
    """
    every = results.run.info.ceilings
    positions = {
        row.record.case.key: at for row in results.rows if (at := call_position(row, every))
    }
    table = [row for row in results.rows if row.record.case.key in positions]
    if not table:
        return None
    selection = in_suite_order(table, _MAX_ENTRIES)
    clauses = by_panel(
        selection.rows,
        lambda rows: extremes(
            rows,
            lambda row: positions[row.record.case.key].share,
            lambda share: f"{percent_text(share)} of its roof",
            lowest="the farthest",
            highest="the nearest",
        ),
    )
    return Plot(
        title=_TITLE,
        alt=f"{_TITLE} of {selection.entries}: reached FLOPs a second against FLOPs a byte, below "
        f"the measured ceilings of computing and of memory. {clauses}",
        draw=lambda: _figure(results, selection, positions),
    )


def _figure(results: Results, selection: Selection, positions: Mapping[str, Position]) -> "Figure":
    every, of_place = results.run.info.ceilings, looks(results.rows)
    with theme():
        figure, panels = grid(
            selection.rows, _TITLE, widths=(0.0, 6.2), height=lambda _: 4.8, are_inputs_apart=False
        )
        detailed = [_detailed(panel.rows, every) for panel in panels]
        points = [
            [_point(positions[row.record.case.key]) for row in panel.rows] for panel in panels
        ]
        for panel, calls, row in zip(panels, points, detailed, strict=True):
            modules = [] if row is None else [*map(_point, module_positions(row, every).values())]
            _draw_roofs(panel.axes, roofs(panel.rows, every), [*calls, *modules])
            if row is not None:
                style = {**of_place[row.place].mark, "linewidth": 0.3}
                for x, y in modules:
                    panel.axes.scatter([x], [y], s=_MODULE_AREA, **style, alpha=0.6, zorder=2.4)
            for entry, (x, y) in zip(panel.rows, calls, strict=True):
                panel.axes.scatter([x], [y], s=_AREA, **of_place[entry.place].mark, zorder=2.5)
        caption(figure, results, selection.rows, _note(detailed), selection.note)
        figure.draw_without_rendering()  # lays out the axes, which labels need
        for panel, calls in zip(panels, points, strict=True):
            names = [name_text(row, mark_reference=False) for row in panel.rows]
            place_labels(panel.axes, calls, names, [(_AREA / 3.14) ** 0.5] * len(calls))
    return figure


def _note(detailed: Sequence[Row | None]) -> str:
    note = "level line: measured peak of computing; rising lines: bandwidths of memory and caches"
    names = list(dict.fromkeys(name(row) for row in detailed if row is not None))
    return f"{note}; small markers: modules of {' and '.join(names)}" if names else note


def _detailed(rows: Sequence[Row], every: Sequence[Ceilings]) -> Row | None:
    """The entry whose modules are drawn: the reference if it has their times, else the first."""
    profiled = [row for row in rows if module_positions(row, every)]
    return next((row for row in profiled if row.is_reference), next(iter(profiled), None))


def _draw_roofs(axes: "Axes", shown: Sequence[Roof], points: Sequence[tuple[float, float]]) -> None:
    """Draw roofs on axes that have room for them and for ``points``."""
    peaks = dict.fromkeys((roof.precision, roof.flops_per_s / _GIGA) for roof in shown)
    across = [x for x, _ in points] + [roof.flops_per_s / roof.bytes_per_s for roof in shown]
    low, high = min(across) / _ROOM, max(across) * _ROOM
    up = [y for _, y in points] + [peak for _, peak in peaks]
    bottom, top = min(up) / _ROOM, max(up) * _ROOM
    scale(axes, "x", (low, high), "intensity [FLOP/byte]")
    scale(axes, "y", (bottom, top), "reached [GFLOP/s]")
    axes.set(xlim=(low, high), ylim=(bottom, top))
    for roof in shown:
        _draw_roof(axes, roof)
    for precision, peak in peaks:
        _name_peak(axes, precision, peak)


def _draw_roof(axes: "Axes", roof: Roof) -> None:
    """Draw the roof of one peak and one level of memory: a slope up to the peak, and that."""
    peak, rate = roof.flops_per_s / _GIGA, roof.bytes_per_s / _GIGA
    left, right = axes.get_xlim()
    bottom, _ = axes.get_ylim()
    ridge = peak / rate
    start = max(left, bottom / rate)
    is_memory = roof.level == "memory"
    axes.plot(
        [start, ridge, right],
        [start * rate, peak, peak],
        color=INK if is_memory else PALE,
        linewidth=1.4 if is_memory else 1.0,
        zorder=1.5,
    )
    axes.text(
        start * _INDENT,
        start * _INDENT * rate,
        f"{shortened(roof.level, _MAX_LEVEL)}, {significant_text(rate, 3)} GB/s",
        rotation=math.degrees(math.atan(rate)),  # of the line, before the axes' scales turn it
        transform_rotates_text=True,
        rotation_mode="anchor",
        va="bottom",
        fontsize=7.5,
        color=INK,
    )


def _name_peak(axes: "Axes", precision: str, peak: float) -> None:
    _, right = axes.get_xlim()
    axes.annotate(
        f"{precision}, {significant_text(peak, 3)} GFLOP/s",
        (right, peak),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
        color=INK,
    )


def _point(at: Position) -> tuple[float, float]:
    return at.intensity, at.flops_per_s / _GIGA
