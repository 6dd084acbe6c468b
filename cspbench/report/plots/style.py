"""The common style of figures: theme, markers, panels, captions, encoding.

An entry has the same colour, marker and place in every figure: they follow suite order.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, Any

from ...plan.case import Mode
from ...plan.labels import label, plain
from ...records.run import Run
from ...text import shortened
from ..rows import Row, by_mode
from ..tables import wrap
from ..words import MODE_TITLES
from .selection import Selection

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE = "#333333", "#9a9a9a"
MIB = 2**20
BAND = 0.76
"""The share of the space between two entries that bars take."""

_HATCH: dict[Mode, str] = {"infer": "", "train": "////"}
_MARKERS = "osD^vPX<>"  # nine markers and ten colours make ninety distinct pairs
_LOG_SPAN = 25  # ratio of largest to smallest value from which an axis is logarithmic
_LABEL_WIDTH = 30
_MOST_SHAPES = 5_000
_MAX_CAPTION = 60  # characters of a name in a caption


@contextmanager
def theme() -> Iterator[None]:
    """Apply the style of all figures inside the context, with reproducible SVG."""
    import matplotlib as mpl
    import seaborn as sns

    settings = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("notebook", font_scale=0.9),
        "font.family": "DejaVu Sans",
        "axes.edgecolor": "#cccccc",
        "figure.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.unicode_minus": True,
        "grid.color": "#e6e6e6",
        "legend.frameon": False,
        "svg.hashsalt": "cspbench",
        "svg.fonttype": "path",
        "text.parse_math": False,  # a dollar sign in a name is no formula
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Names with unknown glyphs or in tight places are drawn as well as they can be.
        warnings.simplefilter("ignore", UserWarning)
        yield


def encode(figure: "Figure", suffix: str) -> bytes:
    """The figure as the content of a PNG or SVG file, equal for equal figures."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if suffix == "svg" else {"Software": None}
    with theme():
        figure.savefig(buffer, format=suffix, dpi=130, metadata=metadata)
    return buffer.getvalue()


@cache
def palette() -> Sequence[tuple[float, float, float]]:
    """The colours of entries, a colour-blind palette."""
    import seaborn as sns

    return tuple(sns.color_palette("colorblind"))


def look(row: Row) -> dict[str, Any]:
    """The colour and marker of an entry."""
    colours = palette()
    return {
        "color": colours[row.place % len(colours)],
        "marker": _MARKERS[row.place % len(_MARKERS)],
    }


def bar_look(mode: Mode, colour: Any) -> dict[str, Any]:
    """The look of an entry's bar in ``mode``."""
    from matplotlib.colors import to_rgba

    fill = colour if mode == "infer" else to_rgba(colour, 0.45)
    return {"facecolor": fill, "edgecolor": "white", "hatch": _HATCH[mode], "linewidth": 0}


def mark_look(marker: str) -> dict[str, Any]:
    """The look of a mark on a bar: a stroke, or a hollow marker."""
    if marker == "|":
        return {"marker": marker, "s": 90, "color": INK, "linewidths": 1.8}
    return {"marker": marker, "s": 34, "facecolors": "none", "edgecolors": INK, "linewidths": 1.2}


def are_one_picture(samples: int) -> bool:
    """Whether so many samples are a picture inside an SVG; as a shape, each takes 150 bytes."""
    return samples > _MOST_SHAPES


def name_text(row: Row, *, mark_reference: bool = True) -> str:
    """The name of an entry in at most two lines."""
    return short_name(marked_name(row) if mark_reference else row.name)


def marked_name(row: Row) -> str:
    """The name of an entry, which says whether it is the reference."""
    return f"{row.name} (reference)" if row.is_reference else row.name


def short_name(name: str) -> str:
    """A name in at most two lines, of a longer one the start and the end."""
    text = label(name)
    lines = wrap(text, _LABEL_WIDTH)
    return "\n".join(lines if len(lines) <= 2 else [lines[0], f"…{_end(text, _LABEL_WIDTH - 1)}"])


def one_line(name: str) -> str:
    """A name in one line, of a longer one the start and the end."""
    text = label(name)
    if len(wrap(text, _LABEL_WIDTH)) == 1:
        return text
    half = _LABEL_WIDTH // 2
    return f"{wrap(text, half)[0]}…{_end(text, half - 1)}"


def _end(text: str, width: int) -> str:
    return wrap(text[::-1], width)[0][::-1]


