"""Text from outside on pages: names and reasons, marked inside sentences.

A plain text page shows them as they are. On a Markdown page (`markdown`) what is marked becomes a
code span, and the rest is escaped, so that text which nobody marked is no markup either.
"""

import re
from collections.abc import Callable, Iterator

from ..plan.labels import plain
from ..text import printable

Quote = Callable[[str], str]
"""A function that quotes text from outside for one kind of page: `verbatim` or `marked`."""

_START, _END = "\x02", "\x03"  # `plain` leaves none of these in a text
_MARKED = re.compile(f"{_START}([^{_START}{_END}]*){_END}")


def verbatim(text: str) -> str:
    """The text itself, on one line, for plain text pages, which have no markup."""
    return plain(text)


def marked(text: str) -> str:
    """The text between marks, for `markdown` pages, where it becomes a code span."""
    return f"{_START}{plain(text)}{_END}"


def pieces(sentence: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a sentence in order, each with whether it was marked."""
    for index, piece in enumerate(_MARKED.split(sentence)):
        yield printable(piece), index % 2 == 1
