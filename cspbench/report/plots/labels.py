"""Labels beside the points of a scatter, each where it covers least."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ANGLES = (0, 180, 90, 270, 35, 325, 145, 215)
_DISTANCES = (5.0, 14.0, 26.0, 40.0)  # points from the marker's edge, nearest first
_LINED = 10.0  # from this distance on a line ties the label to its marker


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

    Greedy: every label takes the nearest position that covers no marker and no earlier label, or
    the one that covers least. The axes must have been laid out.
    """
    unit = 72 / axes.figure.dpi
    window = axes.get_window_extent()
    frame = Box(*(unit * edge for edge in (window.x0, window.y0, window.x1, window.y1)))
    centres = [tuple(unit * value for value in axes.transData.transform(point)) for point in points]
    taken = [
        Box(x - radius, y - radius, x + radius, y + radius)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    for point, (x, y), text, radius in zip(points, centres, texts, radii, strict=True):
        width, height = _size(axes, text, unit)
        best: tuple[float, float, float, float, Box] | None = None
        for distance in _DISTANCES:
            for angle in _ANGLES:
                dx, dy = _offset(angle, radius + distance, width, height)
                box = Box(x + dx, y + dy, x + dx + width, y + dy + height)
                covered = sum(map(box.overlap, taken)) + box.area - box.overlap(frame)
                if best is None or covered < best[0] - 1e-6:
                    best = covered, distance, dx, dy, box
        assert best is not None
        _, distance, dx, dy, box = best
        taken.append(box)
        note = axes.annotate(
            text,
            point,
            xytext=(dx, dy),
            textcoords="offset points",
            fontsize=8.5,
            zorder=5,
            arrowprops=(
                {"arrowstyle": "-", "color": "#9a9a9a", "linewidth": 0.7, "shrinkA": 0}
                if distance >= _LINED
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
