"""The plot of each entry's peak memory, at inference and in training."""

from typing import TYPE_CHECKING

from ...choices import RUNTIME_FORMS
from ..results import Results
from ..rows import Row
from .bars import bar, bars
from .selection import by_peak
from .style import MIB, mark_look

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
    note = "bars are exact; allocated and resident peaks depend on the machine and its threads"
    if any(map(_runs_from_file, drawable)):
        note += "; runtimes have no bars, as their tensors are their own"
    return bars(
        results,
        selection,
        drawable,
        _draw,
        title="Peak memory by entry",
        label="peak memory of one call [MiB]",
        bar_name="tensors",
        marks=[
            (marker, name)
            for key, marker, name in _MARKS
            if any(_mib(row, key) for row in drawable)
        ],
        note=note,
    )


def _draw(axes: "Axes", row: Row, position: float, thickness: float) -> None:
    if (tensors := _mib(row, "peak_tensor_bytes")) and not _runs_from_file(row):
        bar(axes, row, tensors, position, thickness)
    for key, marker, _ in _MARKS:
        if value := _mib(row, key):
            axes.scatter([value], [position], **mark_look(marker), zorder=4)


def _runs_from_file(row: Row) -> bool:
    """Whether a runtime runs the row's form: the tensor peak is that of the module."""
    return row.record.case.form in RUNTIME_FORMS


def _mib(row: Row, key: str) -> float | None:
    value = row.readings[key]
    return value / MIB if isinstance(value, int) else None
