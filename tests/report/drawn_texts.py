"""Where the texts of a figure stand, as the renderer draws them."""

import io
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from unittest.mock import patch

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

_SLACK = 1.0  # pixels that boxes may share: they hold whole lines, not the ink alone


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Each line of text that ``figure`` draws, and its box in pixels from the lower left corner."""
    boxes: list[tuple[str, Bbox]] = []
    original: Any = RendererAgg.draw_text

    def record(
        self: Any,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        *rest: Any,
        **more: Any,
    ) -> None:
        width, height, _ = self.get_text_width_height_descent(s, prop, ismath=False)
        if angle == 90:
            box = Bbox.from_bounds(x - height, self.height - y, height, width)
        else:
            box = Bbox.from_bounds(x, self.height - y, width, height)
        if s.strip():
            boxes.append((s, box))
        original(self, gc, x, y, s, prop, angle, *rest, **more)

    with patch.object(RendererAgg, "draw_text", record):
        figure.savefig(io.BytesIO(), format="png", dpi=figure.dpi)
    return boxes


def misplaced(figure: Figure) -> Iterator[str]:
    """Texts that overlap one another, or leave the figure."""
    boxes = text_boxes(figure)
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            yield f"{text!r} leaves the figure"
    for (text, box), (other, other_box) in combinations(boxes, 2):
        across = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
        up = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
        if across > _SLACK and up > _SLACK:
            yield f"{text!r} covers {other!r} ({across:.0f} x {up:.0f} pixels)"
