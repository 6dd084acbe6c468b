"""Errors as one line on stderr."""

import contextlib
import sys

_MAX_LINE = 1000  # characters of an error message, which may quote text of any length


def print_error(message: str) -> None:
    """Print an error to stderr as one line, cut off if it is very long."""
    quote = message if len(message) <= _MAX_LINE else f"{message[:_MAX_LINE]}…"
    visible = "".join(character if character.isprintable() else " " for character in quote)
    with contextlib.suppress(OSError):
        print(f"cspbench: {' '.join(visible.split())}", file=sys.stderr, flush=True)
