"""The plot of one measure over many runs: a line for each entry, a panel a mode and machine."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...plan.case import Mode
from ...plan.labels import case_name
from ...text import shortened
from ..history import History, points
from ..words import MODE_TITLES, plural
from .base import Plot
from .captions import caption_of_runs
from .panels import scale
from .selection import MAX_ENTRIES
from .style import INK, PALE, Look, legend, looks_of_names, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_NAME = 60  # characters of a name in a description
_MAX_WIDTH = 60.0  # inches of a panel, of however many runs
_MAX_MACHINE = 40  # characters of its name in a title


def history(measured: History) -> Plot:
    """The plot of ``measured``, with 95% intervals as bars, and rings where a series changes.

    No line joins points of several machines, unless they are exact. Of more than `MAX_ENTRIES`
    entries, those that changed most are shown, and the title says so.
    """
    frame, note = _most_changed(_frame(measured))
    quantity = measured.column.key.replace("_", " ")
    title = f"{quantity} over {plural(len(measured.runs), 'run')}{note}"
    return Plot(
        title=title,
        alt=f"{measured.column.title} over {plural(len(measured.runs), 'run')}{note}"
        f"{', with 95% intervals' if _has_intervals(frame) else ''}. {_changes(frame)}",
        draw=lambda: _figure(measured, frame, title),
    )


def _has_intervals(frame: "pd.DataFrame") -> bool:
    return bool(frame["low"].notna().any())


def _changes(frame: "pd.DataFrame") -> str:
    """A sentence on the case whose last value is farthest from its first."""
    largest, said = 1.0, "No case differs between its first and its last run."
    for _, points_of_case in frame.groupby(["entry", "mode", "series"], sort=False):
        first, last = points_of_case["value"].iloc[0], points_of_case["value"].iloc[-1]
        factor = max(first, last) / min(first, last) if min(first, last) > 0 else 1.0
        if factor > largest:
            largest = factor
            entry, mode = points_of_case[["entry", "mode"]].to_numpy()[0]
            name = case_name(shortened(entry, _MAX_NAME), mode)
            said = f"{name} changed most, from {first:.4g} to {last:.4g}."
    return said


def _figure(measured: History, frame: "pd.DataFrame", title: str) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(frame["entry"]))
    machines = list(dict.fromkeys(series.machine for series in measured.series))
    panels = [
        (mode, machine, part)
        for mode in MODE_TITLES
        for machine in machines
        if not (part := _part(frame, mode, machine)).empty
    ]
    longest = max(part["position"].max() for _, _, part in panels) + 1
    name_looks = looks_of_names(names)
    with theme():
        width = 3.0 + min(_MAX_WIDTH, max(3.0, 1.1 * longest)) * len(panels)
        figure = Figure(figsize=(width, 4.0 + 0.12 * len(names)), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (mode, machine, part) in zip(grid, panels, strict=True):
            labels = list(dict.fromkeys(part.sort_values("position")["run"]))
            _draw_lines(axes, part, name_looks)
            _draw_changes(axes, part)
            where = f"\n{shortened(machine, _MAX_MACHINE)}" if len(machines) > 1 else ""
            axes.set_title(MODE_TITLES[mode] + where)
            axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
            axes.set_xlim(-0.4, len(labels) - 0.6)
            axes.set_xlabel("")
            scale(axes, "y", list(part["value"]), measured.column.axis)
        handles = [Line2D([], [], **look.joined) for look in name_looks.values()]
        legend(figure, handles, names, loc="outside right upper")
        figure.suptitle(title, x=0.01, ha="left")
        notes = ["bars: 95% intervals"] if _has_intervals(frame) else []
        notes += ["rings: change points"] if frame["changed"].any() else []
        caption_of_runs(figure, [each.run for each in measured.runs], "; ".join(notes))
    return figure


def _frame(measured: History) -> "pd.DataFrame":
    """The points of the figure, in the unit of the column's axis."""
    import pandas as pd

    frame = pd.DataFrame(points(measured))
    for ends in ("value", "low", "high"):
        frame[ends] = frame[ends].astype(float).map(measured.column.scaled)
    frame["series"] = "" if measured.column.part == "exact" else frame["machine"]
    return frame


def _part(frame: "pd.DataFrame", mode: Mode, machine: str) -> "pd.DataFrame":
    """The points of one panel, with their ``position`` in it; ``machine`` is that of its series."""
    part = frame[(frame["mode"] == mode) & (frame["series"] == machine)]
    runs = part.sort_values("started", kind="stable")["run"].drop_duplicates()
    positions = {run: position for position, run in enumerate(runs)}
    return part.assign(position=part["run"].map(positions))


def _most_changed(frame: "pd.DataFrame") -> "tuple[pd.DataFrame, str]":
    """The points of the entries that changed most, and a note on how many are shown; '' for all."""
    number = frame["entry"].nunique()
    if number <= MAX_ENTRIES:
        return frame, ""
    values = frame.groupby(["entry", "mode"])["value"]
    change = (values.max() - values.min()) / values.max().abs()
    largest = change.fillna(0.0).groupby("entry").max().nlargest(MAX_ENTRIES)
    note = f": the {MAX_ENTRIES} of {number} entries that changed most"
    return frame[frame["entry"].isin(largest.index)], note


def _draw_lines(axes: "Axes", part: "pd.DataFrame", name_looks: Mapping[str, Look]) -> None:
    for entry, line in part.sort_values("position").groupby("entry", sort=False):
        axes.plot(line["position"], line["value"], **name_looks[str(entry)].joined, zorder=4)
    intervals = part.dropna(subset=["low", "high"])
    for position, low, high in intervals[["position", "low", "high"]].to_numpy():
        axes.vlines(position, low, high, color=PALE, linewidth=1, zorder=1)


def _draw_changes(axes: "Axes", part: "pd.DataFrame") -> None:
    """Rings about the first points after a change."""
    changed = part[part["changed"]]
    axes.scatter(
        changed["position"], changed["value"], s=160, facecolors="none", edgecolors=INK, zorder=5
    )
