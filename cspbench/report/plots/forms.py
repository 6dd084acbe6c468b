"""The plot of forms: the latency of each entry in each form, over that in the first."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...plan.case import Form
from ..forms import FormTable, form_tables
from ..readings import telling_interval
from ..results import Results
from ..rows import Row
from ..words import MODE_TITLES
from .selection import MAX_ENTRIES
from .style import (
    BAND,
    INK,
    PALE,
    caption,
    legend,
    line_colours,
    scale,
    short_name,
    theme,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colours = Mapping[str, tuple[float, float, float]]

_MARKERS = "osD^vPX<>dph*"


def forms(results: Results) -> "Figure | None":
    """Ratios to the first form with 95% intervals, a panel for each mode; None without forms."""
    tables = [table for table in form_tables(results.rows) if _timed(table)]
    if not tables:
        return None
    from matplotlib.figure import Figure

    most = min(MAX_ENTRIES, max(len(table.entries) for table in tables))
    names = list(dict.fromkeys(form for table in tables for form in table.forms))
    colours = line_colours(names)
    with theme():
        size = (2.6 + 5.4 * len(tables), 2.2 + most * (0.3 + 0.14 * len(names)))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(tables), squeeze=False)[0]
        for axes, table in zip(grid, tables, strict=True):
            _draw(axes, table, colours)
        figure.suptitle("Latency by form", x=0.01, ha="left")
        _name_forms(grid[-1], names[1:], colours)
        note = "marker: ratio of latencies, by turn; bar: its 95% interval; line: the first form"
        entries = max(len(table.entries) for table in tables)
        selection = f"{MAX_ENTRIES} of {entries} entries" if entries > MAX_ENTRIES else ""
        caption(figure, results.run, _rows(tables), note, selection)
    return figure


def _draw(axes: "Axes", table: FormTable, colours: Colours) -> None:
    entries = table.entries[:MAX_ENTRIES]
    lane = BAND / max(1, len(table.forms) - 1)
    values: list[float] = []
    for line, rows in enumerate(entries):
        if line % 2:
            axes.axhspan(line - 0.5, line + 0.5, color="#f6f6f6", linewidth=0, zorder=0)
        for index, form in enumerate(table.forms[1:]):
            row = rows.get(form)
            if row is None or row.ratio is None:
                continue
            position = line + (index - (len(table.forms) - 2) / 2) * lane
            if interval := telling_interval(row.ratio):
                axes.plot(interval, [position] * 2, color=INK, linewidth=1.2, zorder=3)
                values += interval
            values.append(row.ratio.value)
            axes.scatter(
                [row.ratio.value],
                [position],
                s=34,
                color=[colours[form]],
                marker=_MARKERS[index % len(_MARKERS)],
                edgecolor="white",
                linewidth=0.6,
                zorder=4,
            )
    axes.axvline(1.0, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.grid(visible=False, axis="y")
    named = [short_name(rows[table.first].name) for rows in entries]
    axes.set_yticks(range(len(entries)), named)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    scale(axes, "x", values)
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)
    axes.set_xlabel(f"latency over {table.first}'s")
    axes.set_title(MODE_TITLES[table.mode])


def _name_forms(axes: "Axes", names: Sequence[Form], colours: Colours) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=colours[name],
            marker=_MARKERS[index % len(_MARKERS)],
            markeredgecolor="white",
            linestyle="",
        )
        for index, name in enumerate(names)
    ]
    legend(axes, handles, names, loc="upper left", bbox_to_anchor=(1.02, 1))


def _timed(table: FormTable) -> bool:
    return any(row.ratio for form in table.forms[1:] for row in table.rows(form))


def _rows(tables: Sequence[FormTable]) -> list[Row]:
    return [row for table in tables for rows in table.entries for row in rows.values()]
