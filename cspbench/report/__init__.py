"""Tables, plots and pages of a run or a comparison, from its records alone."""

from .columns import COLUMNS, Column, choose
from .results import Results, results
from .writing import FORMATS, render, text, write, write_history

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Column",
    "Results",
    "choose",
    "render",
    "results",
    "text",
    "write",
    "write_history",
]
