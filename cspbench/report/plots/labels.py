"""Placement of labels beside the points of a scatter plot, with little overlap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, hypot, inf, radians, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ANGLES = (0, 180, 90, 270, 35, 325, 145, 215, 60, 120, 240, 300)
_DISTANCES = (
    5.0,
    14.0,
    26.0,
    40.0,
    58.0,
    80.0,
    105.0,
)  # in points from the marker's edge, nearest first
_MIN_LINE = 10.0  # from this distance on, a line joins the label to its marker
_FREE = 1e-6  # square points; no farther place can be better than one that covers less
_LABEL_WEIGHT = 5.0  # a label over another is unreadable, one over a marker or a bar is not
_NEARER_COST = 60.0  # square points added to the overlap if another marker is nearer
_AMBIGUOUS = 4.0  # a line is also drawn if another marker is at most this much farther away
_BAR = 2.0  # points on either side of a bar that labels keep free
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
        """The distance of the box from the edge of a marker, negative if it covers part of it."""
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
    bars: Sequence[Sequence[tuple[float, float]]] = (),
) -> None:
    """Write a text beside each point.

    ``points`` are in data coordinates, the ``radii`` of their markers in points; ``bars`` are lines
    from one point to another. Labels are placed one after another, each at the nearest position
    that covers no marker, no bar and no earlier label and is not nearer to another marker, else at
    the position with the smallest cost. A line joins a label to its marker if it is far away or
    about as near to another marker. The axes must have been laid out.
    """
    unit = 72 / axes.figure.dpi
    window = axes.get_window_extent()
    frame = Box(*(unit * edge for edge in (window.x0, window.y0, window.x1, window.y1)))
    centres = [axes.transData.transform(point) for point in points]
    markers = [
        (unit * float(x), unit * float(y), radius)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    occupied = [Box(x - radius, y - radius, x + radius, y + radius) for x, y, radius in markers]
    for ends in bars:
        (left, bottom), (right, top) = (unit * axes.transData.transform(end) for end in ends)
        occupied.append(Box(left - _BAR, bottom - _BAR, right + _BAR, top + _BAR))
    labels: list[Box] = []
    for point, marker, text in zip(points, markers, texts, strict=True):
        others = [neighbour for neighbour in markers if neighbour != marker]

        def cost(box: Box) -> float:
            covered = sum(map(box.overlap, occupied)) + box.area - box.overlap(frame)
            return covered + _LABEL_WEIGHT * sum(map(box.overlap, labels))

        place = _best_place(marker, others, _size(axes, text, unit), cost)
        labels.append(place.box)
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
    """The place of a label: its box, and the offset of the box from the marker's centre."""

    box: Box
    offset: tuple[float, float]
    needs_line: bool


def _best_place(
    marker: Marker,
    others: Sequence[Marker],
    size: tuple[float, float],
    cost_of: Callable[[Box], float],
) -> _Place:
    """The nearest place of the smallest cost."""
    x, y, radius = marker
    width, height = size
    lowest_cost, best = inf, None
    for distance in _DISTANCES:
        if lowest_cost <= _FREE:
            break
        for angle in _ANGLES:
            dx, dy = _offset(angle, radius + distance, width, height)
            box = Box(x + dx, y + dy, x + dx + width, y + dy + height)
            cost = cost_of(box)
            nearest = min((box.gap(*neighbour) for neighbour in others), default=inf)
            if nearest < box.gap(*marker):
                cost += _NEARER_COST
            if best is None or cost < lowest_cost - _FREE:
                needs_line = distance >= _MIN_LINE or nearest <= box.gap(*marker) + _AMBIGUOUS
                lowest_cost, best = cost, _Place(box, (dx, dy), needs_line)
    assert best is not None
    return best


def _offset(angle: float, reach: float, width: float, height: float) -> tuple[float, float]:
    """The offset of a box's lower left corner from a point, so that the box is ``reach`` away."""
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
