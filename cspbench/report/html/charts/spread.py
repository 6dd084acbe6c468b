"""The samples of one case by launch: the spread within and between processes."""

from collections.abc import Sequence

from ...quoting import verbatim
from ...rows import Row
from ...words import case_name
from ..elements import Control, Dataset, Figure, Option, Value
from . import base

MAX_SAMPLES = 200_000
"""The most samples on a page, 1.5 MB of it; of more, each launch has a part, evenly by rank."""

_COUNTS, _LEFT_OUT = "counts", "left out, as it was disturbed"


def dataset(table: Sequence[Row]) -> Dataset:
    """The samples of each case and launch, in milliseconds; also of launches that are left out."""
    total = sum(len(line.samples_s) for row in table for line in (*row.latencies, *row.left_out))
    step = -(-total // MAX_SAMPLES) if total else 1
    rows: list[list[Value]] = []
    for subject, row in enumerate(table):
        for lines, use in ((row.latencies, _COUNTS), (row.left_out, _LEFT_OUT)):
            for line in lines:
                samples = line.samples_s if step == 1 else sorted(line.samples_s)[step // 2 :: step]
                shown = [float(f"{seconds * 1e3:.5g}") for seconds in samples]
                rows.append([subject, line.launch, use, shown])
    return Dataset(columns=("subject", "launch", "use", "sample"), rows=rows, unfolded=("sample",))


def spread(table: Sequence[Row]) -> list[Figure]:
    """One figure with a line for each launch of the case that is chosen; none without timings."""
    options = [
        Option(value=subject, label=case_name(row, verbatim))
        for subject, row in enumerate(table)
        if row.latencies or row.left_out
    ]
    if not options:
        return []
    import altair as alt

    title = "sample [ms per call]"
    line = alt.Chart().encode(y=alt.Y("launch:O", title="launch"))
    scale = alt.Scale(zero=False, padding=8)
    samples = line.mark_tick(opacity=0.45, thickness=1.5, bandSize=14, aria=False).encode(
        x=alt.X("sample:Q", title=title, scale=scale),
        color=alt.Color(
            "use:N",
            title=None,
            scale=alt.Scale(domain=[_COUNTS, _LEFT_OUT], range=["var(--hue-0)", "var(--hue-3)"]),
        ),
        **base.told(launch="launch", sample="#sample [ms]", use="the launch"),
    )
    medians = line.mark_point(shape="diamond", size=70, opacity=1).encode(
        x=alt.X("median(sample):Q", title=title, scale=scale), color=alt.value("var(--ink)")
    )
    return [
        Figure(
            key="samples",
            title="Samples by launch",
            alt="The samples of the chosen case, a line for each launch, with the median of each.",
            note="a launch is a process; tick: one sample; diamond: the median of the launch",
            spec=base.spec(samples, medians, height=base.by_line()),
            dataset="samples",
            controls=[Control(label="case", field="subject", options=options)],
        )
    ]
