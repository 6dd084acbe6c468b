"""What a plot is: a title, a description in words, and a figure that is drawn on demand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...plan.case import Mode
from ...text import shortened
from ..rows import Row
from ..words import AT
from .panels import facets, input_name, modes_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_NAME = 60  # characters of a name in a description
_MAX_PARTS = 6  # panels of which a description states the extremes


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A plot of a run.

    ``alt`` says in plain text what it shows, with the extremes, for those who do not see it. Names
    in it come from outside: escape it. ``draw`` makes the figure, and only then loads matplotlib.
    """

    title: str
    alt: str
    draw: "Callable[[], Figure]"


def extremes(
    table: Sequence[Row],
    value: Callable[[Row], float | None],
    text: Callable[[float], str],
    *,
    lowest: str,
    highest: str,
) -> str:
    """The rows with the lowest and highest ``value``, as a clause; '' if no row has one.

    ``lowest`` and ``highest`` follow the names: "csp is the fastest at 8.1 ms, dense the slowest".
    """
    pairs = [(number, row) for row in table if (number := value(row)) is not None]
    if not pairs:
        return ""
    (low, first), (high, last) = min(pairs, key=_number), max(pairs, key=_number)
    if first is last:
        return f"{name(first)} is at {text(low)}"
    if text(low) == text(high):
        return f"all are at {text(low)}"
    return f"{name(first)} is {lowest} at {text(low)}, {name(last)} {highest} at {text(high)}"


def by_panel(
    table: Sequence[Row],
    clause: Callable[[Sequence[Row]], str],
    *,
    are_inputs_apart: bool = True,
) -> str:
    """A sentence for each panel of ``table``: the mode, the input if they differ, the clause."""
    groups = facets(table, are_inputs_apart=are_inputs_apart)
    sentences = [
        f"{at_mode(mode, shape)}, {said}."
        for shape, rows in groups.items()
        for mode in modes_of(table)
        if (said := clause([row for row in rows if row.mode == mode]))
    ]
    if len(sentences) > _MAX_PARTS:
        sentences = [*sentences[:_MAX_PARTS], "The other panels are not described."]
    return " ".join(sentences)


def name(row: Row) -> str:
    """The name of an entry within a description."""
    return shortened(row.name, _MAX_NAME)


def at_mode(mode: Mode, shape: str = "") -> str:
    """The start of a sentence on a mode, and on an input if it has panels of its own."""
    start = AT[mode][0].upper() + AT[mode][1:]
    return f"{start} with input {input_name(shape)}" if shape else start


def _number(pair: tuple[float, Row]) -> float:
    return pair[0]
