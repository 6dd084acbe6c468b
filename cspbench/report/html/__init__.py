"""HTML pages of runs and comparisons: each one file without network, to sort, filter and plot."""

from .comparison import page as comparison_page
from .history import page as history_page
from .run import page

__all__ = ["comparison_page", "history_page", "page"]
