"""Any measure over many runs: a line for each case and machine, rings where it changes."""

from collections.abc import Mapping, Sequence

from ....plan.case import Mode
from ...words import MODE_TITLES
from ..cases import HUES, SHAPES
from ..elements import Control, Figure, Heading, Option
from . import base

MAX_LINES = HUES
"""The most entries in the figure: each has a colour of its own."""

_COLUMNS: Mapping[str, Heading] = {
    "run": Heading(name="run", is_number=False),
    "entry": Heading(name="entry", is_number=False),
    "y": Heading(name="value"),
    "y_low": Heading(name="95% interval, from"),
    "y_high": Heading(name="to"),
    "y_change": Heading(name="change before it", is_number=False),
    "commit": Heading(name="commit", is_number=False),
    "machine": Heading(name="machine", is_number=False),
}


def by_machine(
    options: Sequence[Option], modes: Sequence[Mode], machines: Sequence[str], first: str
) -> list[Figure]:
    """One figure of absolute measures, of one machine at a time; none without ``options``.

    ``first`` is the measure that is shown first, if it is among them.
    """
    of_machine = [Option(value=name, label=name) for name in machines]
    control = [Control(label="machine", field="machine", options=of_machine)]
    controls = [_mode_control(modes), *(control if len(machines) > 1 else [])]
    where = "one machine at a time" if len(machines) > 1 else "on one machine"
    return _figure("by-machine", f"Absolute measures, {where}", options, first, controls)


def across(
    options: Sequence[Option], modes: Sequence[Mode], machines: Sequence[str], first: str
) -> list[Figure]:
    """One figure of counts and ratios, of all machines together; none without ``options``.

    With several machines, lines are dashed by machine.
    """
    controls = [_mode_control(modes)]
    are_dashed = len(machines) > 1
    title = "Counts and ratios"
    return _figure("across-machines", title, options, first, controls, are_dashed=are_dashed)


def _mode_control(modes: Sequence[Mode]) -> Control:
    options = [Option(value=mode, label=MODE_TITLES[mode]) for mode in modes]
    return Control(label="mode", field="mode", options=options)


def _figure(
    key: str,
    title: str,
    options: Sequence[Option],
    first: str,
    controls: Sequence[Control],
    *,
    are_dashed: bool = False,
) -> list[Figure]:
    if not options:
        return []
    import altair as alt

    keys = [option.value for option in options]
    line = alt.Chart().encode(
        x=alt.X("run:N", sort=None, title=None, axis=alt.Axis(labelAngle=-35, labelLimit=140)),
        y=alt.Y("y:Q", title="", scale=alt.Scale(zero=False)),
        detail="series:N",
    )
    interval = line.mark_rule(strokeWidth=1, opacity=0.6, aria=False).encode(
        y=alt.Y("y_low:Q", title="", scale=alt.Scale(zero=False)),
        y2="y_high:Q",
        color=alt.value("var(--muted)"),
    )
    # Colours of lines are a scale of their own, so that those of points and shapes share a legend.
    path = line.mark_line(aria=False).encode(stroke=alt.Stroke("entry:N", legend=None, sort=None))
    if are_dashed:
        path = path.encode(
            strokeDash=alt.StrokeDash(
                "machine:N",
                sort=None,
                title=None,
                legend=alt.Legend(orient="bottom", columns=1, labelLimit=500),
            )
        )
    points = line.mark_point(opacity=1).encode(
        color=alt.Color("entry:N", sort=None, title=None),
        shape=alt.Shape("entry:N", sort=None, title=None, scale=alt.Scale(range=[*SHAPES])),
        **base.told(entry="entry", run="run", y="#value", y_change="change", machine="machine"),
    )
    rings = (
        line.transform_filter("isValid(datum.y_change)")
        .mark_point(filled=False, shape="circle", size=260, strokeWidth=1.5, aria=False)
        .encode(color=alt.value("var(--ink)"))
    )
    return [
        Figure(
            key=key,
            title=title,
            alt="The chosen measure of each case over the runs, oldest first, a line for each case "
            "and machine. Changes are in the table below; all points are in the folded table.",
            note="line: 95% interval; ring: the first run after a change",
            spec=base.spec(interval, path, rings, points, height=340),
            dataset="points",
            controls=[
                Control(
                    label="measure",
                    axis="y",
                    options=options,
                    chosen=keys.index(first) if first in keys else 0,
                ),
                *controls,
            ],
            log={"y": ["y", "y_low", "y_high"]},
            max_entries=MAX_LINES,
            choice="those with the most changes, then in the most runs",
            columns=_COLUMNS,
        )
    ]
