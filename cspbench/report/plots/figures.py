"""The figures of a run by file name, and the formats in which they are written."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..results import Results
from .energy import energy
from .forms import forms
from .gradients import gradient_course, gradient_similarity, gradient_terms
from .latency import latency
from .memory import peak_memory
from .scatter import latency_by_macs, top1_by_latency
from .spread import sample_spread
from .sweep import sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")

FIGURES: "dict[str, Callable[[Results], Figure | None]]" = {
    "latency": latency,
    "latency_by_macs": latency_by_macs,
    "top1_by_latency": top1_by_latency,
    "peak_memory": peak_memory,
    "energy": energy,
    "samples": sample_spread,
    "forms": forms,
    "sweep": sweep,
    "gradient_terms": gradient_terms,
    "gradient_similarity": gradient_similarity,
    "gradient_course": gradient_course,
}
"""By file name without suffix; a function returns None if the run has no data for its figure."""


def draw(results: Results) -> "Iterator[tuple[str, Figure | None]]":
    """Yield every figure with its file name; only one is in memory at a time."""
    for name, figure in FIGURES.items():
        yield name, figure(results)
