"""The plot of each entry's samples by launch: the spread within and between processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from ...text import listing
from ...units import percent_text
from ...verdicts.launches import is_contended, is_throttled
from ..results import Results
from ..rows import Row
from ..words import plural
from .base import Plot, by_panel, extremes
from .captions import caption
from .panels import Panel, panels_of_lines
from .selection import Selection, by_difference
from .style import INK, PALE, Look, are_one_picture, legend_below_title, looks, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLE = "Spread of samples by launch"
_BAND = 0.8  # share of the space between two entries that the lanes of launches take
_SHOWN_SHARE = 0.98  # share of samples that the axis must show
_FAR = 1.5  # samples this many times beyond those would squeeze the rest: drawn at the edge


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lane:
    """The samples of one case in one launch, in percent above the latency of the case.

    ``state`` is '' for an undisturbed launch; ``counts``: the latency is made from it.
    """

    row: Row
    launch: int
    deviations: Sequence[float]
    state: str
    counts: bool

    @property
    def kind(self) -> str:
        """What the legend says of the launch; '' for an undisturbed one."""
        if not self.state:
            return ""
        return f"{self.state}, counts all the same" if self.counts else f"{self.state}, left out"


def sample_spread(results: Results) -> Plot | None:
    """Samples relative to the entry's latency, a lane for each launch, a panel for each mode.

    None if nothing was timed.
    """
    selection = by_difference([row for row in results.rows if row.latency])
    if not selection.rows:
        return None
    lanes = _lanes(results, selection)
    return Plot(
        title=_TITLE,
        alt=f"Samples of {selection.entries} by launch, against the latency of each; the "
        f"steadiest has the narrowest middle half. {_extremes(selection.rows)} {_disturbed(lanes)}",
        draw=lambda: _figure(results, selection, lanes),
    )


def _lanes(results: Results, selection: Selection) -> list[_Lane]:
    states = {
        launch.launch: "contended" if is_contended(launch) else "throttled"
        for launch in results.run.launches
        if is_contended(launch) or is_throttled(launch)
    }
    return [
        _Lane(
            row=row,
            launch=line.launch,
            deviations=[100 * (value / row.latency.value - 1) for value in line.samples_s],
            state=states.get(line.launch, ""),
            counts=counts,
        )
        for row in selection.rows
        if row.latency
        for lines, counts in ((row.latencies, True), (row.left_out, False))
        for line in lines
    ]


def _disturbed(lanes: Sequence[_Lane]) -> str:
    """A sentence on the launches that were disturbed."""
    kinds = _kinds(lanes)
    if not kinds:
        return "No launch was contended or throttled."
    clauses = [f"{_of_launches(launches)} {kind}" for kind, launches in kinds.items()]
    return f"Disturbed: {'; '.join(clauses)}."


def _kinds(lanes: Sequence[_Lane]) -> dict[str, list[int]]:
    """The launches of each kind of disturbance."""
    kinds: dict[str, set[int]] = {}
    for lane in lanes:
        if lane.kind:
            kinds.setdefault(lane.kind, set()).add(lane.launch)
    return {kind: sorted(kinds[kind]) for kind in sorted(kinds)}


def _of_launches(launches: Sequence[int]) -> str:
    return f"launch{'' if len(launches) == 1 else 'es'} {listing(list(map(str, launches)))}"


def _extremes(table: Sequence[Row]) -> str:
    return by_panel(
        table,
        lambda rows: extremes(
            rows, _middle_half, percent_text, lowest="the steadiest", highest="the least steady"
        ),
    )


def _middle_half(row: Row) -> float | None:
    """The width of the middle half of a row's samples over its latency; None of one sample."""
    samples = list(chain.from_iterable(row.samples.values()))
    if row.latency is None or len(samples) < 2:
        return None
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return (high - low) / row.latency.value


