"""Reports: tables, plots and pages of a run or a comparison, made from its records."""

from .columns import COLUMNS, Column, choose
from .history import MAX_RUNS
from .results import Results, derive
from .writing import FORMATS, conclusion, render, text, write, write_history, write_history_page

__all__ = [
    "COLUMNS",
    "FORMATS",
    "MAX_RUNS",
    "Column",
    "Results",
    "choose",
    "conclusion",
    "derive",
    "render",
    "text",
    "write",
    "write_history",
    "write_history_page",
]
