"""Figures of a run, one file a figure; each function returns a figure and neither shows nor saves.

Where a run holds nothing for a figure, there is None in its place.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...records.run import Run
from .gradients import gradient_course, gradient_similarity, gradient_terms
from .history import history
from .latency import latency
from .memory import peak_memory
from .scatter import latency_by_macs, top1_by_latency
from .spread import sample_spread
from .style import encode, theme
from .sweep import sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "FIGURES",
    "FORMATS",
    "draw",
    "encode",
    "gradient_course",
    "gradient_similarity",
    "gradient_terms",
    "history",
    "latency",
    "latency_by_macs",
    "peak_memory",
    "sample_spread",
    "sweep",
    "theme",
    "top1_by_latency",
]

FORMATS = ("png", "svg")

FIGURES: "dict[str, Callable[[Run], Figure | None]]" = {
    "latency": latency,
    "latency_by_macs": latency_by_macs,
    "top1_by_latency": top1_by_latency,
    "peak_memory": peak_memory,
    "samples": sample_spread,
    "sweep": sweep,
    "gradient_terms": gradient_terms,
    "gradient_similarity": gradient_similarity,
    "gradient_course": gradient_course,
}


def draw(run: Run) -> "dict[str, Figure | None]":
    """Every figure by its file name without suffix."""
    return {name: figure(run) for name, figure in FIGURES.items()}
