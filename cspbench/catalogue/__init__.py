"""The catalogue: the entries that can be measured, and how their code is loaded."""

from .entries import ENTRIES, find
from .entry import Entry, Parameter

__all__ = ["ENTRIES", "Entry", "Parameter", "find"]
