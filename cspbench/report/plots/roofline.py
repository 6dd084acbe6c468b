"""The roofline plot: reached FLOPs a second by FLOPs a byte, below the roofs of the device."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...records.ceilings import Ceilings
from ...units import percent_text, significant_text
from ...verdicts.roofline import Position, Roofline, ceilings_for, computes_in
from ..results import Results
from ..rows import Row
from .base import Plot, by_panel, extremes, name
from .captions import caption
from .labels import place_labels
from .panels import Panel, grid, scale
from .selection import Selection, in_suite_order
from .style import INK, PALE, Look, looks, name_text, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Roofline"
_MAX_ENTRIES = 14  # with names beside their markers
_ROOM = 3.0  # factor between the points and the ends of the axes
_AREA, _MODULE_AREA = 90.0, 16.0  # square points of the markers of entries and of modules
_GIGA = 1e9


def roofline(results: Results) -> Plot | None:
    """Reached FLOPs a second by FLOPs a byte; None without times, traffic and ceilings.

    Cases whose products have no FLOPs have no place on logarithmic axes, and are left out.
    """
    every = results.run.info.ceilings
    table = [row for row in results.rows if (at := _position(row, every)) and at.work.flops]
    if not table:
        return None
    selection = in_suite_order(table, _MAX_ENTRIES)
    clauses = by_panel(
        selection.rows,
        lambda rows: extremes(
            rows,
            lambda row: _share(row, every),
            lambda share: f"{percent_text(share)} of its roof",
            lowest="the farthest",
            highest="the nearest",
        ),
    )
    return Plot(
        title=_TITLE,
        alt=f"{_TITLE} of {selection.entries}: reached FLOPs a second against FLOPs a byte, below "
        f"the measured ceilings of computing and of memory. {clauses}",
        draw=lambda: _figure(results, selection),
    )


def _figure(results: Results, selection: Selection) -> "Figure":
    every, of_place = results.run.info.ceilings, looks(results.rows)
    with theme():
        figure, panels = grid(
            selection.rows, _TITLE, widths=(0.0, 6.2), height=lambda _: 4.8, are_inputs_apart=False
        )
        detailed = [_detailed(panel.rows, every) for panel in panels]
        for panel, row in zip(panels, detailed, strict=True):
            _draw(panel, every, of_place, row)
        caption(figure, results, selection.rows, _note(detailed), selection.note)
        figure.draw_without_rendering()  # lays out the axes, which labels need
        for panel in panels:
            points = [_point(at) for row in panel.rows if (at := _position(row, every))]
            names = [name_text(row, mark_reference=False) for row in panel.rows]
            place_labels(panel.axes, points, names, [(_AREA / 3.14) ** 0.5] * len(points))
    return figure


def _note(detailed: Sequence[Row | None]) -> str:
    note = "lines: measured ceilings, of computing level, of memory and caches rising"
    names = list(dict.fromkeys(name(row) for row in detailed if row is not None))
    return f"{note}; small: modules of {' and '.join(names)}" if names else note


def _detailed(rows: Sequence[Row], every: Sequence[Ceilings]) -> Row | None:
    """The entry whose modules are drawn: the reference if it has their times, else the first."""
    profiled = [row for row in rows if _modules(row, every)]
    return next((row for row in profiled if row.is_reference), next(iter(profiled), None))


def _draw(
    panel: Panel, every: Sequence[Ceilings], of_place: dict[int, Look], detailed: Row | None
) -> None:
    axes = panel.axes
    modules = [] if detailed is None else _modules(detailed, every)
    drawn = [(row, at) for row in panel.rows if (at := _position(row, every))]
    points = [_point(at) for _, at in drawn] + [_point(at) for at in modules]
    roofs = list(_roofs(panel.rows, every))
    across = [x for x, _ in points] + [peak / rate for _, peak, _, rate in roofs]
    low, high = min(across) / _ROOM, max(across) * _ROOM
    up = [y for _, y in points] + [peak for _, peak, _, _ in roofs]
    bottom, top = min(up) / _ROOM, max(up) * _ROOM
    scale(axes, "x", (low, high), "intensity [FLOP/byte]")
    scale(axes, "y", (bottom, top), "reached [GFLOP/s]")
    axes.set(xlim=(low, high), ylim=(bottom, top))
    for _, peak, level, rate in roofs:
        _draw_roof(axes, peak, level, rate)
    for kind, peak in dict.fromkeys(roof[:2] for roof in roofs):
        _name_peak(axes, kind, peak)
    if detailed is not None:
        style = {**of_place[detailed.place].mark, "linewidth": 0.3}
        for at in modules:
            x, y = _point(at)
            axes.scatter([x], [y], s=_MODULE_AREA, **style, alpha=0.6, zorder=2.4)
    for row, at in drawn:
        x, y = _point(at)
        axes.scatter([x], [y], s=_AREA, **of_place[row.place].mark, zorder=2.5)


def _roofs(
    rows: Sequence[Row], every: Sequence[Ceilings]
) -> Iterator[tuple[str, float, str, float]]:
    """Precision, peak in GFLOP/s, level of memory and GB/s of each roof over ``rows``."""
    shown: set[tuple[str, float, str, float]] = set()
    for row in rows:
        case = row.record.case
        ceilings = ceilings_for(every, case.device, case.precision)
        if ceilings is None:
            continue
        precision = computes_in(case.precision, case.device)
        peak = ceilings.peaks[precision].flops_per_s / _GIGA
        for bandwidth in ceilings.bandwidths:
            roof = precision, peak, bandwidth.level, bandwidth.bytes_per_s / _GIGA
            if roof not in shown:
                shown.add(roof)
                yield roof


def _draw_roof(axes: "Axes", peak: float, level: str, rate: float) -> None:
    """Draw the roof of one peak and one level of memory: a slope up to the peak, and that."""
    left, right = axes.get_xlim()
    bottom, _ = axes.get_ylim()
    ridge = peak / rate
    start = max(left, bottom / rate)
    is_memory = level == "memory"
    axes.plot(
        [start, ridge, right],
        [start * rate, peak, peak],
        color=INK if is_memory else PALE,
        linewidth=1.4 if is_memory else 1.0,
        zorder=1.5,
    )
    axes.annotate(
        f"{level}, {significant_text(rate, 3)} GB/s",
        (start, start * rate),
        xytext=(16, 0),
        textcoords="offset points",
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


def _modules(row: Row, every: Sequence[Ceilings]) -> list[Position]:
    """The positions of a case's modules that compute products, each with its own operators."""
    line = Roofline.of(row.record, every)
    return [] if line is None else [at for at in line.each_module().values() if at.work.flops]


def _position(row: Row, every: Sequence[Ceilings]) -> Position | None:
    line = Roofline.of(row.record, every)
    return None if line is None or row.latency is None else line.call(row.latency.value)


def _share(row: Row, every: Sequence[Ceilings]) -> float | None:
    at = _position(row, every)
    return None if at is None else at.share


def _point(at: Position) -> tuple[float, float]:
    return at.intensity, at.flops_per_s / _GIGA