def _figure(results: Results, selection: Selection, lanes: Sequence[_Lane]) -> "Figure":
    with theme():
        figure, panels = panels_of_lines(selection.rows, _TITLE, row_height=0.62)
        of_place = looks(results.rows)
        beyond = 0
        for panel in panels:
            of_input = [lane for lane in lanes if lane.row.place in panel.lines]
            beyond += _draw(panel, of_input, of_place)
        _name_kinds(figure, lanes)
        note = "lanes from top to bottom: launches in order; ticks: their medians"
        if beyond:
            note += f"; {plural(beyond, 'sample')} beyond the axis at its edge"
        if not _kinds(lanes):
            note += "; no launch was contended or throttled"
        caption(figure, results, selection.rows, note, selection.note)
    return figure


def _draw(panel: Panel, of_input: Sequence[_Lane], of_place: dict[int, Look]) -> int:
    """Draw the lanes of a panel, which all modes of its input share; the samples beyond its axis.

    A launch has its place among the lanes of an entry even where the entry took no part in it.
    """
    launches = {
        launch: number for number, launch in enumerate(sorted({lane.launch for lane in of_input}))
    }
    lanes = [lane for lane in of_input if lane.row.mode == panel.mode]
    axes, step = panel.axes, _BAND / len(launches)
    edge = _edge([deviation for lane in lanes for deviation in lane.deviations])
    is_picture = are_one_picture(sum(len(lane.deviations) for lane in lanes))
    medians: list[tuple[float, float]] = []
    groups: dict[tuple[int, str], list[tuple[_Lane, float]]] = {}
    for lane in lanes:
        height = panel.line(lane.row) + step * (launches[lane.launch] - (len(launches) - 1) / 2)
        groups.setdefault((lane.row.place, lane.kind), []).append((lane, height))
        medians.append((_clipped(median(lane.deviations), edge), height))
    for (place, _), alike in groups.items():
        look = of_place[place]
        axes.scatter(
            [_clipped(value, edge) for lane, _ in alike for value in lane.deviations],
            [height for lane, height in alike for _ in lane.deviations],
            s=15,
            marker=look.marker,
            **_dots(look.colour, alike[0][0]),
            zorder=2,
            rasterized=is_picture,
        )
    middles, heights = zip(*medians, strict=True)
    lows, highs = ([at + side * step for at in heights] for side in (-0.45, 0.45))
    axes.vlines(middles, lows, highs, color=INK, linewidth=1.8, zorder=3)
    axes.axvline(0, color=PALE, linewidth=1, zorder=1)
    axes.set(xlim=(-edge * 1.06, edge * 1.06))
    axes.set_xlabel("sample against the latency of its entry [%]")
    return sum(abs(value) > edge for lane in lanes for value in lane.deviations)


def _dots(colour: str, lane: _Lane) -> dict[str, Any]:
    """The look of a launch's samples: hollow if it is left out, with an edge if it is disturbed."""
    if not lane.counts:
        return {"facecolors": "none", "edgecolors": colour, "linewidths": 0.9}
    if lane.state:
        return {"facecolors": colour, "edgecolors": INK, "linewidths": 0.8}
    return {"color": colour, "alpha": 0.75, "linewidth": 0}


def _name_kinds(figure: "Figure", lanes: Sequence[_Lane]) -> None:
    """Name the launches that are drawn differently, if there are any."""
    from matplotlib.lines import Line2D

    examples = {lane.kind: lane for lane in lanes if lane.kind}
    if not examples:
        return
    style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 6}
    handles = []
    if any(not lane.kind for lane in lanes):
        look: dict[str, Any] = {"color": PALE, "markeredgewidth": 0}
        handles.append(Line2D([], [], **style, **look, label="undisturbed launch"))
    for kind, launches in _kinds(lanes).items():
        counts = examples[kind].counts
        handles.append(
            Line2D(
                [],
                [],
                **style,
                markerfacecolor=PALE if counts else "none",
                markeredgecolor=INK if counts else PALE,
                label=f"{kind}: {_of_launches(launches)}",
            )
        )
    legend_below_title(figure, handles, columns=1)


def _clipped(value: float, edge: float) -> float:
    return min(edge, max(-edge, value))


def _edge(deviations: Sequence[float]) -> float:
    """Half the width of the axis in percent: at least 1, and all but far deviations."""
    sizes = sorted(map(abs, deviations))
    shown = sizes[int(_SHOWN_SHARE * (len(sizes) - 1))]
    return max(1.0, *(size for size in sizes if size <= _FAR * shown))
