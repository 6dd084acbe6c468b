"""Plots of runs that are hard to lay out: no text covers another or leaves its figure."""

import pytest
from drawn_texts import misplaced
from plotted_runs import RUNS

from cspbench.report import plots
from cspbench.report.results import derive

_CHOSEN: dict[str, tuple[str, ...]] = {
    "one mode": ("top1_by_latency",),
    "eleven entries": ("latency", "latency_by_macs", "energy"),
    "thirty entries": ("latency_by_macs",),
    "eight inputs": ("latency_by_macs",),
    "failed cases": ("latency",),
    "contended launches": ("samples",),
    "contended launches that count": ("samples",),
    "times a thousandfold apart": ("latency", "latency_by_macs", "peak_memory"),
    "forms": ("forms", "latency"),
    "a sweep of nineteen values": ("sweep",),
    "a sweep of batch sizes": ("sweep", "latency"),
    "a sweep of two arguments": ("sweep", "latency_by_macs"),
    "a sweep of twelve entries": ("sweep",),
}
"""The plots of a run that it is hard for; all plots of the others are drawn."""


@pytest.mark.parametrize("run", RUNS)
def test_no_text_covers_another_or_leaves_its_figure(run: str) -> None:
    """By the boxes of all lines of text that the renderer draws."""
    described = plots.plots_of(derive(RUNS[run]()))
    for name in _CHOSEN.get(run, described):
        assert not list(misplaced(described[name].draw())), name
