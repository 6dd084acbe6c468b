"""HTML pages of runs: each is one file that needs no network, with tables and plots to explore."""

from .comparison import page as comparison_page
from .run import page

__all__ = ["comparison_page", "page"]
