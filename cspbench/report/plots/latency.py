"""The plot of each entry's latency, with its interval and samples."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ...units import seconds_text
from ..readings import telling_interval
from ..results import Results
from ..rows import Row
from .base import Plot, by_panel, extremes
from .captions import caption
from .panels import Panel, panels_of_lines, scale
from .selection import Selection, by_difference
from .style import PALE, Look, are_one_picture, draw_interval, looks, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Latency by entry"
_SHOWN_SHARE = 0.98  # share of samples that the axis must show
_FAR = 1.15  # samples this many times beyond those would squeeze the rest, and are left out
_LANES = 5  # vertical positions of samples, so that neighbours do not hide each other


def latency(results: Results) -> Plot | None:
    """Estimates, 95% intervals and samples, a panel for each mode; None if nothing was timed."""
    selection = by_difference([row for row in results.rows if row.latency])
    if not selection.rows:
        return None
    return Plot(
        title=_TITLE,
        alt=f"Latency of {selection.entries} with 95% intervals and samples. "
        f"{latency_extremes(selection.rows)}",
        draw=lambda: _figure(results, selection),
    )


def latency_extremes(table: Sequence[Row]) -> str:
    """A sentence for each panel on the fastest and the slowest entry."""
    return by_panel(
        table,
        lambda rows: extremes(
            rows,
            lambda row: row.latency.value if row.latency else None,
            seconds_text,
            lowest="the fastest",
            highest="the slowest",
        ),
    )


def _figure(results: Results, selection: Selection) -> "Figure":
    with theme():
        figure, panels = panels_of_lines(selection.rows, _TITLE, row_height=0.44)
        of_place = looks(results.rows)
        beyond = sum(_draw(panel, of_place) for panel in panels)
        note = "marker: estimate over launches; bar: 95% interval; dots: samples"
        if beyond:
            note += f", {beyond} of them beyond the axis"
        if any(row.left_out for row in selection.rows):
            note += "; disturbed launches are left out"
        if any(row.is_reference for row in selection.rows):
            note += "; dashed: the reference"
        caption(figure, results, selection.rows, note, selection.note)
    return figure


def _draw(panel: Panel, of_place: dict[int, Look]) -> int:
    """Draw the rows of a panel; the number of samples beyond its axis."""
    edge = _edge(panel.rows)
    is_picture = are_one_picture(sum(len(_values(row)) for row in panel.rows))
    for row in panel.rows:
        look = of_place[row.place]
        _draw_row(panel.axes, row, panel.line(row), look, edge, is_picture=is_picture)
    scale(panel.axes, "x", [1e3 * _latency(row) for row in panel.rows], "latency [ms]")
    samples = list(chain.from_iterable(map(_values, panel.rows)))
    if edge < max(samples):
        panel.axes.set_xlim(right=edge * 1.02)
    return sum(value > edge for value in samples)


def _draw_row(
    axes: "Axes", row: Row, line: int, look: Look, edge: float, *, is_picture: bool
) -> None:
    assert row.latency is not None
    values = [value for value in _values(row) if value <= edge]
    lanes = [line + 0.09 * (index % _LANES - _LANES // 2) for index in range(len(values))]
    axes.scatter(
        values,
        lanes,
        s=9,
        color=look.colour,
        alpha=0.3,
        linewidth=0,
        zorder=2,
        rasterized=is_picture,
    )
    draw_interval(axes, interval_ms(row), line)
    axes.scatter([_latency(row) * 1e3], [line], s=38, **look.mark, zorder=4)
    if row.is_reference:
        value = _latency(row) * 1e3
        axes.axvline(value, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)


def interval_ms(row: Row) -> tuple[float, float] | None:
    """The 95% interval of a row's latency in ms; None if there is none that tells anything."""
    interval = telling_interval(row.latency) if row.latency else None
    return (interval[0] * 1e3, interval[1] * 1e3) if interval else None


def _edge(group: Sequence[Row]) -> float:
    """The largest value on the axis, in ms: it shows all intervals, and all but far samples."""
    ordered = sorted(chain.from_iterable(map(_values, group)))
    quantile = ordered[int(_SHOWN_SHARE * (len(ordered) - 1))]
    highs = [max(interval_ms(row) or [1e3 * _latency(row)]) for row in group]
    edge = max(quantile, *highs)
    return max(edge, *(value for value in ordered if value <= _FAR * edge))


def _latency(row: Row) -> float:
    assert row.latency is not None
    return row.latency.value


def _values(row: Row) -> list[float]:
    return [1e3 * value for values in row.samples.values() for value in values]
