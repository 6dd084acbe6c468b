"""Live tensors over the course of one call, stacked by kind, with the peak named."""

from collections.abc import Mapping, Sequence

from ....plan.labels import plain
from ....records.memory_series import Kind, MemorySeries
from ....units import MIB, bytes_text
from ...memory import course
from ...quoting import verbatim
from ...rows import Row
from ...words import case_name
from ..elements import Control, Dataset, Figure, Option, Value
from . import base

_MOST_POINTS = 250  # of a case, whose plot is some 1,000 pixels wide
_MAX_POINTS = 25_000  # of a page

_HUES: Mapping[Kind, int] = {
    "weights": 7,
    "buffers": 8,
    "inputs": 9,
    "optimizer_state": 5,
    "activations": 0,
    "gradients": 1,
    "other": 2,
}
"""The colours of kinds, from the bottom of the stack: first what stands throughout."""


def dataset(table: Sequence[Row], subjects: Mapping[str, int]) -> Dataset:
    """For each case, the sizes of each kind at some operators, the peak, and where phases begin."""
    measured = [
        (subjects[row.record.case.key], series)
        for row in table
        if (series := row.record.memory_series)
    ]
    most = min(_MOST_POINTS, _MAX_POINTS // max(1, len(measured)))
    return Dataset(
        columns=("subject", "kind", "place", "label", "number", "size"),
        rows=[row for subject, series in measured for row in _rows(subject, series, most)],
        unfolded=("number", "size"),
    )


def memory(table: Sequence[Row], subjects: Mapping[str, int]) -> list[Figure]:
    """One figure of the case that is chosen; none if memory over the call was not measured."""
    options = [
        Option(value=subjects[row.record.case.key], label=case_name(row, verbatim))
        for row in table
        if row.record.memory_series
    ]
    if not options:
        return []
    import altair as alt

    kinds = [_words(kind) for kind in _HUES]
    hues = [f"var(--hue-{hue})" for hue in _HUES.values()]
    up = "live tensors [MiB]"
    every = alt.Chart().encode(
        x=alt.X("number:Q", title="operators that have ended", scale=alt.Scale(nice=False))
    )
    areas = (
        every.transform_filter("datum.place >= 0")
        .mark_area(interpolate="step-after", aria=False)
        .encode(
            y=alt.Y("size:Q", title=up, stack="zero"),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=kinds, range=hues),
                legend=alt.Legend(offset=28),  # room for the peak's name
            ),
            order="place:Q",
        )
    )
    phases = (
        every.transform_filter("datum.kind == 'phase'")
        .mark_rule(strokeDash=[2, 3], aria=False)
        .encode(**base.told(label="phase"))
    )
    phase_names = (
        every.transform_filter("datum.kind == 'phase'")
        .mark_text(align="left", baseline="top", dx=4, aria=False)
        .encode(y=alt.value(2), text="label:N")
    )
    peak = every.transform_filter("datum.kind == 'peak'").encode(y=alt.Y("size:Q", title=up))
    marker = peak.mark_point(shape="triangle-down", color="var(--ink)", yOffset=-7).encode(
        **base.told(label="peak", number="#operators", size=f"#{up}")
    )
    name = peak.mark_text(dy=-20, aria=False).encode(text="label:N")
    return [
        Figure(
            key="memory",
            title="Live tensors over one call",
            alt="Bytes of live tensors by kind over the operators of one call of the chosen case, "
            "with the peak and the operator at which it stands.",
            note="areas are stacked; dotted: the first operator of a phase; triangle: the peak",
            spec=base.spec(areas, phases, phase_names, marker, name, height=320),
            dataset="memory",
            controls=[Control(label="case", field="subject", options=options)],
        )
    ]


def _rows(subject: int, series: MemorySeries, most: int) -> list[list[Value]]:
    at, shown = course(series, most)
    rows: list[list[Value]] = []
    for place, kind in enumerate(_HUES):
        sizes = series.live(kind)
        if any(sizes):
            sampled = [round(sizes[index] / MIB, 4) for index in shown]
            rows.append([subject, _words(kind), place, "", at, sampled])
    peak = series.peak
    where = plain(peak.operator) or f"start of {peak.phase}"
    if peak.module:
        where += f" in {plain(peak.module)}"
    total = peak.live.total
    label = f"{bytes_text(total, MIB)}: {where}"
    rows.append([subject, "peak", -1, label, [float(peak.number)], [total / MIB]])
    rows += [
        [subject, "phase", -1, point.phase, [float(point.number)], [0.0]]
        for point in (series.points[begin] for begin in series.begins[1:])
    ]
    return rows


def _words(kind: Kind) -> str:
    return kind.replace("_", " ")
