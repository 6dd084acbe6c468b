"""The HTML page of a run: one file that needs no network, with tables and plots to explore."""

from .run import page

__all__ = ["page"]
