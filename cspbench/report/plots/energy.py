"""The plot of the energy of each entry's call on a GPU, with its interval."""

from typing import TYPE_CHECKING

from ...verdicts.stats import Estimate
from ..results import Results
from ..rows import Row, estimate
from .bars import bar, bars
from .selection import by_energy
from .style import INK, mark_look

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
    has_power = any("power_energy" in _estimates(row) for row in drawable)
    return bars(
        results,
        selection,
        drawable,
        _draw,
        title="Energy by entry",
        label="energy of one call [mJ]",
        bar_name="counter",
        marks=[(_BY_POWER, "by readings of power")] if has_power else [],
        note="of the whole device; whiskers: 95% interval over the windows of one process",
    )


def _draw(axes: "Axes", row: Row, position: float, thickness: float) -> None:
    estimates = _estimates(row)
    if counter := estimates.get("energy"):
        bar(axes, row, 1e3 * counter.value, position, thickness)
        if counter.low is not None and counter.high is not None:
            ends = [1e3 * counter.low, 1e3 * counter.high]
            axes.plot(ends, [position] * 2, color=INK, linewidth=1.6, marker="|", zorder=3)
    if power := estimates.get("power_energy"):
        axes.scatter([1e3 * power.value], [position], **mark_look(_BY_POWER), zorder=4)


def _estimates(row: Row) -> dict[str, Estimate]:
    """The energies of a row that could be read, by either way."""
    readings = {key: estimate(row.readings[key]) for key in ("energy", "power_energy")}
    return {key: reading for key, reading in readings.items() if reading}
