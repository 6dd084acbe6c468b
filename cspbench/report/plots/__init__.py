"""Plots of a run, a file for each family; each function returns a `Plot`, or None without data."""

from .base import Plot
from .energy import energy
from .figures import FORMATS, PLOTS, plots_of
from .forms import forms
from .gradients import gradient_course, gradient_similarity, gradient_terms
from .history import history
from .latency import latency
from .memory import peak_memory
from .memory_series import memory_series
from .roofline import roofline
from .scatter import latency_by_macs, top1_by_latency
from .spread import sample_spread
from .style import encode, theme
from .sweep import sweep

__all__ = [
    "FORMATS",
    "PLOTS",
    "Plot",
    "encode",
    "energy",
    "forms",
    "gradient_course",
    "gradient_similarity",
    "gradient_terms",
    "history",
    "latency",
    "latency_by_macs",
    "memory_series",
    "peak_memory",
    "plots_of",
    "roofline",
    "sample_spread",
    "sweep",
    "theme",
    "top1_by_latency",
]
