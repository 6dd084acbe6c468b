"""The plot of the energy of each entry's call on a GPU, with its interval."""

from typing import TYPE_CHECKING

from ...verdicts.stats import Estimate
from ..results import Results
from ..rows import Row, estimate
from .bars import bar, bars, draw_mark
from .base import Plot, by_panel, extremes
from .selection import Selection, by_energy
from .style import Look, draw_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Energy by entry"
_BY_POWER = "d"


def energy(results: Results) -> Plot | None:
    """Bars by NVML's counter with intervals, and marks by readings of power; None without any."""
    selection = by_energy([row for row in results.rows if _estimates(row)])
    if not selection.rows:
        return None
    said = by_panel(
        selection.rows,
        lambda rows: extremes(
            rows, _millijoules, _text, lowest="the lowest", highest="the highest"
        ),
    )
    return Plot(
        title=_TITLE,
        alt=f"Energy of one call of {selection.entries} with 95% intervals. {said}".rstrip(),
        draw=lambda: _figure(results, selection),
    )


def _figure(results: Results, selection: Selection) -> "Figure":
    has_power = any("power_energy" in _estimates(row) for row in selection.rows)
    return bars(
        results,
        selection,
        _draw,
        title=_TITLE,
        label="energy of one call [mJ]",
        values=lambda row: [1e3 * reading.value for reading in _estimates(row).values()],
        bar_name="counter",
        marks=[(_BY_POWER, "by readings of power")] if has_power else [],
        note="of the whole device; whiskers: 95% interval over the windows of one process",
    )


def _draw(axes: "Axes", row: Row, line: int, look: Look) -> None:
    estimates = _estimates(row)
    if counter := estimates.get("energy"):
        bar(axes, 1e3 * counter.value, line, look)
        if counter.low is not None and counter.high is not None:
            draw_interval(axes, (1e3 * counter.low, 1e3 * counter.high), line)
    if power := estimates.get("power_energy"):
        draw_mark(axes, 1e3 * power.value, line, _BY_POWER)


def _millijoules(row: Row) -> float | None:
    counter = _estimates(row).get("energy")
    return 1e3 * counter.value if counter else None


def _text(millijoules: float) -> str:
    return f"{millijoules:.4g} mJ"


def _estimates(row: Row) -> dict[str, Estimate]:
    """The energies of a row that could be read, by either way."""
    readings = {key: estimate(row.readings[key]) for key in ("energy", "power_energy")}
    return {key: reading for key, reading in readings.items() if reading}
