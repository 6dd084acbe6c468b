"""What all charts share: the data's name, marks of entries, tooltips, and the plain spec."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

MAX_ENTRIES = 40
"""The most entries in a figure with a line for each: more cannot be read without scrolling."""

_ROWS = "rows"
"""The name of the data in a spec; the page puts the rows of the figure in its place."""

LINE = 22
"""The height of an entry's line, in pixels."""


def spec(*layers: "alt.Chart", height: object) -> dict[str, Any]:
    """The Vega-Lite spec of ``layers``, from back to front, as wide as their place on the page."""
    import altair as alt

    chart = alt.layer(*layers, data=alt.NamedData(name=_ROWS)).properties(
        width="container", height=height
    )
    plain: dict[str, Any] = chart.to_dict()
    return {key: value for key, value in plain.items() if key not in {"$schema", "config"}}


def by_line() -> Any:
    """The height of a chart with a line for each entry."""
    import altair as alt

    return alt.Step(LINE)


def entry_line() -> "alt.Y":
    """A line for each entry, in the order of the rows."""
    import altair as alt

    return alt.Y("entry:N", sort=None, title=None, axis=alt.Axis(grid=True, domain=False))


def hue() -> "alt.Color":
    """The colour of an entry, the same in every figure."""
    import altair as alt

    return alt.Color("hue:N", legend=None, scale=alt.Scale(domain=[*range(10)]))


def shape(shapes: Sequence[str]) -> "alt.Shape":
    """The shape of an entry, the same in every figure."""
    import altair as alt

    domain = [*range(len(shapes))]
    return alt.Shape("shape:N", legend=None, scale=alt.Scale(domain=domain, range=[*shapes]))


def told(**titles: str) -> "dict[str, Any]":
    """The channels that tell what a mark is, to the pointer and to a screen reader.

    ``titles`` are by fields; a number's begins with ``#``, and is shown with four digits. What a
    row lacks is left out.
    """
    import altair as alt

    number = ",.4~r"
    tooltip = [
        alt.Tooltip(f"{field}:Q", title=title.removeprefix("#"), format=number)
        if title.startswith("#")
        else alt.Tooltip(f"{field}:N", title=title)
        for field, title in titles.items()
    ]
    first, *others = (
        _spoken(field, title[1:], number) if title.startswith("#") else f"datum.{field}"
        for field, title in titles.items()
    )
    present = [
        f"(isValid(datum.{field}) && datum.{field} !== '' ? ', ' + {text} : '')"
        for field, text in zip([*titles][1:], others, strict=True)
    ]
    description = alt.value(alt.ExprRef(" + ".join([first, *present])))
    return {"tooltip": tooltip, "description": description}


def _spoken(field: str, title: str, number: str) -> str:
    """The expression of a number after its title."""
    return f"{json.dumps(title + ' ')} + format(datum.{field}, {json.dumps(number)})"
