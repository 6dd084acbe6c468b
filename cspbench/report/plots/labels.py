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
    transformed = [axes.transData.transform(point) for point in points]
    centres = [(unit * float(x), unit * float(y)) for x, y in transformed]
    taken = [
        Box(x - radius, y - radius, x + radius, y + radius)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    markers = [(*centre, radius) for centre, radius in zip(centres, radii, strict=True)]
    for point, (x, y, radius), text in zip(points, markers, texts, strict=True):
        width, height = _size(axes, text, unit)
        others = [one for one in markers if one != (x, y, radius)]
        best: tuple[float, float, float, float, Box] | None = None
        for distance in _DISTANCES:
            for angle in _ANGLES:
                dx, dy = _offset(angle, radius + distance, width, height)
                box = Box(x + dx, y + dy, x + dx + width, y + dy + height)
                covered = sum(map(box.overlap, taken)) + box.area - box.overlap(frame)
                if others and min(box.gap(*one) for one in others) < box.gap(x, y, radius):
                    covered += _ANOTHERS_COST
                if best is None or covered < best[0] - 1e-6:
                    best = covered, distance, dx, dy, box
        assert best is not None
        _, distance, dx, dy, box = best
        taken.append(box)
        nearest = min((box.gap(*one) for one in others), default=inf)
        is_tied = distance >= _LINED or nearest <= box.gap(x, y, radius) + _BESIDE
        note = axes.annotate(
            text,
            point,
            xytext=(dx, dy),
            textcoords="offset points",
            fontsize=8.5,
            zorder=5,
            arrowprops=(
                {"arrowstyle": "-", "color": "#9a9a9a", "linewidth": 0.7, "shrinkA": 0}
                if is_tied
                else None
            ),
        )
        note.set_in_layout(False)


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
