"""Scatter plots of latency by MACs and of top-1 by latency; a marker's area is the tensor peak.

If a run has more entries than can be named, the rest are small grey dots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...units import MIB, bytes_text, seconds_text
from ..results import Results
from ..rows import Row
from .base import Plot, by_panel, extremes
from .captions import caption
from .labels import place_labels
from .latency import interval_ms, latency_extremes
from .panels import Panel, facets, grid, scale
from .selection import Selection, by_accuracy, by_time_per_mac
from .style import (
    PALE,
    Look,
    draw_interval,
    legend_below_title,
    looks,
    name_text,
    one_line,
    theme,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_NAMED = 14  # more entries than this are numbered beside their markers and named in a legend
_LEGEND_WIDTH = 3.0  # inches of a column of names
_WIDTH, _HEIGHTS = 6.2, (4.6, 4.0)  # inches of a panel, and its height if it is the only row or not
_MIN_AREA, _MAX_AREA = 40.0, 420.0  # square points of a peak of 0 and of the highest peak


def latency_by_macs(results: Results) -> Plot | None:
    """Latency by MACs, a panel for each mode; None if nothing was timed and counted.

    Of an entry in several forms the first alone is drawn: they differ little in MACs.
    """
    table = [row for row in results.rows if row.latency and _macs(row) and not row.is_form]
    return _scatter(
        results,
        table,
        _Axes(
            point=lambda row: (_macs(row) / 1e9, _milliseconds(row)),
            title="Latency against multiply-accumulates",
            labels=("MACs [10⁹]", "latency [ms]"),
            intervals="y",
            is_proportional=True,
            note="dashed: the time per MAC of the reference",
            select=by_time_per_mac,
            describe=lambda rows: by_panel(
                rows,
                lambda rows: extremes(
                    rows,
                    lambda row: _milliseconds(row) / 1e3 / (_macs(row) / 1e9),
                    lambda seconds: f"{seconds_text(seconds)} per billion MACs",
                    lowest="the quickest",
                    highest="the slowest",
                ),
            ),
        ),
    )


def top1_by_latency(results: Results) -> Plot | None:
    """Published accuracy by latency, for entries that have both; None if there are none."""
    table = [row for row in results.rows if row.latency and row.record.case.accuracy]
    return _scatter(
        results,
        table,
        _Axes(
            point=lambda row: (_milliseconds(row), _top1(row)),
            title="Published accuracy against latency",
            labels=("latency [ms]", "top-1, as published [%]"),
            intervals="x",
            is_proportional=False,
            note="further up and to the left is better",
            select=by_accuracy,
            describe=lambda rows: f"{_accuracies(rows)}. {latency_extremes(rows)}",
        ),
    )


def _accuracies(table: Sequence[Row]) -> str:
    return extremes(
        table,
        _top1,
        lambda percent: f"{percent:g}% top-1",
        lowest="the least accurate",
        highest="the most accurate",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Axes:
    """The content of the axes, the choice of entries to name, and their description in words.

    ``intervals`` is the direction of latency's intervals. ``is_proportional`` draws a line from the
    origin through the reference's point.
    """

    point: Callable[[Row], tuple[float, float]]
    title: str
    labels: tuple[str, str]
    intervals: str
    is_proportional: bool
    note: str
    select: Callable[[Sequence[Row]], Selection]
    describe: Callable[[Sequence[Row]], str]


def _scatter(results: Results, table: Sequence[Row], kind: _Axes) -> Plot | None:
    if not table:
        return None
    selection = kind.select(table)
    return Plot(
        title=kind.title,
        alt=f"{kind.title} of {selection.entries} with 95% intervals of latency. "
        f"{kind.describe(selection.rows)}",
        draw=lambda: _figure(results, table, selection, kind),
    )


def _figure(results: Results, table: Sequence[Row], selection: Selection, kind: _Axes) -> "Figure":
    height = _HEIGHTS[len(facets(selection.rows)) > 1]
    of_place, areas = looks(results.rows), _Areas.of(selection.rows)
    with theme():
        columns = 1 + (selection.number - 1) // 26
        figure, panels = grid(
            selection.rows, kind.title, widths=(0.0, _WIDTH), height=lambda _: height
        )
        is_named = max(len(panel.rows) for panel in panels) <= _MAX_NAMED
        if not is_named:
            figure.set_figwidth(figure.get_figwidth() + _LEGEND_WIDTH * columns)
            _number_entries(figure, selection.rows, of_place, columns)
        if areas.highest:
            _name_areas(figure, areas)
        shown = {row.record.case.key for row in selection.rows}
        for panel in panels:
            others = [
                kind.point(row) for row in _like(panel, table) if row.record.case.key not in shown
            ]
            _draw(panel, kind, of_place, areas, others)
        note = "bars: 95% intervals of latency"
        if not kind.is_proportional or any(row.is_reference for row in selection.rows):
            note += f"; {kind.note}"
        if selection.note:
            note += "; grey: entries without a number"
        caption(figure, results, selection.rows, note, selection.note)
        figure.draw_without_rendering()  # lays out the axes, which labels need
        for panel in panels:
            _label(panel, kind, areas, is_named=is_named)
    return figure


def _like(panel: Panel, table: Sequence[Row]) -> list[Row]:
    """The rows of ``table`` of the mode and, if it has its own panels, of the input of a panel."""
    for rows in facets(table).values():
        if any(row.record.case.key == panel.rows[0].record.case.key for row in rows):
            return [row for row in rows if row.mode == panel.mode]
    return []


@dataclass(frozen=True, slots=True)
class _Areas:
    """The areas of markers, which grow with the tensor peak; equal if no peak is known."""

    lowest: int
    highest: int

    @classmethod
    def of(cls, table: Sequence[Row]) -> "_Areas":
        """The areas of the markers of ``table``."""
        peaks = [peak for row in table if (peak := _peak(row))]
        return cls(min(peaks, default=0), max(peaks, default=0))

    def area(self, peak: float) -> float:
        """The area of a marker in square points."""
        return _MIN_AREA + (_MAX_AREA - _MIN_AREA) * peak / (self.highest or 1)

    def of_row(self, row: Row) -> float:
        """The area of the marker of a row."""
        return self.area(_peak(row))

    @property
    def examples(self) -> dict[str, float]:
        """Areas to show in a legend, by the peak: the lowest, the middle and the highest."""
        peaks = (self.lowest, (self.lowest + self.highest) / 2, self.highest)
        return {bytes_text(peak, MIB): self.area(peak) for peak in peaks}


def _label(panel: Panel, kind: _Axes, areas: _Areas, *, is_named: bool) -> None:
    """Write names beside the markers, or the numbers of the legend."""
    labels = [
        name_text(row, mark_reference=False) if is_named else str(row.place + 1)
        for row in panel.rows
    ]
    radii = [(areas.of_row(row) / 3.14) ** 0.5 for row in panel.rows]
    points = [kind.point(row) for row in panel.rows]
    bars = []
    for row, (x, y) in zip(panel.rows, points, strict=True):
        if ends := interval_ms(row):
            is_up = kind.intervals == "y"
            bars.append(tuple((x, end) if is_up else (end, y) for end in ends))
    place_labels(panel.axes, points, labels, radii, bars)


def _draw(
    panel: Panel,
    kind: _Axes,
    of_place: dict[int, Look],
    areas: _Areas,
    others: Sequence[tuple[float, float]],
) -> None:
    """Draw the rows of a panel, and ``others`` as dots."""
    axes = panel.axes
    points = [*map(kind.point, panel.rows), *others]
    for direction, values, label in zip("xy", zip(*points, strict=True), kind.labels, strict=True):
        scale(axes, direction, values, label)
    if others:
        across, up = zip(*others, strict=True)
        axes.scatter(across, up, s=7, color=PALE, linewidth=0, zorder=2)
    # Large markers first, so that they do not hide smaller ones.
    for row in sorted(panel.rows, key=lambda row: -areas.of_row(row)):
        x, y = kind.point(row)
        axes.scatter([x], [y], s=areas.of_row(row), **of_place[row.place].mark, zorder=2.5)
        across_at = y if kind.intervals == "x" else x
        draw_interval(axes, interval_ms(row), across_at, direction=kind.intervals)
    axes.margins(0.16)
    axes.autoscale_view()
    for row in panel.rows:
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


def _number_entries(
    figure: "Figure", table: Sequence[Row], of_place: dict[int, Look], columns: int
) -> None:
    from matplotlib.lines import Line2D

    rows_by_place = {row.place: row for row in table}
    handles = [
        Line2D([], [], markersize=7, **{**of_place[place].joined, "linestyle": ""})
        for place in rows_by_place
    ]
    names = [f"{place + 1}  {one_line(row.title)}" for place, row in rows_by_place.items()]
    figure.legend(handles, names, loc="outside right upper", ncols=columns, fontsize=8.5)


def _name_areas(figure: "Figure", areas: _Areas) -> None:
    """The legend of areas: markers of the lowest, the middle and the highest peak."""
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"linestyle": "", "marker": "o", "color": PALE}
    handles: list[Any] = [Line2D([], [], linestyle="", label="peak tensor memory:")]
    handles += [
        Line2D([], [], **style, markersize=(area / 3.14) ** 0.5 * 2, label=text)
        for text, area in areas.examples.items()
    ]
    legend_below_title(figure, handles, columns=len(handles))


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
