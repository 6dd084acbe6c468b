"""The command line: the only wing that prints and chooses exit codes."""

from .main import main

__all__ = ["main"]
