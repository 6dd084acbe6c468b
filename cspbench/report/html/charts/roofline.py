"""The roofline of one case: its modules and its call, below the measured ceilings of the device."""

from collections.abc import Iterator, Mapping, Sequence

from ....plan.labels import plain
from ....records.ceilings import Ceilings
from ....units import percent_text, significant_text
from ....verdicts.roofline import Position
from ...quoting import verbatim
from ...roofline import call_position, module_positions, roofs
from ...rows import Row
from ...words import case_name
from ..elements import Control, Dataset, Figure, Option, Plain
from . import base

_GIGA = 1e9
_MAX_MODULES = 60  # of a case, those that take the most time
_ROOM = 3.0  # factor between the points and the ends of the roofs

Point = tuple[str, str, Position]
"""What a point is of (``call``, ``module``), its name, and where it stands."""

Corner = tuple[str, str, float, float]
"""What a corner is of (``roof``, or ``peak`` for its end), its name, FLOP/byte and FLOP/s."""


def dataset(
    table: Sequence[Row], every: Sequence[Ceilings], subjects: Mapping[str, int]
) -> Dataset:
    """For each case, its points and the corners of its roofs, in FLOP/byte and GFLOP/s."""
    rows: list[list[Plain]] = []
    for row in table:
        points = _points(row, every)
        if not points:
            continue
        subject = subjects[row.record.case.key]
        for what, name, at in points:
            roof = f"{percent_text(at.share)} of its roof" + (f" ({at.roof})" if at.roof else "")
            rows.append([subject, what, name, *_rounded(at.intensity, at.flops_per_s), roof])
        across = [at.intensity for _, _, at in points]
        for what, name, x, y in _roofs(row, every, min(across), max(across)):
            rows.append([subject, what, name, *_rounded(x, y), ""])
    return Dataset(columns=("subject", "what", "name", "x", "y", "roof"), rows=rows)


def roofline(
    table: Sequence[Row], every: Sequence[Ceilings], subjects: Mapping[str, int]
) -> list[Figure]:
    """One figure of the case that is chosen; none without times, traffic and ceilings."""
    options = [
        Option(value=subjects[row.record.case.key], label=case_name(row, verbatim))
        for row in table
        if _points(row, every)
    ]
    if not options:
        return []
    import altair as alt

    log = alt.Scale(type="log", nice=False)
    every_row = alt.Chart().encode(
        x=alt.X("x:Q", title="intensity [FLOP/byte]", scale=log),
        y=alt.Y("y:Q", title="reached [GFLOP/s]", scale=log),
    )
    lines = (
        every_row.transform_filter("datum.what == 'roof'")
        .mark_line(strokeWidth=1.2, aria=False)
        .encode(detail="name:N", color=alt.value("var(--ink)"))
    )
    names = (
        every_row.transform_filter("datum.what == 'roof'")
        .transform_window(rank="rank()", groupby=["name"], sort=[alt.SortField("x")])
        .transform_filter("datum.rank == 1")
        .mark_text(align="left", dx=22, dy=-2, aria=False)
        .encode(text="name:N")
    )
    peaks = (
        every_row.transform_filter("datum.what == 'peak'")
        .mark_text(align="right", dx=-4, dy=12, aria=False)
        .encode(text="name:N")
    )
    kinds = ["module", "call"]
    points = (
        every_row.transform_filter("datum.what == 'module' || datum.what == 'call'")
        .mark_point(opacity=0.85)
        .encode(
            color=alt.Color("what:N", title=None, scale=alt.Scale(domain=kinds)),
            shape=alt.Shape("what:N", title=None, scale=alt.Scale(domain=kinds)),
            size=alt.Size("what:N", title=None, scale=alt.Scale(domain=kinds, range=[45, 150])),
            **base.told(name="module", x="#FLOP/byte", y="#GFLOP/s", roof="reached"),
        )
    )
    return [
        Figure(
            key="roofline",
            title="Roofline",
            alt="FLOPs a second that the call of the chosen case and its modules reach, by FLOPs a "
            "byte, below the measured ceilings of computing and of memory. The tree of modules "
            "has the same figures.",
            note="lines: measured ceilings of the device; modules without products are left out",
            spec=base.spec(lines, names, peaks, points, height=380),
            dataset="roofline",
            controls=[Control(label="case", field="subject", options=options)],
        )
    ]


def _points(row: Row, every: Sequence[Ceilings]) -> list[Point]:
    modules = [
        ("module", plain(path) or "model", at) for path, at in module_positions(row, every).items()
    ]
    modules.sort(key=lambda point: point[2].seconds, reverse=True)
    call = call_position(row, every)
    return [*modules[:_MAX_MODULES], *([("call", "the whole call", call)] if call else [])]


def _roofs(row: Row, every: Sequence[Ceilings], low: float, high: float) -> Iterator[Corner]:
    """The corners of each roof between two intensities, and the end of each peak."""
    shown = roofs([row], every)
    ridges = [roof.flops_per_s / roof.bytes_per_s for roof in shown]
    start, end = min([low, *ridges]) / _ROOM, max([high, *ridges]) * _ROOM
    for roof in shown:
        peak, rate = roof.flops_per_s, roof.bytes_per_s
        name = f"{roof.level}, {significant_text(rate / _GIGA, 3)} GB/s"
        for x in (start, peak / rate, end):
            yield "roof", name, x, min(peak, x * rate)
    peaks = {roof.precision: roof.flops_per_s for roof in shown}
    for precision, peak in peaks.items():
        yield "peak", f"{precision}, {significant_text(peak / _GIGA, 3)} GFLOP/s", end, peak


def _rounded(intensity: float, flops_per_s: float) -> tuple[float, float]:
    return float(f"{intensity:.4g}"), float(f"{flops_per_s / _GIGA:.4g}")
