"""Any two measures against each other, with the Pareto front."""

from collections.abc import Sequence

from ...rows import Row
from ..cases import SHAPES, axis_options, group, measures
from ..elements import Control, Figure, Option
from . import base

_ACROSS = ("macs", "params", "used_terms")
_UP = ("latency", "peak_tensor_bytes", "parts_cka", "reuse")
_MAX_NAMED = 14


def scatter(table: Sequence[Row]) -> list[Figure]:
    """One figure whose axes the reader chooses, of cases with one mode and input at a time."""
    options = axis_options(measures(table))
    if len(options) < 2:
        return []
    import altair as alt

    groups = list(dict.fromkeys(map(group, table)))
    x, y = _axes([str(option.value) for option in options])
    points = alt.Chart().encode(
        x=alt.X("x:Q", title="", scale=alt.Scale(zero=False, padding=8)),
        y=alt.Y("y:Q", title="", scale=alt.Scale(zero=False, padding=8)),
    )
    front = (
        points.transform_filter("datum.front")
        .mark_line(strokeDash=[4, 3], aria=False)
        .encode(color=alt.value("var(--muted)"), order="x:Q")
    )
    marks = points.mark_point(opacity=0.9).encode(
        color=base.hue(),
        shape=base.shape(SHAPES),
        **base.told(
            entry="entry",
            form="form",
            x="#across",
            y="#up",
            verdict="verdict",
            front="on the front",
        ),
    )
    named = points.transform_window(number="count()", frame=[None, None]).transform_filter(
        f"datum.number <= {_MAX_NAMED} || datum.front"
    )
    names = [
        named.transform_filter(f"datum.isRight == {is_right}")
        .mark_text(
            aria=False, align="right" if is_right == "true" else "left", dx=dx, dy=-6, limit=200
        )
        .encode(text="entry:N")
        for is_right, dx in (("false", 7), ("true", -7))
    ]
    return [
        Figure(
            key="trade-offs",
            title="Any two measures",
            alt="A point for each case, at the two measures that are chosen above the plot. The "
            "tables have all figures.",
            note="dashed: the Pareto front, on which no other case is better in both",
            spec=base.spec(front, marks, *names, height=420),
            dataset="cases",
            controls=[
                Control(
                    label="cases",
                    field="group",
                    options=[Option(value=name, label=name) for name in groups],
                ),
                Control(label="across", axis="x", options=options, chosen=x),
                Control(label="up", axis="y", options=options, chosen=y),
            ],
            log={"x": ["x"], "y": ["y"]},
            has_front=True,
        )
    ]


def _axes(keys: Sequence[str]) -> tuple[int, int]:
    """The places of the measures that are shown first."""
    x = next((keys.index(key) for key in _ACROSS if key in keys), 0)
    y = next((keys.index(key) for key in _UP if key in keys and keys.index(key) != x), -1)
    return x, y if y >= 0 else next(place for place in range(len(keys)) if place != x)
