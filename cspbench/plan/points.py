"""The points of a suite, and the cases of its tables at each, counted before they are made."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..catalogue import find
from ..errors import CspbenchError
from .case import MODES, Accuracy, Case, Form, can_run_in, make_case
from .tables import CaseTable

MAX_CASES = 100_000
"""The most cases of a suite: making so many takes some 10 s."""


Placed = tuple[str, CaseTable]
"""A table and its place in a suite, which comes before the text of an error."""


class Points:
    """The points of a suite: every combination of a mode, a precision and sizes.

    ``axes`` holds the values of each argument of `make_case` that differs between points,
    ``shared`` those that all cases have. At each point, cases are made in the first of ``forms``
    that the mode allows, and again in the others (`forms_at`). Raises `CspbenchError` for forms of
    which no mode allows any.
    """

    def __init__(
        self,
        axes: Mapping[str, Sequence[Any]],
        shared: Mapping[str, Any],
        forms: Sequence[Form],
    ) -> None:
        self._forms = {mode: [f for f in forms if can_run_in(f, mode)] for mode in MODES}
        combinations = itertools.product(*axes.values())
        points = [{**dict(zip(axes, values, strict=True)), **shared} for values in combinations]
        self._points = [
            {**point, "form": self._forms[point["mode"]][0]}
            for point in points
            if self._forms[point["mode"]]
        ]
        if not self._points:
            raise CspbenchError(
                f"nothing to measure: {', '.join(forms)} cannot be trained (choose --mode infer)"
            )

    def __len__(self) -> int:
        """The number of points, counted once for each form."""
        return sum(len(self._forms[point["mode"]]) for point in self._points)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._points)

    def forms_at(self, point: Mapping[str, Any]) -> Sequence[Form]:
        """The forms of cases at ``point`` after the first."""
        return self._forms[point["mode"]][1:]


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
