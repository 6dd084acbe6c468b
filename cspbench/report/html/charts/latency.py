"""The latency of each entry with its interval, a figure for each mode."""

from collections.abc import Sequence

from ....plan.labels import MODE_WORDS
from ...rows import Row, by_mode
from ...words import AT
from ..cases import SHAPES, group
from ..elements import Control, Figure, Option
from . import base


def latency(table: Sequence[Row], choice: str) -> list[Figure]:
    """Estimates and 95% intervals; entries whose inputs differ stand on axes of their own.

    ``choice`` says which entries the dataset ``cases`` has chosen, where there are too many.
    """
    timed = [row for row in table if row.latency]
    return [_figure(rows, choice) for rows in by_mode(timed).values()]


def _figure(rows: Sequence[Row], choice: str) -> Figure:
    import altair as alt

    mode = rows[0].mode
    groups = list(dict.fromkeys(map(group, rows)))
    line = alt.Chart().encode(y=base.entry_line())
    title = "latency [ms]"
    scale = alt.Scale(zero=False, padding=8)
    interval = line.mark_rule(strokeWidth=2, aria=False).encode(
        x=alt.X("low:Q", title=title, scale=scale), x2="high:Q"
    )
    estimate = line.mark_point(opacity=1).encode(
        x=alt.X("latency:Q", title=title, scale=scale),
        color=base.hue(),
        shape=base.shape(SHAPES),
        **base.told(
            entry="entry",
            form="form",
            latency="#latency [ms]",
            interval="95% interval",
            latency_ratio="#ratio to the reference",
            verdict="verdict",
        ),
    )
    controls = []
    if len(groups) > 1:
        options = [Option(value=name, label=name.partition(", ")[2]) for name in groups]
        controls.append(Control(label="input", field="group", options=options))
    inputs = f", {groups[0].partition(', ')[2]}" if len(groups) == 1 else ""
    return Figure(
        key=f"latency-{mode}",
        title=f"Latency, {MODE_WORDS[mode]}{inputs}",
        alt=f"Latency of one call {AT[mode]} by entry, in milliseconds, with its 95% interval over "
        "launches. The table of times below has the same figures.",
        note="marker: estimate over launches; line: its 95% interval",
        spec=base.spec(interval, estimate, height=base.by_line()),
        dataset="cases",
        only={"mode": mode},
        controls=controls,
        log={"x": ["latency", "low", "high"]},
        max_entries=base.MAX_ENTRIES,
        choice=choice,
    )
