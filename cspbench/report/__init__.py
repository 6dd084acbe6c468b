"""Reports: tables, plots and pages of a run or a comparison, made from its records."""

from .columns import COLUMNS, Column, choose
from .results import Results, derive
from .writing import FORMATS, conclusion, render, text, write, write_history

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Column",
    "Results",
    "choose",
    "conclusion",
    "derive",
    "render",
    "text",
    "write",
    "write_history",
]
