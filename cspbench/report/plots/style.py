"""The style that all plots share: theme, looks of entries, intervals, names, legends, encoding.

A plot is drawn inside ``with theme():``. An entry looks the same in all plots of a run, by
``looks(results.rows)[row.place]``, a `Look`: plain data, also for views that matplotlib does not
draw. `INK` is for what belongs to no entry, `PALE` for lines of reference. Intervals are drawn by
`draw_interval`. Names are drawn by `name_text` (two lines) or `one_line`, never as they came, and
legends of names are made by `legend`. Panels and the scale of axes are in `panels`, lines below a
figure in `captions`, the choice of entries in `selection`, labels beside points in `labels`.
"""

import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...plan.case import Case
from ...plan.labels import label
from ..layout import wrap
from ..rows import Row

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE = "#333333", "#9a9a9a"
BAND = 0.76
"""The share of the space between two entries that bars take."""

PALETTE = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc",
    "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip
"""seaborn's colour-blind palette."""

_MARKERS = "osD^vPX<>"  # nine markers and ten colours make ninety distinct pairs
_LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)))
_SHADES = ((0.0, "#000000"), (0.45, "#ffffff"), (0.35, "#000000"))  # share of white or black
_LABEL_WIDTH = 30
_MOST_SHAPES = 5_000
_TITLE, _LEGEND_ROW = 0.32, 0.26  # inches of a figure's title, and of a row of a legend below it


@dataclass(frozen=True, slots=True)
class Look:
    """How an entry is drawn in every plot of a run: a colour as #rrggbb, a marker, a line style."""

    colour: str
    marker: str
    line: Any

    @property
    def mark(self) -> dict[str, Any]:
        """Colour, marker and its edge, as matplotlib's ``scatter`` takes them."""
        return {"color": self.colour, "marker": self.marker, "edgecolor": INK, "linewidth": 0.6}

    @property
    def joined(self) -> dict[str, Any]:
        """Colour, marker and line style, as matplotlib's ``plot`` takes them."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.line,
            "markeredgecolor": INK,
            "markeredgewidth": 0.6,
        }


def looks(table: Sequence[Row]) -> dict[int, Look]:
    """The look of each entry by its place, from all rows of a run.

    The colour is that of the catalogue entry, so that its variants form a group, as do its forms.
    The marker tells them apart: in a run of several forms it is that of the form, else each variant
    has its own, and so have the first variants of different entries. Entries that would still look
    alike get a lighter or darker shade.
    """
    cases: dict[int, Case] = {}
    for row in table:
        cases.setdefault(row.place, row.record.case)
    entries = _numbers(case.entry for case in cases.values())
    forms = _numbers(case.form for case in cases.values())
    variants: Counter[str] = Counter()
    uses: Counter[tuple[int, int]] = Counter()
    chosen = {}
    for place, case in sorted(cases.items()):
        number = entries[case.entry]
        marker = forms[case.form] if len(forms) > 1 else number + variants[case.entry]
        pair = number % len(PALETTE), marker % len(_MARKERS)
        chosen[place] = _look(number, marker, uses[pair])
        variants[case.entry] += 1
        uses[pair] += 1
    return chosen


def looks_of_names(names: Sequence[str]) -> dict[str, Look]:
    """The look of each of ``names``, for lines over many runs, where entries have no place."""
    return {name: _look(index, index, 0) for index, name in enumerate(names)}


def _look(colour: int, marker: int, shade: int) -> Look:
    share, other = _SHADES[shade % len(_SHADES)]
    return Look(
        colour=_mixed(PALETTE[colour % len(PALETTE)], other, share),
        marker=_MARKERS[marker % len(_MARKERS)],
        line=_LINES[(colour // len(PALETTE) + shade) % len(_LINES)],
    )


def _numbers(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _mixed(colour: str, other: str, share: float) -> str:
    """A colour with a share of another."""
    pairs = [(int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(own + share * (new - own)):02x}" for own, new in pairs)


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


def encode(figure: "Figure", suffix: str, alt: str = "") -> bytes:
    """The figure as the content of a PNG or SVG file, equal for equal figures.

    The title of the figure and ``alt``, its description, are in the file's metadata.
    """
    buffer = io.BytesIO()
    unstable = {"Date": None, "Creator": None} if suffix == "svg" else {"Software": None}
    metadata = {**unstable, "Title": figure.get_suptitle(), "Description": alt}
    with theme():
        figure.savefig(buffer, format=suffix, dpi=130, metadata=metadata)
    return buffer.getvalue()


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
    return short_name(row.title if mark_reference else row.name)


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


def draw_interval(
    axes: "Axes", ends: tuple[float, float] | None, position: float, *, direction: str = "x"
) -> None:
    """Draw a 95% interval along an axis, at a position on the other one; nothing for None."""
    if ends is None:
        return
    line = (ends, [position] * 2) if direction == "x" else ([position] * 2, ends)
    axes.plot(
        *line,
        color=INK,
        linewidth=1.4,
        marker="|" if direction == "x" else "_",
        markersize=8,
        markeredgewidth=1.4,
        zorder=3,
    )


def legend(
    owner: "Axes | Figure", handles: Sequence["Artist"], names: Sequence[str], **options: Any
) -> None:
    """Add a legend of ``names``; matplotlib leaves out labels that begin with an underscore."""
    drawn = owner.legend(handles, [str(index) for index in range(len(names))], **options)
    for text, name in zip(drawn.get_texts(), names, strict=True):
        text.set_text(short_name(name))


def legend_below_title(figure: "Figure", handles: Sequence["Artist"], *, columns: int) -> None:
    """Add a legend of labelled ``handles`` below the title, and the room it needs."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = -(-len(handles) // columns)
    room = 0.12 + _LEGEND_ROW * rows
    height = figure.get_figheight() + room
    figure.set_figheight(height)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0, 0, 1, 1 - room / height))
    drawn = figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.005, 1 - _TITLE / height),
        ncols=columns,
        borderaxespad=0,
    )
    drawn.set_in_layout(False)
