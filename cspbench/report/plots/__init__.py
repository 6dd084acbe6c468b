"""Plots of a run, a file for each family; each function returns a figure, or None without data."""

from .energy import energy
from .figures import FIGURES, FORMATS, draw
from .forms import forms
from .gradients import gradient_course, gradient_similarity, gradient_terms
from .history import history
from .latency import latency
from .memory import peak_memory
from .scatter import latency_by_macs, top1_by_latency
from .spread import sample_spread
from .style import encode, theme
from .sweep import sweep

__all__ = [
    "FIGURES",
    "FORMATS",
    "draw",
    "encode",
    "energy",
    "forms",
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
