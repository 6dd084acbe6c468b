"""The page of a comparison: its conclusion, a row for each changed entry, and the details."""

from .conclusion import conclusion
from .page import MAX_CHARACTERS, MAX_LINES, compact_table, markdown, text
from .rows import changed_entries

__all__ = [
    "MAX_CHARACTERS",
    "MAX_LINES",
    "changed_entries",
    "compact_table",
    "conclusion",
    "markdown",
    "text",
]
