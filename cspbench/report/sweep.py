"""The sweep of a run: the arguments and input sizes in which the cases of an entry differ.

It is found from the cases, so that any suite with a grid has a figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..plan.case import FORMS
from .rows import Row

SIZES = {"batch size": 0, "resolution": 2}
"""The sizes of an input that may be swept, and their places in its shape."""

_MIN_VALUES = 3  # values that make an axis


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """One or two ``axes``, and the values of each row on them, in the order of ``rows``."""

    axes: tuple[str, ...]
    rows: tuple[Row, ...]
    values: tuple[tuple[float, ...], ...]

    @property
    def reference(self) -> str | None:
        """The reference if all rows have a ratio to the same one, which is then drawn; or None."""
        references = {row.reference for row in self.rows if row.ratio}
        is_shared = len(references) == 1 and all(row.ratio for row in self.rows)
        return references.pop() if is_shared else None


def line_name(row: Row) -> str:
    """What the line of a row joins: the cases of one entry in one form."""
    case = row.record.case
    return case.entry if case.form == FORMS[0] else f"{case.entry} {case.form}"


def sweep(table: Sequence[Row]) -> Sweep | None:
    """The sweep of ``table``; None unless its entries vary in one or two numbers.

    Entries that do not vary, such as a reference, are left out. An axis has at least three values.
    """
    by_entry: dict[str, list[Row]] = {}
    for row in table:
        by_entry.setdefault(row.record.case.entry, []).append(row)
    axes: dict[str, None] = {}
    swept: list[Row] = []
    for rows in by_entry.values():
        varied = _varied([_numbers(row) for row in rows])
        if varied:
            axes |= dict.fromkeys(varied)
            swept += rows
    if not 1 <= len(axes) <= 2:
        return None
    chosen = [row for row in swept if all(axis in _numbers(row) for axis in axes)]
    values = tuple(tuple(_numbers(row)[axis] for axis in axes) for row in chosen)
    if any(len(set(column)) < _MIN_VALUES for column in zip(*values, strict=True)):
        return None
    return Sweep(axes=tuple(axes), rows=tuple(chosen), values=values)


def _numbers(row: Row) -> Mapping[str, float]:
    """The numbers that define a case: arguments, batch size and resolution."""
    case = row.record.case
    arguments: dict[str, float] = {
        name: float(value)
        for name, value in case.arguments.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return arguments | {
        name: float(case.input_shape[index])
        for name, index in SIZES.items()
        if len(case.input_shape) == 4
    }


def _varied(numbers: Sequence[Mapping[str, float]]) -> list[str]:
    first = numbers[0]
    return [
        name
        for name in first
        if len({case_numbers.get(name, first[name]) for case_numbers in numbers}) > 1
    ]
