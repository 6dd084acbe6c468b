"""The catalogue: what can be measured, and how its code is loaded. Listing it needs no torch."""

from .entries import ENTRIES, find
from .entry import Entry, Parameter

__all__ = ["ENTRIES", "Entry", "Parameter", "find"]
