"""The plot of each entry's latency, with its interval and samples."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ..readings import telling_interval
from ..results import Results
from ..rows import Row
from .selection import by_difference
from .style import INK, PALE, are_one_picture, caption, look, panels, scale, theme, with_latency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN_SHARE = 0.98  # share of samples that the axis must show
_FAR = 1.15  # samples this many times beyond those would squeeze the rest, and are left out
_LANES = 5  # vertical positions of samples, so that neighbours do not hide each other


def latency(results: Results) -> "Figure | None":
    """Estimates, 95% intervals and samples, a panel for each mode; None if nothing was timed."""
    if not with_latency(results.rows):
        return None
    selection = by_difference(results.rows)
    with theme():
        figure, mode_panels = panels(selection, "Latency by entry", row_height=0.44)
        beyond = 0
        for axes, group in mode_panels:
            edge = _edge(group)
            is_picture = are_one_picture(sum(len(_values(row)) for row in group))
            for row in group:
                _draw(axes, row, selection.line(row), edge, is_picture=is_picture)
            beyond += sum(value > edge for row in group for value in _values(row))
            _draw_references(axes, group)
            scale(axes, "x", [row.latency.value for row in group if row.latency])
            if edge < max(chain.from_iterable(map(_values, group))):
                axes.set_xlim(right=edge * 1.02)
            axes.set_xlabel("latency [ms]")
        note = "marker: estimate over launches; bar: 95% interval; dots: samples"
        if beyond:
            note += f", {beyond} of them beyond the axis"
        if any(row.is_reference for row in selection.rows):
            note += "; dashed: the reference"
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure


def _draw(axes: "Axes", row: Row, line: int, edge: float, *, is_picture: bool) -> None:
    assert row.latency is not None
    values, style = [value for value in _values(row) if value <= edge], look(row)
    lanes = [line + 0.09 * (index % _LANES - _LANES // 2) for index in range(len(values))]
    axes.scatter(
        values,
        lanes,
        s=9,
        color=style["color"],
        alpha=0.3,
        linewidth=0,
        zorder=2,
        rasterized=is_picture,
    )
    if interval := telling_interval(row.latency):
        axes.plot(
            [end * 1e3 for end in interval],
            [line] * 2,
            color=INK,
            linewidth=1.6,
            marker="|",
            markersize=10,
            markeredgewidth=1.6,
            zorder=3,
        )
    axes.scatter(
        [row.latency.value * 1e3],
        [line],
        s=30,
        **style,
        edgecolor="white",
        linewidth=0.6,
        zorder=4,
    )


def _draw_references(axes: "Axes", group: Sequence[Row]) -> None:
    for row in group:
        if row.is_reference and row.latency:
            value = row.latency.value * 1e3
            axes.axvline(value, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)


def _edge(group: Sequence[Row]) -> float:
    """The largest value on the axis, in ms: it shows all intervals, and all but far samples."""
    ordered = sorted(chain.from_iterable(map(_values, group)))
    quantile = ordered[int(_SHOWN_SHARE * (len(ordered) - 1))]
    latencies = [row.latency for row in group if row.latency]
    highs_s = [max(telling_interval(latency) or [latency.value]) for latency in latencies]
    edge = max(quantile, *(high_s * 1e3 for high_s in highs_s))
    return max(edge, *(value for value in ordered if value <= _FAR * edge))


def _values(row: Row) -> list[float]:
    return [1e3 * value for values in row.samples.values() for value in values]
