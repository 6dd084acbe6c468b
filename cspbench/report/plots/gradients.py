"""Plots of gradient terms, and of the similarity of gradients in trainings."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from ...plan.labels import plain
from ...verdicts.over_seeds import over_seeds
from ..results import Results
from ..rows import Row
from .selection import in_suite_order
from .style import INK, caption, legend, look, name_text, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_MAX_PANELS = 8
_MAX_LINES = 24  # weights or maps that can be named in a panel
_ACROSS = 4
_MAX_NAME = 22  # characters of a name beside a panel


def gradient_terms(results: Results) -> "Figure | None":
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


def gradient_similarity(results: Results) -> "Figure | None":
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


def gradient_course(results: Results) -> "Figure | None":
    """The similarity of the two parts' gradients along training, a line for each entry."""
    trained = [row for row in results.rows if row.record.trainings]
    if not trained:
        return None
    from matplotlib.figure import Figure

    selection = in_suite_order(trained)
    with theme():
        figure = Figure(figsize=(8.6, 4.6), layout="constrained")
        axes = figure.subplots()
        lines = [_draw_course(axes, row) for row in selection.rows]
        lines += axes.plot([], [], color=INK, linestyle=":", linewidth=1)
        names = [*map(name_text, selection.rows), "even and odd channels"]
        axes.set(xlabel="step", ylabel="linear CKA of the two parts", ylim=(0, 1))
        legend(axes, lines, names, loc="upper left", bbox_to_anchor=(1.02, 1))
        figure.suptitle("Similarity of the two parts' gradients along training", x=0.01, ha="left")
        note = "bands: 95% intervals over seeds; dotted: even against odd channels, as a control"
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure


def _draw_course(axes: "Axes", row: Row) -> "Line2D":
    """Draw the course of one entry; the line of its two parts."""
    trainings, style = row.record.trainings, look(row)
    number = min(len(training.readings) for training in trainings)
    readings = [[training.readings[place] for training in trainings] for place in range(number)]
    steps = [at_step[0].step for at_step in readings]
    parts = [over_seeds([reading.parts_cka for reading in at_step]) for at_step in readings]
    control = [fmean(reading.control_cka for reading in at_step) for at_step in readings]
    (line,) = axes.plot(steps, [estimate.value for estimate in parts], **style)
    axes.plot(steps, control, color=style["color"], linestyle=":", linewidth=1)
    axes.fill_between(
        steps,
        [estimate.value if estimate.low is None else estimate.low for estimate in parts],
        [estimate.value if estimate.high is None else estimate.high for estimate in parts],
        color=style["color"],
        alpha=0.15,
    )
    return line


def _terms(row: Row) -> "pd.DataFrame":
    import pandas as pd

    assert row.record.gradient_terms is not None
    structure = row.record.gradient_terms.structure
    shares = [[0.0] * len(structure.sources) for _ in structure.weights]
    for line, weight in zip(shares, structure.weights, strict=True):
        for span in weight.reads:
            line[span.source] += (span.stop - span.start) / structure.sources[span.source].channels
    return pd.DataFrame(
        shares,
        index=[_short(weight.name) for weight in structure.weights],
        columns=[_short(source.name) for source in structure.sources],
    )


def _similarities(row: Row) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    trainings = row.record.trainings
    same = [training for training in trainings if training.maps == trainings[0].maps]
    mean = np.mean([training.readings[-1].cka for training in same], axis=0)
    names = [_short(name) for name in trainings[0].maps]
    return pd.DataFrame(mean, index=names, columns=names)


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
) -> "Figure | None":
    """A heat map for each row of ``table``; None if there are no rows."""
    if not table:
        return None
    import seaborn as sns
    from matplotlib.figure import Figure

    selection = in_suite_order(table, _MAX_PANELS)
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
        caption(figure, results.run, selection.rows, note, selection.note)
    return figure