def draw_lines(
    axes: "Axes", frame: "pd.DataFrame", x: str, names: Sequence[str], *, has_legend: bool
) -> None:
    """Draw ``value`` over ``x`` of a frame, a line for each ``entry``, which is one of ``names``.

    The legend, beside the axes, has all ``names``.
    """
    import seaborn as sns

    colours, markers = line_colours(names), _line_markers(names)
    sns.lineplot(
        frame,
        x=x,
        y="value",
        hue="entry",
        hue_order=names,
        palette=colours,
        style="entry",
        style_order=names,
        markers=markers,
        dashes=False,
        estimator=None,
        ax=axes,
        legend=False,
    )
    if has_legend:
        from matplotlib.lines import Line2D

        lines = [
            Line2D([], [], color=colours[name], marker=markers[name], markeredgecolor="white")
            for name in names
        ]
        legend(axes, lines, names, loc="upper left", bbox_to_anchor=(1.02, 1))


def line_colours(names: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """The colour of each entry's line; after ten they repeat, with another marker."""
    return dict(zip(names, cycle(palette()), strict=False))


def _line_markers(names: Sequence[str]) -> dict[str, str]:
    return dict(zip(names, cycle(_MARKERS), strict=False))


def legend(
    owner: "Axes | Figure", handles: Sequence["Artist"], names: Sequence[str], **options: Any
) -> None:
    """Add a legend of ``names``; matplotlib leaves out labels that begin with an underscore."""
    drawn = owner.legend(handles, [str(index) for index in range(len(names))], **options)
    for text, name in zip(drawn.get_texts(), names, strict=True):
        text.set_text(short_name(name))


def panels(
    selection: Selection, title: str, *, row_height: float
) -> "tuple[Figure, list[tuple[Axes, list[Row]]]]":
    """A figure with a panel for each timed mode, and the axes and rows of each panel."""
    from matplotlib.figure import Figure

    groups = {
        mode: timed
        for mode, group in by_mode(selection.rows).items()
        if (timed := with_latency(group))
    }
    width = 2.6 + 4.9 * len(groups) if len(groups) > 1 else 8.2
    figure = Figure(figsize=(width, height(selection, row_height)), layout="constrained")
    grid = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    for axes, mode in zip(grid, groups, strict=True):
        axes.set_title(MODE_TITLES[mode])
        axes.grid(visible=False, axis="y")
    name_lines(grid[0], selection)
    figure.suptitle(title, x=0.01, ha="left")
    return figure, list(zip(grid, groups.values(), strict=True))


def with_latency(table: Sequence[Row]) -> list[Row]:
    """The rows that have a latency."""
    return [row for row in table if row.latency]


def height(selection: Selection, row_height: float) -> float:
    """The height in inches of a figure with a line for every entry."""
    return 2.0 + max(2, len(selection.lines)) * row_height


def name_lines(axes: "Axes", selection: Selection) -> None:
    """Label the vertical axis with the name of each entry, the first at the top."""
    names = {selection.line(row): name_text(row) for row in selection.rows}
    axes.set_yticks(list(names), list(names.values()))
    axes.set_ylim(max(names) + 0.6, -0.6)


def scale(axes: "Axes", direction: str, values: Sequence[float]) -> None:
    """Make an axis logarithmic if a linear one would hide the smallest values."""
    if min(values) > 0 and max(values) / min(values) >= _LOG_SPAN:
        make_logarithmic(axes, direction)


def make_logarithmic(axes: "Axes", direction: str) -> None:
    """Make an axis logarithmic, with plain numbers beside its ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(**{f"{direction}scale": "log"})
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def caption(
    figure: "Figure", run: Run, table: Sequence[Row], note: str, selection_note: str = ""
) -> None:
    """Write lines below a figure: how to read it, the entries it shows, the circumstances."""
    settings, environment = run.info.settings, run.info.environment
    threads = f"{settings.threads} thread" + ("" if settings.threads == 1 else "s")
    precisions = ", ".join(dict.fromkeys(row.record.case.precision for row in table))
    circumstances = [
        f"{_brief(environment.device)} ({_brief(settings.device)}), {threads}",
        precisions,
        f"torch {_brief(environment.packages.get('torch', 'unknown'))}",
    ]
    if timed := with_latency(table):
        launches = _span(len(row.samples) for row in timed)
        numbers = _span(sum(map(len, row.samples.values())) for row in timed)
        circumstances.append(f"{numbers} samples in {launches} launches a case")
    lines = [f"{note[:1].upper()}{note[1:]}.", f"{'; '.join(circumstances)}."]
    if selection_note:
        lines.insert(1, f"{selection_note}.")
    text = "\n".join(lines)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=8.5, color="#555555", wrap=True)


def _brief(text: str) -> str:
    return shortened(plain(text), _MAX_CAPTION)


def _span(numbers: Iterator[int]) -> str:
    ordered = sorted(numbers)
    return str(ordered[0]) if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"
