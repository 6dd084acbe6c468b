"""The latency of each entry in each form, over that in the first."""

from collections.abc import Mapping, Sequence

from ....plan.case import Form
from ....plan.labels import MODE_WORDS
from ...forms import FormTable, form_tables
from ...readings import telling_interval
from ...rows import Row
from ...words import AT
from ..elements import Dataset, Figure, Plain
from . import base


def dataset(table: Sequence[Row], subjects: Mapping[str, int]) -> Dataset:
    """A row for each case whose latency has a ratio to the first form's."""
    rows: list[list[Plain]] = []
    for of_mode in form_tables(table):
        for entry in of_mode.entries:
            for form in of_mode.forms[1:]:
                row = entry.get(form)
                if row is None or row.ratio is None:
                    continue
                low, high = telling_interval(row.ratio) or (None, None)
                name = entry[of_mode.first].name
                place = subjects[row.record.case.key]
                outputs = row.readings["outputs"]
                text = outputs if isinstance(outputs, str) else ""
                rows.append([place, name, of_mode.mode, form, row.ratio.value, low, high, text])
    columns = ("subject", "entry", "mode", "form", "ratio", "low", "high", "outputs")
    return Dataset(columns=columns, rows=rows)


def forms(table: Sequence[Row]) -> list[Figure]:
    """A figure for each mode in which some entry was timed in several forms."""
    return [
        _figure(of_mode)
        for of_mode in form_tables(table)
        if any(row.ratio for form in of_mode.forms[1:] for row in of_mode.rows(form))
    ]


def _figure(table: FormTable) -> Figure:
    import altair as alt

    others: list[Form] = [*table.forms[1:]]
    title = f"latency over {table.first}'s"
    line = alt.Chart().encode(
        y=alt.Y(
            "entry:N",
            sort=None,
            title=None,
            scale=alt.Scale(paddingInner=0.25),
            axis=alt.Axis(grid=True, tickBand="extent"),
        ),
        yOffset=alt.YOffset("form:N", sort=others),
    )
    scale = alt.Scale(zero=False, padding=8)
    interval = line.mark_rule(strokeWidth=1.5, aria=False).encode(
        x=alt.X("low:Q", title=title, scale=scale), x2="high:Q"
    )
    ratio = line.mark_point(opacity=1).encode(
        x=alt.X("ratio:Q", title=title, scale=scale),
        color=alt.Color("form:N", sort=others, title=None, scale=alt.Scale(domain=others)),
        shape=alt.Shape("form:N", sort=others, title=None, scale=alt.Scale(domain=others)),
        **base.told(entry="entry", form="form", ratio=f"#over {table.first}", outputs="outputs"),
    )
    one = (
        alt.Chart()
        .mark_rule(strokeDash=[4, 3], strokeWidth=1, aria=False)
        .encode(x=alt.datum(1, type="quantitative", title=title), color=alt.value("var(--muted)"))
    )
    return Figure(
        key=f"forms-{table.mode}",
        title=f"Latency by form, {MODE_WORDS[table.mode]}",
        alt=f"Ratio of the latency in each form to that of {table.first} {AT[table.mode]}, by "
        "entry, with its 95% interval. The tables have the same figures.",
        note=f"marker: ratio by turn; line: its 95% interval; dashed: {table.first}",
        spec=base.spec(one, interval, ratio, height=alt.Step(13, **{"for": "offset"})),
        dataset="forms",
        only={"mode": table.mode},
        log={"x": ["ratio", "low", "high"]},
        max_entries=base.MAX_ENTRIES,
    )
