"""The plots of a run by file name, and the formats in which they are written."""

from collections.abc import Callable

from ..results import Results
from .base import Plot
from .energy import energy
from .forms import forms
from .gradients import gradient_course, gradient_similarity, gradient_terms
from .latency import latency
from .memory import peak_memory
from .memory_series import memory_series
from .roofline import roofline
from .scatter import latency_by_macs, top1_by_latency
from .spread import sample_spread
from .sweep import sweep

FORMATS = ("png", "svg")

PLOTS: dict[str, Callable[[Results], Plot | None]] = {
    "latency": latency,
    "latency_by_macs": latency_by_macs,
    "top1_by_latency": top1_by_latency,
    "peak_memory": peak_memory,
    "memory_series": memory_series,
    "energy": energy,
    "roofline": roofline,
    "samples": sample_spread,
    "forms": forms,
    "sweep": sweep,
    "gradient_terms": gradient_terms,
    "gradient_similarity": gradient_similarity,
    "gradient_course": gradient_course,
}
"""By file name without suffix; a function returns None if the run has no data for its plot."""


def plots_of(results: Results) -> dict[str, Plot]:
    """The plots that a run has data for, by file name; none is drawn before it is asked for."""
    made = ((name, plot(results)) for name, plot in PLOTS.items())
    return {name: plot for name, plot in made if plot is not None}
