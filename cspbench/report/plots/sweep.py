"""The plot of a sweep: lines over one argument or size, or heat maps over two."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...plan.labels import MODE_WORDS, label
from ...text import shortened
from ...units import percent_text, ratio_text, seconds_text
from ...verdicts.stats import Estimate
from ..readings import telling_interval
from ..results import Results
from ..rows import Row
from ..sweep import SIZES, Sweep, line_name
from ..sweep import sweep as find_sweep
from ..words import plural
from .base import Plot, by_panel, extremes
from .captions import caption
from .panels import Panel, grid, modes_of, scale
from .selection import MAX_ENTRIES
from .style import PALE, Look, draw_interval, legend, looks, short_name, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATENCY = "latency [ms]"
_NOTE = "markers: estimates over launches; bars: their 95% intervals"
_NOTE_MAP = "each cell is the estimate over launches"
_MAX_MAPS = 12  # heat maps: entries times modes
_ACROSS = 4  # heat maps side by side
_MAX_FIGURES = 150  # figures in the cells of one heat map; more would overlap
_MAX_INTERVALS = 8  # values to either side of a heat map whose cells have room for intervals
_ROOM = 0.05  # share of an axis that is free at either end
_TICK_ROOM = 0.09  # share of an axis that a tick's label takes
_MAX_AXIS = 60  # characters of an argument in a description


def sweep(results: Results) -> Plot | None:
    """Latency, or its ratio to the reference's, over the swept arguments.

    Only the first `MAX_ENTRIES` entries of the suite are drawn as lines, or as many as make twelve
    heat maps; the caption says so. None if nothing was swept or timed.
    """
    swept = find_sweep([row for row in results.rows if row.latency])
    if swept is None:
        return None
    is_line = len(swept.axes) == 1
    max_lines = MAX_ENTRIES if is_line else _MAX_MAPS // len(modes_of(swept.rows))
    shown, note = _first_lines(swept, max_lines)
    title = f"Latency over {' and '.join(map(_axis, swept.axes))}"
    return Plot(
        title=title,
        alt=f"{title} of {plural(len(_lines(shown)), 'entry')} with 95% intervals. "
        f"{_described(shown)}",
        draw=lambda: (_line_figure if is_line else _map_figure)(results, shown, note, title),
    )


def _axis(name: str) -> str:
    return shortened(label(name), _MAX_AXIS)


def _lines(swept: Sweep) -> dict[str, list[Row]]:
    """The rows of each line, in suite order."""
    lines: dict[str, list[Row]] = {}
    for row in swept.rows:
        lines.setdefault(line_name(row), []).append(row)
    return lines


def _first_lines(swept: Sweep, most: int) -> tuple[Sweep, str]:
    """The sweep of the first entries of the suite, and a note on their number; '' for all."""
    lines = list(_lines(swept))
    if len(lines) <= most:
        return swept, ""
    chosen = set(lines[:most])
    pairs = [
        (row, values)
        for row, values in zip(swept.rows, swept.values, strict=True)
        if line_name(row) in chosen
    ]
    rows, values = zip(*pairs, strict=True)
    note = f"{most} of {len(lines)} entries: the first of the suite"
    return Sweep(axes=swept.axes, rows=rows, values=values), note


def _quantity(swept: Sweep) -> str:
    """The name of the plotted quantity."""
    return _LATENCY if swept.reference is None else f"latency over {short_name(swept.reference)}'s"


def _estimates(swept: Sweep) -> dict[str, Estimate]:
    """The plotted estimates by the keys of cases: ratios, or latencies in ms."""
    is_ratio = swept.reference is not None
    estimates = {}
    for row in swept.rows:
        estimate, unit = (row.ratio, 1.0) if is_ratio else (row.latency, 1e3)
        assert estimate is not None
        low, high = telling_interval(estimate) or (None, None)
        estimates[row.record.case.key] = Estimate(
            value=estimate.value * unit,
            low=low * unit if low is not None else None,
            high=high * unit if high is not None else None,
            launches=estimate.launches,
        )
    return estimates


def _are_inputs_apart(swept: Sweep) -> bool:
    """Whether entries with other inputs have panels of their own: not if a size is swept."""
    return not set(swept.axes) & set(SIZES)


def _described(swept: Sweep) -> str:
    estimates = _estimates(swept)
    text = ratio_text if swept.reference is not None else (lambda value: seconds_text(value / 1e3))
    return by_panel(
        swept.rows,
        lambda rows: extremes(
            rows,
            lambda row: estimates[row.record.case.key].value,
            text,
            lowest="the lowest",
            highest="the highest",
        ),
        are_inputs_apart=_are_inputs_apart(swept),
    )


def _line_figure(results: Results, swept: Sweep, note: str, title: str) -> "Figure":
    """A figure with a panel for each mode and a line for each entry."""
    from matplotlib.lines import Line2D

    lines, of_place = _lines(swept), looks(results.rows)
    line_looks = {line: _look(line, results.rows, of_place) for line in lines}
    with theme():
        figure, panels = grid(
            swept.rows,
            title,
            widths=(0.0, 4.8),
            height=lambda _: 3.6,
            are_inputs_apart=_are_inputs_apart(swept),
        )
        for panel in panels:
            _draw_lines(panel, swept, line_looks)
        figure.set_figwidth(figure.get_figwidth() + 2.6)
        handles = [Line2D([], [], **look.joined) for look in line_looks.values()]
        legend(figure, handles, list(lines), loc="outside right upper")
        caption(figure, results, swept.rows, _NOTE, note)
    return figure


def _look(line: str, table: Sequence[Row], of_place: Mapping[int, Look]) -> Look:
    """The look of a line: that of its first case in the run."""
    return next(of_place[row.place] for row in table if line_name(row) == line)


def _draw_lines(panel: Panel, swept: Sweep, line_looks: Mapping[str, Look]) -> None:
    axes, estimates = panel.axes, _estimates(swept)
    places = {
        row.record.case.key: values[0] for row, values in zip(swept.rows, swept.values, strict=True)
    }
    keys_drawn = [row.record.case.key for row in panel.rows]
    shown = [estimates[key] for key in keys_drawn]
    scale(axes, "x", [places[key] for key in keys_drawn], short_name(swept.axes[0]))
    scale(axes, "y", [estimate.value for estimate in shown], _quantity(swept))
    for line, rows in _lines(swept).items():
        keys = sorted(
            (row.record.case.key for row in rows if row.record.case.key in set(keys_drawn)),
            key=places.__getitem__,
        )
        axes.plot(
            [places[key] for key in keys],
            [estimates[key].value for key in keys],
            **line_looks[line].joined,
            zorder=4,
        )
        for key in keys:
            interval = telling_interval(estimates[key])
            draw_interval(axes, interval, places[key], direction="y")
    if swept.reference is not None:
        axes.axhline(1.0, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    _limit(axes, shown)
    _mark_values(axes, sorted({places[key] for key in keys_drawn}))


def _limit(axes: "Axes", shown: Sequence[Estimate]) -> None:
    """Limit the vertical axis: wide intervals from few launches must not flatten the lines."""
    values = [estimate.value for estimate in shown]
    lows = [estimate.value if estimate.low is None else estimate.low for estimate in shown]
    highs = [estimate.value if estimate.high is None else estimate.high for estimate in shown]
    bottom = max(min(lows), 0.7 * min(values))
    top = min(max(highs), 1.3 * max(values))
    if axes.get_yscale() == "log":
        room = (top / bottom) ** _ROOM
        axes.set_ylim(bottom / room, top * room)
    elif top > bottom:
        room = _ROOM * (top - bottom)
        axes.set_ylim(bottom - room, top + room)


def _mark_values(axes: "Axes", values: Sequence[float]) -> None:
    """Put a tick at each value that has room for its label."""
    low, high = axes.get_xlim()
    to_axes = axes.transData + axes.transAxes.inverted()
    ticks: list[float] = []
    last = -1.0
    for value in values:
        place = float(to_axes.transform((value, axes.get_ylim()[0]))[0])
        if place - last >= _TICK_ROOM:
            ticks.append(value)
            last = place
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.set_xlim(low, high)
    axes.tick_params(axis="x", which="minor", bottom=False)


def _map_figure(results: Results, swept: Sweep, note: str, title: str) -> "Figure":
    """A figure with a heat map for each entry and mode."""
    from matplotlib.figure import Figure

    maps = [
        (line, mode, [row for row in rows if row.mode == mode])
        for line, rows in _lines(swept).items()
        for mode in modes_of(rows)
    ]
    across, down = min(_ACROSS, len(maps)), -(-len(maps) // _ACROSS)
    names = list(map(short_name, swept.axes))
    with theme():
        figure = Figure(figsize=(1.0 + 4.4 * across, 0.6 + 3.8 * down), layout="constrained")
        axes_list: list[Axes] = list(figure.subplots(down, across, squeeze=False).flatten())
        for axes, (line, mode, rows) in zip(axes_list, maps, strict=False):
            _draw_map(axes, _frame(swept, rows), _quantity(swept))
            axes.set_title(f"{short_name(line)}, {MODE_WORDS[mode]}")
            axes.set(xlabel=names[0], ylabel=names[1])
        for axes in axes_list[len(maps) :]:
            axes.set_visible(False)
        figure.suptitle(title, x=0.01, ha="left")
        has_intervals = any(estimate.low is not None for estimate in _estimates(swept).values())
        reading = f"{_NOTE_MAP}, with half its 95% interval" if has_intervals else _NOTE_MAP
        caption(figure, results, swept.rows, reading, note)
    return figure


def _frame(swept: Sweep, rows: Sequence[Row]) -> "pd.DataFrame":
    """The cells of a heat map; the values are ``x`` and ``y``, as arguments may have any name."""
    import pandas as pd

    estimates, keys = _estimates(swept), {row.record.case.key for row in rows}
    has_room = len(set(swept.values)) <= _MAX_INTERVALS**2
    return pd.DataFrame(
        [
            {
                "x": values[0],
                "y": values[1],
                "value": (estimate := estimates[row.record.case.key]).value,
                "text": _cell_text(estimate) if has_room else f"{estimate.value:.3g}",
            }
            for row, values in zip(swept.rows, swept.values, strict=True)
            if row.record.case.key in keys
        ]
    )


def _draw_map(axes: "Axes", frame: "pd.DataFrame", quantity: str) -> None:
    """Draw a heat map, with figures in its cells if there is room."""
    import seaborn as sns

    cells = frame.drop_duplicates(["x", "y"]).pivot(index="y", columns="x")
    cells = cells.sort_index(ascending=False)
    table, texts = cells["value"], cells["text"].fillna("")
    has_figures = table.size <= _MAX_FIGURES
    sns.heatmap(
        table,
        ax=axes,
        annot=texts if has_figures else False,
        fmt="",
        annot_kws={"fontsize": 8},
        cmap="rocket_r",
        linewidths=1 if has_figures else 0,
        cbar_kws={"label": quantity},
    )
    # seaborn leaves out tick labels that lack room, so labels are set from the ticks that remain.
    columns, rows = table.columns, table.index
    axes.set_xticklabels([f"{columns[int(tick)]:g}" for tick in axes.get_xticks()])
    axes.set_yticklabels([f"{rows[int(tick)]:g}" for tick in axes.get_yticks()], rotation=0)


def _cell_text(estimate: Estimate) -> str:
    """An estimate and, below it, half its interval: ``0.853`` and ``±3%``."""
    half = estimate.relative_half_width
    return f"{estimate.value:.3g}" + (f"\n±{percent_text(half)}" if half is not None else "")
