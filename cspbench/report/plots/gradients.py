"""Plots of gradient terms, and of the similarity of gradients in trainings."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from ...plan.labels import plain
from ...verdicts.over_seeds import over_seeds
from ..gradients import final_similarities, term_shares
from ..results import Results
from ..rows import Row
from .base import Plot, extremes
from .captions import caption
from .selection import Selection, in_suite_order
from .style import INK, Look, legend, looks, name_text, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_COURSE = "Similarity of the two parts' gradients along training"
_MAX_PANELS = 8
_MAX_LINES = 24  # weights or maps that can be named in a panel
_ACROSS = 4
_MAX_NAME = 22  # characters of a name beside a panel


def gradient_terms(results: Results) -> Plot | None:
    """The share of each source's terms that each weight reads, a panel for each entry.

    Entries with many weights, such as networks, are left out. None if nothing was traced.
    """
    traced = [
        row
        for row in results.rows
        if (terms := row.record.gradient_terms) and 0 < len(terms.structure.weights) <= _MAX_LINES
    ]
    return _maps(
        results,
        traced,
        _terms,
        title="Gradient terms in each weight's update",
        label="share of the source's terms",
        note="a row is a weight, a column a source: the gradients that take part in its update",
    )


def gradient_similarity(results: Results) -> Plot | None:
    """The linear CKA of gradients of every two feature maps, a panel for each entry."""
    trained = [
        row
        for row in results.rows
        if row.record.trainings and len(row.record.trainings[0].maps) <= _MAX_LINES
    ]
    return _maps(
        results,
        trained,
        _similarities,
        title="Similarity of gradients between feature maps",
        label="linear CKA",
        note="of the gradients by two feature maps at the end of training, mean over seeds",
    )


def gradient_course(results: Results) -> Plot | None:
    """The similarity of the two parts' gradients along training, a line for each entry."""
    selection = in_suite_order([row for row in results.rows if row.record.trainings])
    if not selection.rows:
        return None
    said = extremes(
        selection.rows,
        _last_similarity,
        "{:.3f}".format,
        lowest="the lowest",
        highest="the highest",
    )
    return Plot(
        title=_COURSE,
        alt=f"{_COURSE} of {selection.entries}, as linear CKA with 95% intervals "
        f"over seeds. At the last step, {said}.",
        draw=lambda: _course_figure(results, selection),
    )


def _last_similarity(row: Row) -> float:
    return fmean(training.readings[-1].parts_cka for training in row.record.trainings)


def _course_figure(results: Results, selection: Selection) -> "Figure":
    from matplotlib.figure import Figure

    of_place = looks(results.rows)
    with theme():
        figure = Figure(figsize=(8.6, 3.8 + 0.16 * selection.number), layout="constrained")
        axes = figure.subplots()
        lines = [_draw_course(axes, row, of_place[row.place]) for row in selection.rows]
        lines += axes.plot([], [], color=INK, linestyle=":", linewidth=1)
        names = [*map(name_text, selection.rows), "even and odd channels"]
        axes.set(xlabel="step", ylabel="linear CKA of the two parts", ylim=(0, 1))
        legend(figure, lines, names, loc="outside right upper")
        figure.suptitle(_COURSE, x=0.01, ha="left")
        note = "bands: 95% intervals over seeds; dotted: even against odd channels, as a control"
        caption(figure, results, selection.rows, note, selection.note)
    return figure


def _draw_course(axes: "Axes", row: Row, look: Look) -> "Line2D":
    """Draw the course of one entry; the line of its two parts."""
    trainings = row.record.trainings
    number = min(len(training.readings) for training in trainings)
    readings = [[training.readings[place] for training in trainings] for place in range(number)]
    steps = [at_step[0].step for at_step in readings]
    parts = [over_seeds([reading.parts_cka for reading in at_step]) for at_step in readings]
    control = [fmean(reading.control_cka for reading in at_step) for at_step in readings]
    (line,) = axes.plot(steps, [estimate.value for estimate in parts], **look.joined)
    axes.plot(steps, control, color=look.colour, linestyle=":", linewidth=1)
    axes.fill_between(
        steps,
        [estimate.value if estimate.low is None else estimate.low for estimate in parts],
        [estimate.value if estimate.high is None else estimate.high for estimate in parts],
        color=look.colour,
        alpha=0.15,
    )
    return line


def _terms(row: Row) -> "pd.DataFrame":
    import pandas as pd

    assert row.record.gradient_terms is not None
    structure = row.record.gradient_terms.structure
    return pd.DataFrame(
        term_shares(structure),
        index=[_short(weight.name) for weight in structure.weights],
        columns=[_short(source.name) for source in structure.sources],
    )


def _similarities(row: Row) -> "pd.DataFrame":
    import pandas as pd

    trainings = row.record.trainings
    names = [_short(name) for name in trainings[0].maps]
    return pd.DataFrame(final_similarities(trainings), index=names, columns=names)


def _short(name: str) -> str:
    """A dotted name without ``.conv``, shortened to its end if it is long."""
    short = plain(name).replace(".conv", "")
    return short if len(short) <= _MAX_NAME else f"…{short[1 - _MAX_NAME :]}"


def _maps(
    results: Results,
    table: Sequence[Row],
    values: "Callable[[Row], pd.DataFrame]",
    *,
    title: str,
    label: str,
    note: str,
) -> Plot | None:
    """A heat map for each row of ``table``; None if there are no rows."""
    selection = in_suite_order(table, _MAX_PANELS)
    if not selection.rows:
        return None
    said = extremes(
        selection.rows,
        lambda row: float(values(row).to_numpy().mean()),
        "{:.3f}".format,
        lowest="the lowest",
        highest="the highest",
    )
    return Plot(
        title=title,
        alt=f"{title}: a heat map of the {label} for each of {selection.entries}. "
        f"By the mean of cells, {said}.",
        draw=lambda: _map_figure(results, selection, values, (title, label, note)),
    )


def _map_figure(
    results: Results,
    selection: Selection,
    values: "Callable[[Row], pd.DataFrame]",
    texts: tuple[str, str, str],
) -> "Figure":
    """A heat map for each row; ``texts`` are the title, the label of colours and the note."""
    import seaborn as sns
    from matplotlib.figure import Figure

    title, label, note = texts
    frames = [values(row) for row in selection.rows]
    across, down = min(_ACROSS, len(frames)), -(-len(frames) // _ACROSS)
    side = 2.4 + 0.22 * max(max(frame.shape) for frame in frames)
    with theme():
        figure = Figure(figsize=(side * across + 1.2, side * down + 1.0), layout="constrained")
        grid: list[Axes] = list(figure.subplots(down, across, squeeze=False).flatten())
        for axes, row, frame in zip(grid, selection.rows, frames, strict=False):
            sns.heatmap(
                frame,
                ax=axes,
                vmin=0,
                vmax=1,
                cmap="rocket_r",
                linewidths=0.5,
                cbar=frame is frames[-1],
                cbar_kws={"label": label},
                xticklabels=True,
                yticklabels=True,
            )
            axes.set_title(name_text(row), fontsize=9.5)
            axes.tick_params(labelsize=7.5)
        for axes in grid[len(frames) :]:
            axes.set_visible(False)
        figure.suptitle(title, x=0.01, ha="left")
        caption(figure, results, selection.rows, note, selection.note)
    return figure
