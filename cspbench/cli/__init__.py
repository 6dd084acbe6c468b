"""The command line: the only wing that prints and chooses exit codes."""

from .program import main

__all__ = ["main"]
