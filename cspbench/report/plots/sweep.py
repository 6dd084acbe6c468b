"""The plot of a sweep: lines over one argument or size, or heat maps over two."""

from typing import TYPE_CHECKING

from ...plan.labels import MODE_WORDS
from ...verdicts.stats import Estimate
from ..readings import telling_interval
from ..results import Results
from ..sweep import Sweep
from ..sweep import sweep as find_sweep
from ..words import MODE_TITLES
from .selection import MAX_ENTRIES
from .style import PALE, caption, draw_lines, line_colours, make_logarithmic, short_name, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATENCY = "latency [ms]"
_NOTE = "markers: estimates over launches; bands: their 95% intervals"
_NOTE_MAP = "each cell is the estimate over launches"
_AXES = ("x", "y")
_MAX_MAPS = 12  # heat maps side by side: entries times modes
_MAX_FIGURES = 150  # figures in the cells of one heat map; more would overlap


def sweep(results: Results) -> "Figure | None":
    """Latency, or its ratio to the reference's, over the swept arguments.

    Only the first `MAX_ENTRIES` entries of the suite are drawn as lines, or as many as make twelve
    heat maps; the caption says so. None if nothing was swept or timed.
    """
    swept = find_sweep([row for row in results.rows if row.latency])
    if swept is None:
        return None
    is_line = len(swept.axes) == 1
    modes = len({row.mode for row in swept.rows})
    max_entries = MAX_ENTRIES if is_line else _MAX_MAPS // modes
    shown_sweep, selection_note = _first_entries(swept, max_entries)
    with theme():
        figure = _lines(shown_sweep) if is_line else _maps(shown_sweep)
        note = _NOTE if is_line else _NOTE_MAP
        caption(figure, results.run, shown_sweep.rows, note, selection_note)
    return figure


def _first_entries(swept: Sweep, max_entries: int) -> tuple[Sweep, str]:
    """The sweep of the first entries of the suite, and a note on their number; '' for all."""
    entries = list(dict.fromkeys(row.record.case.entry for row in swept.rows))
    if len(entries) <= max_entries:
        return swept, ""
    chosen = set(entries[:max_entries])
    pairs = [
        (row, values)
        for row, values in zip(swept.rows, swept.values, strict=True)
        if row.record.case.entry in chosen
    ]
    rows, values = zip(*pairs, strict=True)
    note = f"{max_entries} of {len(entries)} entries: the first of the suite"
    return Sweep(axes=swept.axes, rows=rows, values=values), note


def _quantity(swept: Sweep) -> str:
    """The name of the plotted quantity: the ratio if all rows have one reference, else latency."""
    references = {row.reference for row in swept.rows if row.ratio}
    if len(references) == 1 and all(row.ratio for row in swept.rows):
        return f"latency over {short_name(str(*references))}'s"
    return _LATENCY


def _frame(swept: Sweep) -> "pd.DataFrame":
    """The points; the values on the axes are ``x`` and ``y``, as arguments may have any name."""
    import pandas as pd

    is_ratio = _quantity(swept) != _LATENCY
    return pd.DataFrame(
        [
            {
                "entry": row.record.case.entry,
                "mode": row.mode,
                **dict(zip(_AXES, values, strict=False)),
                **_estimate(row.ratio if is_ratio else row.latency, 1 if is_ratio else 1e3),
            }
            for row, values in zip(swept.rows, swept.values, strict=True)
        ]
    )


def _estimate(estimate: Estimate | None, unit: float) -> dict[str, float]:
    assert estimate is not None
    low, high = telling_interval(estimate) or (estimate.value, estimate.value)
    return {"value": estimate.value * unit, "low": low * unit, "high": high * unit}


def _lines(swept: Sweep) -> "Figure":
    """A figure with a panel for each mode and a line for each entry."""
    from matplotlib.figure import Figure

    frame, (axis,) = _frame(swept), map(short_name, swept.axes)
    modes = [mode for mode in MODE_TITLES if mode in set(frame["mode"])]
    entries = list(dict.fromkeys(frame["entry"]))
    figure = Figure(figsize=(2.4 + 4.6 * len(modes), 4.4), layout="constrained")
    grid = figure.subplots(1, len(modes), squeeze=False)[0]
    for axes, mode in zip(grid, modes, strict=True):
        part = frame[frame["mode"] == mode].sort_values("x")
        draw_lines(axes, part, "x", entries, has_legend=axes is grid[-1])
        for entry, points in part.groupby("entry", sort=False):
            colour = line_colours(entries)[str(entry)]
            axes.fill_between(points["x"], points["low"], points["high"], color=colour, alpha=0.18)
        if _quantity(swept) != _LATENCY:
            axes.axhline(1.0, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        _scale(axes, part)
        axes.set_title(MODE_TITLES[mode])
        axes.set_xlabel(axis)
        axes.set_ylabel(_quantity(swept) if axes is grid[0] else "")
    figure.suptitle(f"Latency over {axis}", x=0.01, ha="left")
    return figure


def _scale(axes: "Axes", part: "pd.DataFrame") -> None:
    """Set limits and ticks; axes are logarithmic if the argument spans a factor of 8."""
    # Wide intervals from few launches must not flatten the lines.
    axes.set_ylim(
        max(part["low"].min(), 0.7 * part["value"].min()),
        min(part["high"].max(), 1.3 * part["value"].max()),
    )
    values = sorted(set(part["x"]))
    if values[0] > 0 and values[-1] / values[0] >= 8:
        make_logarithmic(axes, "x")
        make_logarithmic(axes, "y")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def _maps(swept: Sweep) -> "Figure":
    """A figure with a heat map for each entry and mode."""
    from matplotlib.figure import Figure

    frame, (across, down) = _frame(swept), map(short_name, swept.axes)
    panels = list(dict.fromkeys(zip(frame["entry"], frame["mode"], strict=True)))
    figure = Figure(figsize=(1.0 + 4.4 * len(panels), 4.4), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (entry, mode) in zip(grid, panels, strict=True):
        part = frame[(frame["entry"] == entry) & (frame["mode"] == mode)]
        table = part.pivot_table(index="y", columns="x", values="value")
        _draw_map(axes, table.sort_index(ascending=False), _quantity(swept))
        axes.set_title(f"{short_name(entry)}, {MODE_WORDS[mode]}")
        axes.set_xlabel(across)
        axes.set_ylabel(down)
    figure.suptitle(f"Latency over {across} and {down}", x=0.01, ha="left")
    return figure


def _draw_map(axes: "Axes", table: "pd.DataFrame", quantity: str) -> None:
    """Draw a heat map, with figures in its cells if there is room."""
    import seaborn as sns

    has_figures = table.size <= _MAX_FIGURES
    sns.heatmap(
        table,
        ax=axes,
        annot=has_figures,
        fmt=".3g",
        cmap="rocket_r",
        linewidths=1 if has_figures else 0,
        cbar_kws={"label": quantity},
    )
    # seaborn leaves out tick labels that lack room, so labels are set from the ticks that remain.
    columns, rows = table.columns, table.index
    axes.set_xticklabels([f"{columns[int(tick)]:g}" for tick in axes.get_xticks()])
    axes.set_yticklabels([f"{rows[int(tick)]:g}" for tick in axes.get_yticks()], rotation=0)
