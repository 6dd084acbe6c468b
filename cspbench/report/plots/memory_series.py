"""The plot of live tensors over the course of a call, a panel for each case."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...plan.labels import MODE_WORDS, plain
from ...records.memory_series import CALL_PHASES, Kind, MemorySeries
from ...text import shortened
from ...units import MIB, bytes_text, exact_bytes_text
from ..memory import course
from ..results import Results
from ..rows import Row
from .base import Plot, by_panel, extremes, name
from .captions import caption
from .panels import modes_of
from .selection import Selection, in_suite_order
from .style import INK, PALE, PALETTE, legend_below_title, short_name, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Live tensors over one call"
_MOST_ENTRIES = 6
_MOST_POINTS = 250  # of a panel, which is some 500 pixels wide
_ROOM = 1.45  # of the axis above the peak, for its name
_MAX_NAME = 34  # characters of a module beside the peak

_LOOKS: dict[Kind, tuple[str, str]] = {
    "weights": (PALETTE[7], ""),
    "buffers": (PALETTE[8], ""),
    "inputs": (PALETTE[9], ""),
    "optimizer_state": (PALETTE[5], ".."),
    "activations": (PALETTE[0], ""),
    "gradients": (PALETTE[1], "//"),
    "other": (PALETTE[2], "xx"),
}
"""The colour and hatch of each kind, from the bottom of the stack: first what stands throughout."""


def memory_series(results: Results) -> Plot | None:
    """Stacked areas by kind over operators, with the peak named; None without any series.

    Only the first six entries of the suite are drawn; the caption says so.
    """
    selection = in_suite_order(
        [row for row in results.rows if row.record.memory_series], _MOST_ENTRIES
    )
    if not selection.rows:
        return None
    said = by_panel(
        selection.rows,
        lambda rows: extremes(
            rows, _peak, exact_bytes_text, lowest="the lowest", highest="the highest"
        ),
    )
    return Plot(
        title=_TITLE,
        alt=f"Live tensors by kind over one call of {selection.entries}, with its peak. {said} "
        f"{_highest(selection.rows)}",
        draw=lambda: _figure(results, selection),
    )


def _peak(row: Row) -> int | None:
    return row.record.memory_series.peak_tensor_bytes if row.record.memory_series else None


def _highest(table: Sequence[Row]) -> str:
    """A sentence on where the highest of all peaks stands."""
    row = max(table, key=lambda row: _peak(row) or 0)
    assert row.record.memory_series is not None
    peak = row.record.memory_series.peak
    module = f" of {shortened(plain(peak.module), _MAX_NAME)}" if peak.module else ""
    where = f"with {plain(peak.operator)}{module}" if peak.operator else "at its start"
    return f"The peak of {name(row)} stands in the {peak.phase} pass {where}."


def _figure(results: Results, selection: Selection) -> "Figure":
    from matplotlib.figure import Figure

    modes = modes_of(selection.rows)
    places = list(dict.fromkeys(row.place for row in selection.rows))
    with theme():
        size = (0.8 + 5.4 * len(modes), 1.0 + 2.9 * len(places))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(places), len(modes), squeeze=False)
        for axes in grid.flatten():
            axes.set_visible(False)
        for row in selection.rows:
            _draw(grid[places.index(row.place)][modes.index(row.mode)], row)
        figure.suptitle(_TITLE, x=0.01, ha="left")
        legend_below_title(figure, _handles(selection.rows), columns=4)
        note = (
            "areas are stacked; dotted lines: the first operator of a phase; triangle: the peak, "
            "which is exact"
        )
        caption(figure, results, selection.rows, note, selection.note)
    return figure


def _draw(axes: "Axes", row: Row) -> None:
    series = row.record.memory_series
    assert series is not None
    axes.set_visible(True)
    axes.set_title(f"{short_name(row.name)}, {MODE_WORDS[row.mode]}")
    axes.set(xlabel="operators that have ended", ylabel="live tensors [MiB]")
    places, shown = course(series, _MOST_POINTS)
    bottom = [0.0] * len(shown)
    for kind in _kinds([row]):
        sizes = series.live(kind)
        top = [low + sizes[index] / MIB for low, index in zip(bottom, shown, strict=True)]
        axes.fill_between(places, bottom, top, step="post", **_look(kind))
        bottom = top
    axes.set_xlim(0, places[-1])
    axes.set_ylim(0, _ROOM * series.peak_tensor_bytes / MIB or 1)
    _mark_phases(axes, series)
    _mark_peak(axes, series)


def _mark_phases(axes: "Axes", series: MemorySeries) -> None:
    numbers = series.numbers
    for phase, begin in zip(CALL_PHASES[1:], series.begins[1:], strict=False):
        axes.axvline(numbers[begin], color=INK, linewidth=1, linestyle=":", zorder=3)
        axes.annotate(
            phase,
            (numbers[begin], 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=INK,
        )


def _mark_peak(axes: "Axes", series: MemorySeries) -> None:
    peak = series.peak
    place = (peak.number, peak.live.total / MIB)
    module = f"\n{shortened(plain(peak.module), _MAX_NAME)}" if peak.module else ""
    is_left = peak.number < series.numbers[-1] / 2
    axes.scatter(*place, marker="v", s=34, color=INK, zorder=4)
    axes.annotate(
        f"{bytes_text(peak.live.total, MIB)}\n{plain(peak.operator) or 'at the start'}{module}",
        place,
        xytext=(7 if is_left else -7, 4),
        textcoords="offset points",
        ha="left" if is_left else "right",
        va="bottom",
        fontsize=8,
        color=INK,
        zorder=5,
    )


def _kinds(table: Sequence[Row]) -> list[Kind]:
    """The kinds of which there ever is a byte, from the bottom of the stack."""
    seen = {
        kind for row in table if (series := row.record.memory_series) for kind in series.changes
    }
    return [kind for kind in _LOOKS if kind in seen]


def _handles(table: Sequence[Row]) -> list[Any]:
    from matplotlib.patches import Patch

    return [Patch(label=kind.replace("_", " "), **_look(kind)) for kind in _kinds(table)]


def _look(kind: Kind) -> dict[str, Any]:
    colour, hatch = _LOOKS[kind]
    return {
        "facecolor": colour,
        "hatch": hatch,
        "edgecolor": PALE if hatch else "none",
        "linewidth": 0,
    }
