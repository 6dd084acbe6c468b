"""Panels of figures: one for each mode and each input, and the scale of their axes.

Entries whose inputs differ do different work: each input has panels of its own, with their own
scale. This file also decides which axes are logarithmic.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...plan.case import Mode, input_text
from ...plan.labels import plain
from ...text import shortened
from ..rows import Row
from ..words import MODE_TITLES
from .style import name_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_FACETS = 6
"""More inputs than this share their panels, and the names or the caption tell them apart."""

_LOG_SPAN = 10  # ratio of largest to smallest value from which an axis is logarithmic
_MANY_DECADES = 1000  # from this ratio on, only powers of ten have room beside the axis
_MAX_INPUT = 40  # characters of an input in a title


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """The axes of one mode and one input, and the rows drawn on them.

    ``lines`` are the vertical positions of entries by their places, from 0 at the top.
    """

    axes: "Axes"
    mode: Mode
    rows: Sequence[Row]
    lines: Mapping[int, int]

    def line(self, row: Row) -> int:
        """The line of a row, which the modes of an entry share."""
        return self.lines[row.place]


def input_name(text: str) -> str:
    """The text of an input, short enough for a title."""
    return shortened(plain(text), _MAX_INPUT)


def facets(table: Sequence[Row], *, are_inputs_apart: bool = True) -> dict[str, list[Row]]:
    """The rows of each input, by its text; all rows, by '', if they share one or have too many.

    So are they if the inputs are not to be kept apart.
    """
    groups: dict[str, list[Row]] = {}
    for row in table:
        groups.setdefault(input_text(row.record.case), []).append(row)
    is_apart = are_inputs_apart and 1 < len(groups) <= MAX_FACETS
    return groups if is_apart else {"": list(table)}


def modes_of(table: Iterable[Row]) -> list[Mode]:
    """The modes of ``table``, in the order of panels from left to right."""
    modes = {row.mode for row in table}
    return [mode for mode in MODE_TITLES if mode in modes]


def grid(
    table: Sequence[Row],
    title: str,
    *,
    widths: tuple[float, float],
    height: Callable[[Sequence[Row]], float],
    are_inputs_apart: bool = True,
) -> "tuple[Figure, list[Panel]]":
    """A figure with a row of panels for each of the `facets` of ``table``, a column a mode.

    ``widths`` are in inches: of the names beside the panels, and of a panel; ``height`` is that of
    the panels of an input, by its rows. Panels without rows are left out. If the inputs are not
    kept apart, they share their panels.
    """
    from matplotlib.figure import Figure

    groups = facets(table, are_inputs_apart=are_inputs_apart)
    modes = modes_of(table)
    side, width = widths
    heights = list(map(height, groups.values()))
    figure = Figure(figsize=(side + width * len(modes), 1.2 + sum(heights)), layout="constrained")
    axes_grid = figure.subplots(
        len(groups), len(modes), squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    panels = []
    for axes_row, (shape, rows) in zip(axes_grid, groups.items(), strict=True):
        lines = _lines(rows)
        for axes, mode in zip(axes_row, modes, strict=True):
            drawn = [row for row in rows if row.mode == mode]
            axes.set_visible(bool(drawn))
            name = f"{MODE_TITLES[mode]}, input {input_name(shape)}"
            axes.set_title(name if shape else MODE_TITLES[mode])
            if drawn:
                panels.append(Panel(axes=axes, mode=mode, rows=drawn, lines=lines))
    figure.suptitle(title, x=0.01, ha="left")
    return figure, panels


def panels_of_lines(
    table: Sequence[Row], title: str, *, row_height: float
) -> "tuple[Figure, list[Panel]]":
    """A `grid` with a line for each entry, named beside the first panel of each input."""
    figure, panels = grid(
        table,
        title,
        widths=(2.6, 4.9 if len(modes_of(table)) > 1 else 5.6),
        height=lambda rows: 0.9 + max(1.5, len(_lines(rows))) * row_height,
    )
    named: set[int] = set()
    for panel in panels:
        last = max(panel.lines.values())
        panel.axes.set_ylim(last + 0.6, -0.6)
        panel.axes.grid(visible=False, axis="y")
        names = {panel.line(row): name_text(row) for row in table if row.place in panel.lines}
        is_first = id(panel.lines) not in named
        named.add(id(panel.lines))
        panel.axes.set_yticks(list(names), list(names.values()) if is_first else [""] * len(names))
    return figure, panels


def is_logarithmic(values: Iterable[float]) -> bool:
    """Whether an axis of ``values`` is logarithmic: a linear one would hide the smallest.

    >>> is_logarithmic([1, 9]), is_logarithmic([1, 10]), is_logarithmic([0, 10])
    (False, True, False)
    """
    known = list(values)
    return bool(known) and min(known) > 0 and max(known) / min(known) >= _LOG_SPAN


def scale(axes: "Axes", direction: str, values: Sequence[float], label: str) -> None:
    """Label an axis, and make it logarithmic if ``values`` ask for it; the label then says so."""
    if is_logarithmic(values):
        _make_logarithmic(axes, direction, max(values) / min(values))
        label = f"{label}, logarithmic"
    axes.set(**{f"{direction}label": label})


def _make_logarithmic(axes: "Axes", direction: str, span: float) -> None:
    """Make an axis logarithmic, with plain numbers beside its ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(**{f"{direction}scale": "log"})
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1,) if span >= _MANY_DECADES else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _lines(rows: Iterable[Row]) -> dict[int, int]:
    return {place: line for line, place in enumerate(sorted({row.place for row in rows}))}
