"""The cases of a run as its page needs them: subjects of the filter, and rows of the figures."""

from collections.abc import Sequence

from ...plan.case import input_text
from ...plan.labels import plain
from ...verdicts.stats import Estimate
from ..columns import COLUMNS, Column
from ..quoting import verbatim
from ..readings import Reading, telling_interval
from ..rows import Row
from ..words import MODE_TITLES, case_name
from .elements import Dataset, Option, Plain, Subject

HUES = 10
"""The colours of the style sheet; an entry has the one of its place in suite order."""

SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-left")
"""The shapes, likewise: seventy distinct pairs. In a run of several forms, they are the forms'."""

_HIGHER_IS_BETTER = frozenset(("accuracy", "flops_per_s", "images_per_s", "roof_share", "top1"))


def subjects(table: Sequence[Row]) -> list[Subject]:
    """The case of each row: the filter finds its name, mode, form, inputs, device and verdict."""
    return [
        Subject(
            name=case_name(row, verbatim),
            words=" ".join(
                (
                    case_name(row, verbatim),
                    "reference" if row.is_reference else "",
                    row.record.case.form,
                    plain(input_text(row.record.case)),
                    plain(row.record.case.device),
                    row.record.case.precision,
                    _word(row.readings["verdict"]),
                )
            ),
        )
        for row in table
    ]


def places(table: Sequence[Row]) -> dict[str, int]:
    """The place of each case among the `subjects` of a page, by its key."""
    return {row.record.case.key: place for place, row in enumerate(table)}


def measures(table: Sequence[Row]) -> list[Column]:
    """The quantities of which some row has a number: what the axes of a scatter plot may be."""
    return [
        column
        for column in COLUMNS
        if any(number(row.readings[column.key], column) is not None for row in table)
    ]


def axis_options(columns: Sequence[Column]) -> list[Option]:
    """Measures as the options of an axis, with their units."""
    return [
        Option(
            value=column.key,
            label=column.axis,
            is_higher_better=column.key in _HIGHER_IS_BETTER,
        )
        for column in columns
    ]


def dataset(table: Sequence[Row], chosen: frozenset[int]) -> Dataset:
    """A row for each case, with each of its `measures` in the unit of its header.

    ``chosen`` are the places of the entries that are drawn where there are too many. An interval
    is left out where it tells nothing.
    """
    shown = measures(table)
    columns = (
        *("subject", "entry", "mode", "inputs", "group", "form", "hue", "shape", "reference"),
        *("chosen", "low", "high", "interval", "verdict"),
        *(column.key for column in shown),
    )
    return Dataset(
        columns=columns,
        rows=[
            [
                *_about(subject, row, look, chosen),
                *(number(row.readings[of.key], of) for of in shown),
            ]
            for subject, (row, look) in enumerate(zip(table, _looks(table), strict=True))
        ],
    )


def group(row: Row) -> str:
    """The mode and inputs of a case: only cases that share both can be ranked."""
    return f"{MODE_TITLES[row.mode]}, {plain(input_text(row.record.case))}"


def number(reading: Reading, column: Column) -> float | None:
    """A reading in the unit of its header; None if it is no number."""
    value = reading.value if isinstance(reading, Estimate) else reading
    return column.scaled(value) if isinstance(value, int | float) else None


def _looks(table: Sequence[Row]) -> list[tuple[int, int]]:
    """The colour and the shape of each case, by place; of forms, an entry has one colour."""
    place_of = {row.record.case.key: row.place for row in table}
    forms = list(dict.fromkeys(row.record.case.form for row in table))
    if not any(row.is_form for row in table):
        return [(row.place % HUES, row.place % len(SHAPES)) for row in table]
    return [
        (
            (place_of[row.record.case.reference or ""] if row.is_form else row.place) % HUES,
            forms.index(row.record.case.form) % len(SHAPES),
        )
        for row in table
    ]


def _about(subject: int, row: Row, look: tuple[int, int], chosen: frozenset[int]) -> list[Plain]:
    case, latency = row.record.case, row.latency
    low, high = (latency and telling_interval(latency)) or (None, None)
    return [
        subject,
        row.name,
        row.mode,
        plain(input_text(case)),
        group(row),
        case.form,
        *look,
        row.is_reference,
        row.place in chosen,
        None if low is None else _LATENCY.scaled(low),
        None if high is None else _LATENCY.scaled(high),
        _LATENCY.interval_cell(latency) if latency else "",
        _word(row.readings["verdict"]),
    ]


def _word(reading: Reading) -> str:
    return reading if isinstance(reading, str) else ""


_LATENCY = next(column for column in COLUMNS if column.key == "latency")
