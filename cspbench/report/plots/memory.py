"""The plot of each entry's peak memory, at inference and in training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...plan.case import Mode
from ..results import Results
from ..rows import Row, by_mode
from ..words import MODE_TITLES
from .selection import by_peak
from .style import (
    BAND,
    INK,
    MIB,
    PALE,
    bar_look,
    caption,
    height,
    look,
    mark_look,
    name_lines,
    theme,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = (("peak_alloc_bytes", "|", "allocated"), ("peak_rss_bytes", "d", "resident"))


def peak_memory(results: Results) -> "Figure | None":
    """Bars of tensor peaks with marks of allocated and resident peaks; None without any."""
    selection = by_peak(results.rows)
    drawable = [
        row
        for row in selection.rows
        if any(_mib(row, key) for key in ("peak_tensor_bytes", *(key for key, *_ in _MARKS)))
    ]
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
        axes.set_xlabel("peak memory of one call [MiB]")
        figure.suptitle("Peak memory by entry", x=0.01, ha="left")
        axes.legend(
            handles=_handles(drawable, modes),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=4,
            borderaxespad=0.2,
        )
        note = "bars are exact; allocated and resident peaks depend on the machine and its threads"
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure


def _draw(axes: "Axes", row: Row, position: float, thickness: float) -> None:
    tensors, colour = _mib(row, "peak_tensor_bytes"), look(row)["color"]
    if tensors:
        axes.barh([position], [tensors], thickness * 0.92, **bar_look(row.mode, colour), zorder=2)
    for key, marker, _ in _MARKS:
        if value := _mib(row, key):
            axes.scatter([value], [position], **mark_look(marker), zorder=4)


def _handles(table: Sequence[Row], modes: Sequence[Mode]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(**bar_look(mode, PALE), label=f"tensors, {MODE_TITLES[mode].lower()}")
        for mode in modes
    ]
    for key, marker, name in _MARKS:
        if any(_mib(row, key) for row in table):
            style: dict[str, Any] = {"color": INK, "markerfacecolor": "none", "linestyle": ""}
            handles.append(Line2D([], [], marker=marker, markersize=8, label=name, **style))
    return handles


def _mib(row: Row, key: str) -> float | None:
    value = row.readings[key]
    return value / MIB if isinstance(value, int) else None
