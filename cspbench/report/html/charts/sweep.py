"""The sweep of a run: lines over one argument or size, or a heat map over two."""

from collections.abc import Mapping, Sequence
from typing import Any

from ....plan.labels import MODE_WORDS, plain
from ...readings import telling_interval
from ...rows import Row
from ...sweep import Sweep, line_name
from ...sweep import sweep as find_sweep
from ...words import AT
from ..elements import Control, Dataset, Figure, Option, Plain
from . import base

_LATENCY = "latency [ms]"


def dataset(table: Sequence[Row], subjects: Mapping[str, int]) -> Dataset:
    """A row for each case of the sweep: its place on the axes, and what is drawn there."""
    swept = _swept(table)
    columns = ("subject", "entry", "mode", "x", "y", "value", "low", "high")
    if swept is None:
        return Dataset(columns=columns, rows=())
    is_ratio = swept.reference is not None
    rows: list[list[Plain]] = []
    for row, (x, *rest) in zip(swept.rows, swept.values, strict=True):
        estimate = row.ratio if is_ratio else row.latency
        assert estimate is not None
        unit = 1 if is_ratio else 1e3
        ends = telling_interval(estimate) or (estimate.value, estimate.value)
        values = [unit * value for value in (estimate.value, *ends)]
        subject, entry = subjects[row.record.case.key], plain(line_name(row))
        rows.append([subject, entry, row.mode, x, rest[0] if rest else None, *values])
    return Dataset(columns=columns, rows=rows)


def sweep(table: Sequence[Row]) -> list[Figure]:
    """A figure for each mode; none if nothing was swept or timed."""
    swept = _swept(table)
    if swept is None:
        return []
    modes = dict.fromkeys(row.mode for row in swept.rows)
    draw = _lines if len(swept.axes) == 1 else _map
    return [
        Figure(
            key=f"sweep-{mode}",
            title=f"{_noun(swept)} over {' and '.join(map(plain, swept.axes))}, {MODE_WORDS[mode]}",
            alt=f"{_quantity(swept)} {AT[mode]} over {' and '.join(map(plain, swept.axes))}, by "
            "entry. The table of times has the same figures.",
            dataset="sweep",
            only={"mode": mode},
            **draw(swept),
        )
        for mode in modes
    ]


def _swept(table: Sequence[Row]) -> Sweep | None:
    return find_sweep([row for row in table if row.latency])


def _quantity(swept: Sweep) -> str:
    return _LATENCY if swept.reference is None else f"latency over {plain(swept.reference)}'s"


def _noun(swept: Sweep) -> str:
    return "Latency" if swept.reference is None else "Ratio of latencies"


def _lines(swept: Sweep) -> dict[str, Any]:
    import altair as alt

    title = _quantity(swept)
    line = alt.Chart().encode(
        x=alt.X("x:Q", title=plain(swept.axes[0]), scale=alt.Scale(zero=False, padding=8)),
        color=alt.Color("entry:N", sort=None, title=None),
    )
    scale = alt.Scale(zero=False, padding=8)
    band = line.mark_area(opacity=0.18, aria=False).encode(
        y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
    )
    points = line.mark_line(point=True).encode(
        y=alt.Y("value:Q", title=title, scale=scale),
        **base.told(entry="entry", x=f"#{plain(swept.axes[0])}", value=f"#{title}"),
    )
    return {
        "spec": base.spec(band, points, height=320),
        "note": "markers: estimates over launches; bands: their 95% intervals",
        "log": {"x": ["x"], "y": ["value"]},
        "max_entries": base.MAX_ENTRIES,
    }


def _map(swept: Sweep) -> dict[str, Any]:
    import altair as alt

    across, down = map(plain, swept.axes)
    title = _quantity(swept)
    entries = dict.fromkeys(plain(line_name(row)) for row in swept.rows)
    cells = (
        alt.Chart()
        .mark_rect()
        .encode(
            x=alt.X("x:O", title=across, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("y:O", title=down, sort="descending"),
            color=alt.Color("value:Q", title=title, scale=alt.Scale(scheme="blues")),
            **base.told(x=f"#{across}", y=f"#{down}", value=f"#{title}"),
        )
    )
    options = [Option(value=name, label=name) for name in entries]
    return {
        "spec": base.spec(cells, height=alt.Step(base.LINE)),
        "note": "each cell is the estimate over launches",
        "controls": [Control(label="entry", field="entry", options=options)],
    }
