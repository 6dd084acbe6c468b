"""Scatter plots of latency by MACs and of top-1 by latency; a marker's area is the tensor peak.

If a run has more entries than can be named, the rest are small grey dots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...units import bytes_text
from ..results import Results
from ..rows import Row, by_mode
from ..words import MODE_TITLES
from .labels import place_labels
from .selection import Selection, by_accuracy, by_time_per_mac
from .style import PALE, caption, look, marked_name, name_text, one_line, scale, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_NAMED = 14  # more entries than this are numbered beside their markers and named in a legend
_LEGEND_WIDTH = 3.0  # inches of a column of names
_MAX_AREA = 420.0  # area in square points of the marker with the highest peak
_MIN_AREA = 40.0  # smallest area, also of an entry whose peak is missing


def latency_by_macs(results: Results) -> "Figure | None":
    """Latency by MACs, a panel for each mode; None if nothing was timed and counted.

    Of an entry in several forms the first alone is drawn: they differ little in MACs.
    """
    return _scatter(
        results,
        [row for row in results.rows if row.latency and _macs(row) and not row.is_form],
        _Axes(
            point=lambda row: (_macs(row) / 1e9, _milliseconds(row)),
            title="Latency against multiply-accumulates",
            labels=("MACs [10⁹]", "latency [ms]"),
            is_proportional=True,
            note="dashed: the time per MAC of the reference",
            select=by_time_per_mac,
        ),
    )


def top1_by_latency(results: Results) -> "Figure | None":
    """Published accuracy by latency, for entries that have both; None if there are none."""
    return _scatter(
        results,
        [row for row in results.rows if row.latency and row.record.case.accuracy],
        _Axes(
            point=lambda row: (_milliseconds(row), _top1(row)),
            title="Published accuracy against latency",
            labels=("latency [ms]", "top-1, as published [%]"),
            is_proportional=False,
            note="further up and to the left is better",
            select=by_accuracy,
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Axes:
    """The content of the axes, and the choice of entries to name.

    ``is_proportional`` draws a line from the origin through the reference's point.
    """

    point: Callable[[Row], tuple[float, float]]
    title: str
    labels: tuple[str, str]
    is_proportional: bool
    note: str
    select: Callable[[Sequence[Row]], Selection]


def _scatter(results: Results, table: Sequence[Row], kind: _Axes) -> "Figure | None":
    if not table:
        return None
    from matplotlib.figure import Figure

    selection = kind.select(table)
    with theme():
        groups = by_mode(selection.rows)
        is_named = max(map(len, groups.values())) <= _MAX_NAMED
        columns = 0 if is_named else 1 + (len(selection.lines) - 1) // 26
        size = (6.2 * len(groups) + _LEGEND_WIDTH * columns, 5.8)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(groups), squeeze=False)[0]
        peaks = [peak for row in selection.rows if (peak := _peak(row))]
        for axes, (mode, group) in zip(grid, groups.items(), strict=True):
            points = [kind.point(row) for row in table if row.mode == mode]
            _draw_all(axes, points, is_shown=len(points) > len(group))
            _draw(axes, group, kind, max(peaks, default=1))
            axes.set(title=MODE_TITLES[mode], xlabel=kind.labels[0], ylabel=kind.labels[1])
        figure.suptitle(kind.title, x=0.01, ha="left")
        if not is_named:
            _number_entries(figure, selection.rows, columns)
        note = kind.note
        if peaks:
            low, high = bytes_text(min(peaks)), bytes_text(max(peaks))
            note += f"; marker area: peak tensor memory, {low} to {high}"
        if selection.note:
            note += "; grey: entries without a number"
        caption(figure, results.run, selection.rows, note, selection.note)
        figure.draw_without_rendering()  # lays out the axes, which labels need
        for axes, group in zip(grid, groups.values(), strict=True):
            _label(axes, group, kind, max(peaks, default=1), is_named=is_named)
    return figure


def _label(
    axes: "Axes", group: Sequence[Row], kind: _Axes, highest: int, *, is_named: bool
) -> None:
    """Write names beside the markers, or the numbers of the legend."""
    labels = [
        name_text(row, mark_reference=False) if is_named else str(row.place + 1) for row in group
    ]
    radii = [(_area(row, highest) / 3.14) ** 0.5 for row in group]
    place_labels(axes, [kind.point(row) for row in group], labels, radii)


def _draw_all(axes: "Axes", points: Sequence[tuple[float, float]], *, is_shown: bool) -> None:
    """Scale the axes to all points; if ``is_shown``, also draw them as dots."""
    for direction, values in zip("xy", zip(*points, strict=True), strict=True):
        scale(axes, direction, values)
    if is_shown:
        across, up = zip(*points, strict=True)
        axes.scatter(across, up, s=7, color=PALE, linewidth=0, zorder=2)


def _draw(axes: "Axes", group: Sequence[Row], kind: _Axes, highest: int) -> None:
    # Large markers first, so that they do not hide smaller ones.
    for row in sorted(group, key=lambda row: -_area(row, highest)):
        x, y = kind.point(row)
        axes.scatter(
            [x],
            [y],
            s=_area(row, highest),
            **look(row),
            alpha=0.85,
            edgecolor="white",
            linewidth=0.9,
            zorder=3,
        )
    axes.margins(0.16)
    axes.autoscale_view()
    for row in group:
        if row.is_reference and kind.is_proportional:
            _draw_proportion(axes, *kind.point(row))


def _draw_proportion(axes: "Axes", x: float, y: float) -> None:
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    slope = y / x
    ends = [max(left, low / slope), min(right, high / slope)]
    axes.plot(
        ends,
        [end * slope for end in ends],
        color=PALE,
        linewidth=1,
        linestyle=(0, (4, 3)),
        zorder=1,
    )
    axes.set(xlim=(left, right), ylim=(low, high))


def _number_entries(figure: "Figure", table: Sequence[Row], columns: int) -> None:
    from matplotlib.lines import Line2D

    rows_by_place = {row.place: row for row in table}
    handles = [
        Line2D([], [], linestyle="", markersize=7, **look(row)) for row in rows_by_place.values()
    ]
    names = [f"{place + 1}  {one_line(marked_name(row))}" for place, row in rows_by_place.items()]
    figure.legend(handles, names, loc="outside right upper", ncols=columns, fontsize=8.5)


def _milliseconds(row: Row) -> float:
    assert row.latency is not None
    return row.latency.value * 1e3


def _top1(row: Row) -> float:
    assert row.record.case.accuracy is not None
    return row.record.case.accuracy.top1


def _macs(row: Row) -> int:
    macs = row.readings["macs"]
    return macs if isinstance(macs, int) else 0


def _peak(row: Row) -> int:
    peak = row.readings["peak_tensor_bytes"]
    return peak if isinstance(peak, int) else 0


def _area(row: Row, highest: int) -> float:
    return max(_MIN_AREA, _MAX_AREA * _peak(row) / highest)
