"""The plot of the energy of each entry's call on a GPU, with its interval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...plan.case import Mode
from ...verdicts.stats import Estimate
from ..results import Results
from ..rows import Row, by_mode, estimate
from ..words import MODE_TITLES
from .selection import by_energy
from .style import BAND, INK, PALE, bar_look, caption, height, look, mark_look, name_lines, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BY_POWER = "d"


def energy(results: Results) -> "Figure | None":
    """Bars by NVML's counter with intervals, and marks by readings of power; None without any."""
    selection = by_energy(results.rows)
    drawable = [row for row in selection.rows if _estimates(row)]
    if not drawable:
        return None
    from matplotlib.figure import Figure

    with theme():
        modes = list(by_mode(drawable))
        figure = Figure(figsize=(9.0, height(selection, 0.5)), layout="constrained")
        axes = figure.subplots()
        thickness = BAND / len(modes)
        for row in drawable:
            shift = (modes.index(row.mode) - (len(modes) - 1) / 2) * thickness
            _draw(axes, row, selection.line(row) + shift, thickness)
        name_lines(axes, selection)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(left=0)
        axes.set_xlabel("energy of one call [mJ]")
        figure.suptitle("Energy by entry", x=0.01, ha="left")
        axes.legend(
            handles=_handles(drawable, modes),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=4,
            borderaxespad=0.2,
        )
        note = "of the whole device; whiskers: 95% interval over the windows of one process"
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure


def _draw(axes: "Axes", row: Row, position: float, thickness: float) -> None:
    estimates, colour = _estimates(row), look(row)["color"]
    if counter := estimates.get("energy"):
        value = 1e3 * counter.value
        axes.barh([position], [value], thickness * 0.92, **bar_look(row.mode, colour), zorder=2)
        if counter.low is not None and counter.high is not None:
            ends = [1e3 * counter.low, 1e3 * counter.high]
            axes.plot(ends, [position] * 2, color=INK, linewidth=1.6, marker="|", zorder=3)
    if power := estimates.get("power_energy"):
        axes.scatter([1e3 * power.value], [position], **mark_look(_BY_POWER), zorder=4)


def _handles(table: Sequence[Row], modes: Sequence[Mode]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(**bar_look(mode, PALE), label=f"counter, {MODE_TITLES[mode].lower()}")
        for mode in modes
    ]
    if any("power_energy" in _estimates(row) for row in table):
        style: dict[str, Any] = {"color": INK, "markerfacecolor": "none", "linestyle": ""}
        handles.append(
            Line2D([], [], marker=_BY_POWER, markersize=8, label="by readings of power", **style)
        )
    return handles


def _estimates(row: Row) -> dict[str, Estimate]:
    """The energies of a row that could be read, by either way."""
    readings = {key: estimate(row.readings[key]) for key in ("energy", "power_energy")}
    return {key: reading for key, reading in readings.items() if reading}
