"""The plot of one measure over many runs: a line for each entry, a panel for each mode."""

from typing import TYPE_CHECKING

from ..history import History, points
from ..words import MODE_TITLES
from .selection import MAX_ENTRIES
from .style import draw_lines, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SCALES = {"latency": 1e3, "first_call": 1e3, "peak_alloc_bytes": 2**-20, "peak_rss_bytes": 2**-20}
"""Factors from base units to those of the column's header."""
_MAX_WIDTH = 60.0  # inches of a panel, of however many runs


def history(measured: History) -> "Figure":
    """The figure of ``measured``, with 95% intervals as bars.

    Of more than `MAX_ENTRIES` entries, those that changed most are shown, and the title says so.
    """
    from matplotlib.figure import Figure

    frame, selection = _most_changed(_frame(measured))
    names = list(dict.fromkeys(frame["entry"]))
    modes = [mode for mode in MODE_TITLES if mode in set(frame["mode"])]
    labels = measured.labels
    with theme():
        width = 3.0 + min(_MAX_WIDTH, max(3.0, 1.1 * len(labels))) * len(modes)
        figure = Figure(figsize=(width, 3.6 + 0.12 * len(names)), layout="constrained")
        grid = figure.subplots(1, len(modes), squeeze=False)[0]
        for axes, mode in zip(grid, modes, strict=True):
            part = frame[frame["mode"] == mode]
            draw_lines(axes, part, "position", names, has_legend=axes is grid[-1])
            _draw_intervals(axes, part)
            axes.set_title(MODE_TITLES[mode])
            axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
            axes.set_xlim(-0.4, len(labels) - 0.6)
            axes.set_xlabel("")
            axes.set_ylabel(measured.column.title if axes is grid[0] else "")
        title = f"{measured.column.key.replace('_', ' ')} over {len(measured.runs)} runs"
        figure.suptitle(title + selection, x=0.01, ha="left")
    return figure


def _frame(measured: History) -> "pd.DataFrame":
    """The points of the figure, in the units of the column's header."""
    import pandas as pd

    frame = pd.DataFrame(points(measured))
    factor = _SCALES.get(measured.column.key, 1)
    frame[["value", "low", "high"]] = frame[["value", "low", "high"]].astype(float) * factor
    positions = {label: index for index, label in enumerate(measured.labels)}
    frame["position"] = frame["run"].map(positions)
    return frame


def _most_changed(frame: "pd.DataFrame") -> "tuple[pd.DataFrame, str]":
    """The points of the entries that changed most, and a note on how many are shown; '' for all."""
    number = frame["entry"].nunique()
    if number <= MAX_ENTRIES:
        return frame, ""
    values = frame.groupby(["entry", "mode"])["value"]
    change = (values.max() - values.min()) / values.max().abs()
    largest = change.fillna(0.0).groupby("entry").max().nlargest(MAX_ENTRIES)
    note = f": the {MAX_ENTRIES} of {number} entries that changed most"
    return frame[frame["entry"].isin(largest.index)], note


def _draw_intervals(axes: "Axes", part: "pd.DataFrame") -> None:
    intervals = part.dropna(subset=["low", "high"])
    for position, low, high in intervals[["position", "low", "high"]].to_numpy():
        axes.vlines(position, low, high, color="#9a9a9a", linewidth=1, zorder=1)
