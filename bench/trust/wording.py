"""How the page words its figures: shares, medians, widths."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from .schedule import Cell

Row = tuple[str, ...]
NONE = "–"


def share(hits: int, number: int) -> str:
    """A share with what it is a share of."""
    return f"{hits / number:.1%} of {number}" if number else NONE


def shares(answers: Sequence[str], *names: str) -> str:
    """The share of answers that are one of ``names``."""
    return share(sum(answer in names for answer in answers), len(answers))


def middle(values: Iterable[float | None], text: Callable[[float], str]) -> str:
    """The median of values, those that are None left out."""
    known = [value for value in values if value is not None]
    return text(median(known)) if known else NONE


def median_time(times: Sequence[float | None]) -> str:
    """The median of times in seconds, of which None counts as never; a dash if that is never."""
    if not times:
        return NONE
    middle_time = median(math.inf if time is None else time for time in times)
    return NONE if math.isinf(middle_time) else seconds(middle_time)


def half_width_text(half_width: float) -> str:
    """A half width in percent; beyond 100% it is no figure."""
    return f"±{half_width:.2%}" if half_width <= 1 else "beyond ±100%"


def seconds(value: float) -> str:
    """Seconds in short."""
    return f"{value:.1f}"


def circumstance(cell: Cell) -> str:
    """Whether a trial was made on an idle machine."""
    return "beside a busy process" if cell.busy else "idle"


def range_text(values: Sequence[int]) -> str:
    """The smallest and the largest of whole numbers."""
    if not values:
        return NONE
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}–{high}"
