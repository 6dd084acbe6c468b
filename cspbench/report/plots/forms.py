"""The plot of forms: the latency of each entry in each form, over that in the first."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...plan.case import Form
from ...units import ratio_text
from ..forms import FormTable, form_tables
from ..readings import telling_interval
from ..results import Results
from ..rows import Row
from ..words import MODE_TITLES, plural
from .base import Plot, at_mode, extremes
from .captions import caption
from .panels import scale
from .selection import MAX_ENTRIES
from .style import BAND, INK, PALE, Look, draw_interval, legend, looks, short_name, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Latency by form"


def forms(results: Results) -> Plot | None:
    """Ratios to the first form with 95% intervals, a panel for each mode; None without forms."""
    tables = [table for table in form_tables(results.rows) if _timed(table)]
    if not tables:
        return None
    return Plot(
        title=_TITLE,
        alt=f"Latency over that in the first form, with 95% intervals. {_described(tables)}",
        draw=lambda: _figure(results, tables),
    )


def _described(tables: Sequence[FormTable]) -> str:
    """A sentence for each mode on the lowest and the highest ratio."""
    sentences = []
    for table in tables:
        rows = [row for form in table.forms[1:] for row in table.rows(form)]
        size = f"{plural(len(table.entries), 'entry')} in {plural(len(table.forms), 'form')}"
        said = extremes(rows, _ratio, ratio_text, lowest="the lowest", highest="the highest")
        sentences.append(f"{at_mode(table.mode)}, of {size}, {said} of {table.first}'s.")
    return " ".join(sentences)


def _ratio(row: Row) -> float | None:
    return row.ratio.value if row.ratio else None


def _figure(results: Results, tables: Sequence[FormTable]) -> "Figure":
    from matplotlib.figure import Figure

    most = min(MAX_ENTRIES, max(len(table.entries) for table in tables))
    others = list(dict.fromkeys(form for table in tables for form in table.forms[1:]))
    of_place = looks(results.rows)
    with theme():
        size = (2.6 + 5.4 * len(tables), 2.2 + most * (0.3 + 0.14 * len(others)))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(tables), squeeze=False)[0]
        for axes, table in zip(grid, tables, strict=True):
            _draw(axes, table, of_place)
        figure.suptitle(_TITLE, x=0.01, ha="left")
        _name_forms(figure, tables, others, of_place)
        note = "marker: ratio of latencies, by turn; bar: its 95% interval; line: the first form"
        entries = max(len(table.entries) for table in tables)
        selection = f"{MAX_ENTRIES} of {entries} entries" if entries > MAX_ENTRIES else ""
        caption(figure, results, _rows(tables), note, selection)
    return figure


def _draw(axes: "Axes", table: FormTable, of_place: Mapping[int, Look]) -> None:
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
            interval = telling_interval(row.ratio)
            draw_interval(axes, interval, position)
            axes.scatter([row.ratio.value], [position], s=38, **of_place[row.place].mark, zorder=4)
            values += [row.ratio.value, *(interval or ())]
    axes.axvline(1.0, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.grid(visible=False, axis="y")
    named = [short_name(rows[table.first].name) for rows in entries]
    axes.set_yticks(range(len(entries)), named)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    scale(axes, "x", values, f"latency over {table.first}'s")
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)
    axes.set_title(MODE_TITLES[table.mode])


def _name_forms(
    figure: "Figure",
    tables: Sequence[FormTable],
    names: Sequence[Form],
    of_place: Mapping[int, Look],
) -> None:
    """Name the markers of forms; colours are those of entries."""
    from matplotlib.lines import Line2D

    markers = {
        form: of_place[row.place].marker
        for table in tables
        for form in names
        for row in table.rows(form)
    }
    style: dict[str, Any] = {
        "color": PALE,
        "markeredgecolor": INK,
        "linestyle": "",
        "markersize": 7,
    }
    handles = [Line2D([], [], marker=markers[form], **style) for form in names]
    legend(figure, handles, names, loc="outside right upper")


def _timed(table: FormTable) -> bool:
    return any(row.ratio for form in table.forms[1:] for row in table.rows(form))


def _rows(tables: Sequence[FormTable]) -> list[Row]:
    return [row for table in tables for rows in table.entries for row in rows.values()]
