"""Bars of one quantity by entry and mode: what the plots of peak memory and energy share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...plan.case import Mode
from ...plan.labels import MODE_WORDS
from ..results import Results
from ..rows import Row, by_mode
from .selection import Selection
from .style import BAND, INK, PALE, bar_look, caption, height, look, name_lines, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Axes", Row, float, float], object]
"""Draws one row's bar and marks at a position, in a thickness."""


def bars(
    results: Results,
    selection: Selection,
    rows: Sequence[Row],
    draw: Draw,
    *,
    title: str,
    label: str,
    bar_name: str,
    marks: Sequence[tuple[str, str]],
    note: str,
) -> "Figure":
    """A figure of ``rows``, one line for each entry of ``selection``, side by side by mode.

    ``label`` is that of the axis, with the unit; the legend names bars ``bar_name`` and the
    ``marks``, pairs of a marker and its name.
    """
    from matplotlib.figure import Figure

    with theme():
        modes = list(by_mode(rows))
        figure = Figure(figsize=(9.0, height(selection, 0.5)), layout="constrained")
        axes = figure.subplots()
        thickness = BAND / len(modes)
        for row in rows:
            shift = (modes.index(row.mode) - (len(modes) - 1) / 2) * thickness
            draw(axes, row, selection.line(row) + shift, thickness)
        name_lines(axes, selection)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        figure.suptitle(title, x=0.01, ha="left")
        axes.legend(
            handles=_handles(modes, bar_name, marks),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=4,
            borderaxespad=0.2,
        )
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure


def bar(axes: "Axes", row: Row, value: float, position: float, thickness: float) -> None:
    """Draw the bar of a row in the colour of its entry and the look of its mode."""
    look_of_bar = bar_look(row.mode, look(row)["color"])
    axes.barh([position], [value], thickness * 0.92, **look_of_bar, zorder=2)


def _handles(modes: Sequence[Mode], bar_name: str, marks: Sequence[tuple[str, str]]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    style: dict[str, Any] = {"color": INK, "markerfacecolor": "none", "linestyle": ""}
    return [
        *(Patch(**bar_look(mode, PALE), label=f"{bar_name}, {MODE_WORDS[mode]}") for mode in modes),
        *(
            Line2D([], [], marker=marker, markersize=8, label=name, **style)
            for marker, name in marks
        ),
    ]
