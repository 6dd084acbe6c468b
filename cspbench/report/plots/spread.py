"""The plot of each entry's samples by launch: the spread within and between processes."""

from statistics import median
from typing import TYPE_CHECKING

from ..results import Results
from ..rows import Row
from .selection import Selection, by_difference
from .style import INK, PALE, are_one_picture, caption, panels, theme, with_latency

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAND = 0.8  # share of the space between two entries that the lanes of launches take
_SHOWN_SHARE = 0.98  # share of samples that the axis must show
_FAR = 1.5  # samples this many times beyond those would squeeze the rest: drawn at the edge


def sample_spread(results: Results) -> "Figure | None":
    """Samples relative to the entry's latency, a lane for each launch, a panel for each mode.

    None if nothing was timed.
    """
    if not with_latency(results.rows):
        return None
    import seaborn as sns

    selection = by_difference(results.rows)
    with theme():
        figure, mode_panels = panels(selection, "Spread of samples by launch", row_height=0.62)
        timed = with_latency(selection.rows)
        launches = sorted({launch for row in timed for launch in row.samples})
        colours = sns.color_palette("viridis", len(launches))
        beyond = 0
        for axes, group in mode_panels:
            frame = _frame(group, selection, launches)
            edge = _edge(frame)
            outside = frame["deviation"].abs() > edge
            beyond += int(outside.sum())
            sns.scatterplot(
                data=frame.assign(deviation=frame["deviation"].clip(-edge, edge)),
                x="deviation",
                y="lane",
                hue="launch",
                hue_order=launches,
                palette=colours,
                s=17,
                alpha=0.75,
                linewidth=0,
                legend=False,
                ax=axes,
                zorder=2,
                rasterized=are_one_picture(len(frame)),
            )
            _draw_medians(axes, frame, edge, _BAND / len(launches))
            axes.axvline(0, color=PALE, linewidth=1, zorder=1)
            axes.set(xlim=(-edge * 1.06, edge * 1.06), ylabel="")
            axes.set_xlabel("sample against the latency of its entry [%]")
        _name_launches(figure, launches, colours)
        note = "lanes from top to bottom: launches; ticks: their medians"
        if beyond:
            note += f"; {beyond} samples beyond the axis lie at its edge"
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure


def _frame(group: list[Row], selection: Selection, launches: list[int]) -> "pd.DataFrame":
    import pandas as pd

    step = _BAND / len(launches)
    lines = []
    for row in group:
        assert row.latency is not None
        for launch, seconds in row.samples.items():
            lane = selection.line(row) + step * (launches.index(launch) - (len(launches) - 1) / 2)
            lines += [
                (row.name, launch, lane, 100 * (value / row.latency.value - 1)) for value in seconds
            ]
    return pd.DataFrame(lines, columns=["entry", "launch", "lane", "deviation"])


def _draw_medians(axes: "Axes", frame: "pd.DataFrame", edge: float, step: float) -> None:
    medians = [
        (float(str(lane)), min(edge, max(-edge, median(values["deviation"]))))
        for lane, values in frame.groupby("lane")
    ]
    axes.vlines(
        [value for _, value in medians],
        [lane - step * 0.45 for lane, _ in medians],
        [lane + step * 0.45 for lane, _ in medians],
        color=INK,
        linewidth=1.8,
        zorder=3,
    )


def _name_launches(
    figure: "Figure", launches: list[int], colours: list[tuple[float, float, float]]
) -> None:
    from matplotlib.lines import Line2D

    pairs = list(zip(launches, colours, strict=True))
    if len(pairs) > 10:
        pairs = [pairs[0], pairs[-1]]
    figure.legend(
        handles=[
            Line2D([], [], linestyle="", marker="o", markersize=6, color=colour, label=str(launch))
            for launch, colour in pairs
        ],
        title="launch",
        loc="outside right upper",
    )


def _edge(frame: "pd.DataFrame") -> float:
    """Half the width of the axis in percent: at least 1, and all but far deviations."""
    sizes = frame["deviation"].abs()
    near = sizes[sizes <= _FAR * sizes.quantile(_SHOWN_SHARE)]
    return max(1.0, float(near.max()))
