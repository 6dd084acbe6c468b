"""The plot of each entry's peak memory, at inference and in training."""

from typing import TYPE_CHECKING

from ...choices import RUNTIME_FORMS
from ...units import MIB, exact_bytes_text
from ..results import Results
from ..rows import Row
from .bars import bar, bars, draw_mark
from .base import Plot, by_panel, extremes
from .selection import Selection, by_peak
from .style import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLE = "Peak memory by entry"
_MARKS = (("peak_alloc_bytes", "|", "allocated"), ("peak_rss_bytes", "d", "resident"))


def peak_memory(results: Results) -> Plot | None:
    """Bars of tensor peaks with marks of allocated and resident peaks; None without any."""
    selection = by_peak([row for row in results.rows if _values(row)])
    if not selection.rows:
        return None
    said = by_panel(
        selection.rows,
        lambda rows: extremes(
            rows, _tensors, exact_bytes_text, lowest="the lowest", highest="the highest"
        ),
    )
    return Plot(
        title=_TITLE,
        alt=f"Peak memory of one call of {selection.entries}, by live tensors. {said}".rstrip(),
        draw=lambda: _figure(results, selection),
    )


def _figure(results: Results, selection: Selection) -> "Figure":
    note = "bars are exact; allocated and resident peaks depend on the machine and its threads"
    if any(map(_runs_from_file, selection.rows)):
        note += "; runtimes have no bars, as their tensors are their own"
    return bars(
        results,
        selection,
        _draw,
        title=_TITLE,
        label="peak memory of one call [MiB]",
        values=_values,
        bar_name="tensors",
        marks=[
            (marker, name)
            for key, marker, name in _MARKS
            if any(_bytes(row, key) for row in selection.rows)
        ],
        note=note,
    )


def _draw(axes: "Axes", row: Row, line: int, look: Look) -> None:
    if tensors := _tensors(row):
        bar(axes, tensors / MIB, line, look)
    for key, marker, _ in _MARKS:
        if value := _bytes(row, key):
            draw_mark(axes, value / MIB, line, marker)


def _values(row: Row) -> list[float]:
    """All peaks of a row that are drawn, in MiB."""
    peaks = [_tensors(row), *(_bytes(row, key) for key, *_ in _MARKS)]
    return [peak / MIB for peak in peaks if peak]


def _tensors(row: Row) -> int | None:
    """The tensor peak; None of a form that a runtime runs, as it is the module's."""
    return None if _runs_from_file(row) else _bytes(row, "peak_tensor_bytes")


def _runs_from_file(row: Row) -> bool:
    return row.record.case.form in RUNTIME_FORMS


def _bytes(row: Row, key: str) -> int | None:
    value = row.readings[key]
    return value if isinstance(value, int) else None
