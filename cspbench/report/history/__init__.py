"""The history of a measure over many runs: its series and change points, and its page as text."""

from .page import change_sentences, run_sentences, size, text
from .series import MAX_RUNS, ChangePoint, History, Point, Series, histories, history, points

__all__ = [
    "MAX_RUNS",
    "ChangePoint",
    "History",
    "Point",
    "Series",
    "change_sentences",
    "histories",
    "history",
    "points",
    "run_sentences",
    "size",
    "text",
]
