"""The plots of a run on a Markdown page: the part in which each stands, with what it shows."""

from collections.abc import Iterator

from ..records.quantity import Part
from . import markdown as md
from .plots import plots_of
from .results import Results

_EXACT = frozenset(("peak_memory", "gradient_terms"))
"""The plots of figures that are the same in every run; the others stand with what is measured."""


def blocks(results: Results, part: Part) -> Iterator[md.Block]:
    """The pictures of one part of a page that lies beside the folder of its plots."""
    for name, plot in plots_of(results).items():
        if (name in _EXACT) == (part == "exact"):
            yield md.picture(f"plots/{name}.png", plot.alt)
