"""The points of a suite, and the cases of its tables at each, counted before they are made."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..catalogue import find
from ..errors import CspbenchError
from .case import Accuracy, Case, make_case
from .tables import CaseTable

MAX_CASES = 100_000
"""The most cases of a suite: making so many takes some 10 s."""


Placed = tuple[str, CaseTable]
"""A table and its place in a suite, which comes before the text of an error."""


class Points:
    """The points of a suite: every combination of a mode, a precision and sizes.

    ``axes`` holds the values of each argument of `make_case` that differs between points,
    ``shared`` those that all cases have.
    """

    def __init__(self, axes: Mapping[str, Sequence[object]], shared: Mapping[str, object]) -> None:
        self._axes = axes
        self._shared = shared

    def __len__(self) -> int:
        return math.prod(map(len, self._axes.values()))

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for values in itertools.product(*self._axes.values()):
            yield {**dict(zip(self._axes, values, strict=True)), **self._shared}


def limited(
    tables: Sequence[Placed], points: Points, only: str | None, reference: str | None
) -> Sequence[Placed]:
    """The ``tables`` whose cases are to be made.

    If they have more cases than `MAX_CASES`, these are the tables of the entry ``reference`` and
    those of entries of which the glob ``only`` can match a case. Raises `CspbenchError` if even
    these have more.
    """
    number = case_count(tables, points)
    if number > MAX_CASES and only is not None:
        start = re.split(r"[*?[]", only)[0]  # of an entry, a label or a key: all begin alike
        tables = [
            (place, table)
            for place, table in tables
            if table.entry == reference or table.entry.startswith(start[: len(table.entry)])
        ]
        if not any(table.entry.startswith(start[: len(table.entry)]) for _, table in tables):
            raise CspbenchError(f"--only {only!r} matches none of its entries")
        number = case_count(tables, points)
    check_count(number)
    return tables


def case_count(tables: Sequence[Placed], points: Points) -> int:
    """The number of cases of ``tables`` at all ``points``."""
    return len(points) * sum(table.size for _, table in tables)


def check_count(number: int) -> None:
    """Raise `CspbenchError` for a ``number`` of cases above `MAX_CASES`."""
    if number > MAX_CASES:
        raise CspbenchError(
            f"{number:,} cases are too many; at most {MAX_CASES:,} are allowed (--only chooses "
            "entries)"
        )


def cases_at(point: Mapping[str, Any], tables: Sequence[Placed]) -> list[Case]:
    """The cases of ``tables`` at ``point``; raises `CspbenchError` with the place of a bad one."""
    cases: list[Case] = []
    for place, table in tables:
        try:
            entry = find(table.entry)
            cases += (
                _with_accuracy(
                    make_case(entry, arguments, inputs=table.inputs, **point), table.accuracy
                )
                for arguments in table.points()
            )
        except CspbenchError as error:
            raise CspbenchError(f"{place}{error}") from error
    return cases


def _with_accuracy(case: Case, accuracy: Accuracy | None) -> Case:
    if accuracy is None or {accuracy.img_size} != set(case.input_shape[2:]):
        return case
    return msgspec.structs.replace(case, accuracy=accuracy)
