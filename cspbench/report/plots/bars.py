"""Bars of one quantity by entry: what the plots of peak memory and energy share."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..results import Results
from ..rows import Row
from .captions import caption
from .panels import panels_of_lines, scale
from .selection import Selection
from .style import BAND, INK, PALE, Look, legend_below_title, looks, mark_look, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Axes", Row, int, Look], object]
"""Draws one row's bar and marks on its line, in the look of its entry."""


def bars(
    results: Results,
    selection: Selection,
    draw: Draw,
    *,
    title: str,
    label: str,
    values: Callable[[Row], Iterable[float]],
    bar_name: str,
    marks: Sequence[tuple[str, str]],
    note: str,
) -> "Figure":
    """A figure of the rows of ``selection``, a panel for each mode and input.

    ``label`` is that of the axis, with the unit, and ``values`` are all that a row has on it; the
    legend names bars ``bar_name`` and the ``marks``, pairs of a marker and its name.
    """
    with theme():
        figure, panels = panels_of_lines(selection.rows, title, row_height=0.44)
        of_place = looks(results.rows)
        for panel in panels:
            panel_values = [value for row in panel.rows for value in values(row)]
            scale(panel.axes, "x", panel_values, label)
            for row in panel.rows:
                draw(panel.axes, row, panel.line(row), of_place[row.place])
            if panel.axes.get_xscale() == "linear":
                panel.axes.set_xlim(left=0)
        handles = _handles(bar_name, marks)
        legend_below_title(figure, handles, columns=len(handles))
        caption(figure, results, selection.rows, note, selection.note)
    return figure


def bar(axes: "Axes", value: float, line: int, look: Look) -> None:
    """Draw a bar that ends in the marker of its entry.

    On a logarithmic axis, where the length of a bar would mean nothing, the marker stands alone.
    """
    if axes.get_xscale() == "linear":
        axes.barh([line], [value], 0.8 * BAND, color=look.colour, alpha=0.55, linewidth=0, zorder=2)
    axes.scatter([value], [line], s=38, **look.mark, zorder=3)


def _handles(bar_name: str, marks: Sequence[tuple[str, str]]) -> list[Any]:
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"color": INK, "linestyle": "", "markersize": 7, "markeredgewidth": 1.2}
    return [
        Line2D([], [], marker="o", **style, markerfacecolor=PALE, label=f"{bar_name} (coloured)"),
        *(
            Line2D([], [], marker=marker, **style, markerfacecolor="none", label=name)
            for marker, name in marks
        ),
    ]


def draw_mark(axes: "Axes", value: float, line: int, marker: str) -> None:
    """Draw a mark of a second quantity: a stroke, or a hollow marker."""
    axes.scatter([value], [line], **mark_look(marker), zorder=4)
