"""The similarity of two parts' gradients along training, and beside it that of a control."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from ....verdicts.over_seeds import over_seeds
from ...rows import Row
from ..elements import Dataset, Figure, Plain
from . import base


def dataset(table: Sequence[Row], subjects: Mapping[str, int]) -> Dataset:
    """A row for each entry and step, over the seeds of its trainings."""
    rows: list[list[Plain]] = []
    for row in table:
        trainings = row.record.trainings
        number = min((len(training.readings) for training in trainings), default=0)
        for place in range(number):
            readings = [training.readings[place] for training in trainings]
            parts = over_seeds([reading.parts_cka for reading in readings])
            control = fmean(reading.control_cka for reading in readings)
            ends = (
                parts.value if parts.low is None else parts.low,
                parts.value if parts.high is None else parts.high,
            )
            subject = subjects[row.record.case.key]
            rows.append([subject, row.name, readings[0].step, parts.value, *ends, control])
    columns = ("subject", "entry", "step", "parts", "low", "high", "control")
    return Dataset(columns=columns, rows=rows)


def course(table: Sequence[Row]) -> list[Figure]:
    """One figure with a line for each entry that was trained; none without."""
    if not any(row.record.trainings for row in table):
        return []
    import altair as alt

    title = "linear CKA of the two parts"
    line = alt.Chart().encode(
        x=alt.X("step:Q", title="step"), color=alt.Color("entry:N", sort=None, title=None)
    )
    scale = alt.Scale(domain=[0, 1])
    band = line.mark_area(opacity=0.15, aria=False).encode(
        y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
    )
    control = line.mark_line(strokeDash=[2, 3], strokeWidth=1, aria=False).encode(
        y=alt.Y("control:Q", title=title, scale=scale)
    )
    parts = line.mark_line(point=True).encode(
        y=alt.Y("parts:Q", title=title, scale=scale),
        **base.told(entry="entry", step="#step", parts="#the parts", control="#control"),
    )
    return [
        Figure(
            key="course",
            title="Similarity of the two parts' gradients along training",
            alt="Linear CKA of the two parts' gradients by step, a line for each entry. The table "
            "below has the figures at the start and at the end.",
            note="bands: 95% intervals over seeds; dotted: even against odd channels, as a control",
            spec=base.spec(band, control, parts, height=320),
            dataset="course",
            max_entries=base.MAX_ENTRIES,
        )
    ]
