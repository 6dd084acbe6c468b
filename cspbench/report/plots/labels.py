"""Labels beside the points of a scatter, each where it covers least."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, inf, radians, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ANGLES = (0, 180, 90, 270, 35, 325, 145, 215)
_DISTANCES = (5.0, 14.0, 26.0, 40.0)  # points from the marker's edge, nearest first
_LINED = 10.0  # from this distance on a line ties the label to its marker
_ANOTHERS_COST = 60.0  # square points that a place is worse by where another marker is nearer
_BESIDE = 4.0  # a line is also drawn where another marker is no more than so much farther
_LINE = {"arrowstyle": "-", "color": "#9a9a9a", "linewidth": 0.7, "shrinkA": 0}

Marker = tuple[float, float, float]
"""The centre of a marker and its radius, in points from the figure's corner."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in points from the figure's corner."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """The area that two boxes share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def gap(self, x: float, y: float, radius: float) -> float:
        """How far it lies from the edge of a marker; below 0 where it covers some of it."""
        across = max(self.left - x, 0.0, x - self.right)
        up = max(self.bottom - y, 0.0, y - self.top)
        return hypot(across, up) - radius

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.top - self.bottom)


def place_labels(
    axes: "Axes",
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    radii: Sequence[float],
) -> None:
    """Writes a text beside each point, in data coordinates, whose marker has a radius in points.

    Greedy: every label takes the nearest position that covers no marker and no earlier label, and
    that no other marker is nearer to; else the one that is least bad. A line ties it to its marker
    where it is far from it, or about as near to another. The axes must have been laid out.
    """
    unit = 72 / axes.figure.dpi
    window = axes.get_window_extent()
    frame = Box(*(unit * edge for edge in (window.x0, window.y0, window.x1, window.y1)))
    centres = [axes.transData.transform(point) for point in points]
    markers = [
        (unit * float(x), unit * float(y), radius)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    taken = [Box(x - radius, y - radius, x + radius, y + radius) for x, y, radius in markers]
    for point, marker, text in zip(points, markers, texts, strict=True):
        others = [other for other in markers if other != marker]
        place = _best_place(marker, others, _size(axes, text, unit), taken, frame)
        taken.append(place.box)
        note = axes.annotate(
            text,
            point,
            xytext=place.offset,
            textcoords="offset points",
            fontsize=8.5,
            zorder=5,
            arrowprops=_LINE if place.needs_line else None,
        )
        note.set_in_layout(False)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a label stands: its box, and that box's lower left corner from its marker's centre."""

    box: Box
    offset: tuple[float, float]
    needs_line: bool


def _best_place(
    marker: Marker,
    others: Sequence[Marker],
    size: tuple[float, float],
    taken: Sequence[Box],
    frame: Box,
) -> _Place:
    """The nearest place that covers least of what is ``taken`` or lies outside the ``frame``."""
    x, y, radius = marker
    width, height = size
    least, best = inf, None
    for distance in _DISTANCES:
        for angle in _ANGLES:
            dx, dy = _offset(angle, radius + distance, width, height)
            box = Box(x + dx, y + dy, x + dx + width, y + dy + height)
            covered = sum(map(box.overlap, taken)) + box.area - box.overlap(frame)
            nearest = min((box.gap(*other) for other in others), default=inf)
            if nearest < box.gap(*marker):
                covered += _ANOTHERS_COST
            if best is None or covered < least - 1e-6:
                needs_line = distance >= _LINED or nearest <= box.gap(*marker) + _BESIDE
                least, best = covered, _Place(box, (dx, dy), needs_line)
    assert best is not None
    return best


def _offset(angle: float, reach: float, width: float, height: float) -> tuple[float, float]:
    """Of a box's lower left corner from a point, so that the box begins ``reach`` away from it."""
    across, up = cos(radians(angle)), sin(radians(angle))
    return (
        across * reach + (across - 1) / 2 * width,
        up * reach + (up - 1) / 2 * height,
    )


def _size(axes: "Axes", text: str, unit: float) -> tuple[float, float]:
    probe = axes.text(0.5, 0.5, text, fontsize=8.5, transform=axes.transAxes)
    extent = probe.get_window_extent()
    probe.remove()
    return extent.width * unit, extent.height * unit
