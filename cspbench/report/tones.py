"""Words that say worse or better, marked inside a text, so that a terminal can colour them.

Pages say which words have a tone; `cli.terminal` alone knows colours. A mark is a character that
takes no room, so that tables are drawn as if it were not there. `printable` takes it out of any
text from outside.
"""

import re
from collections.abc import Iterator
from typing import Literal, get_args

from ..text import printable_lines

Tone = Literal["better", "worse", "undecided"]
"""What a word says of the candidate, of an entry beside the reference, or of the machine."""

TONES: tuple[Tone, ...] = get_args(Tone)

_MARKS = dict(zip("\u2061\u2062\u2063", TONES, strict=True))
_END = "\u2060"
_TONED = re.compile(f"([{''.join(_MARKS)}])([^{''.join(_MARKS)}{_END}]*){_END}")


def toned(words: str, answer: str) -> str:
    """The words with the tone of a verdict or a grade; as they are if it has none.

    Each word is marked by itself, so that a line may end between two.
    """
    mark = next((mark for mark, tone in _MARKS.items() if tone == answer), "")
    return " ".join(f"{mark}{word}{_END}" for word in words.split(" ")) if mark else words


def pieces(text: str) -> Iterator[tuple[str, Tone | None]]:
    """The printable pieces of a text in order, each with its tone."""
    start = 0
    for match in _TONED.finditer(text):
        yield printable_lines(text[start : match.start()]), None
        yield printable_lines(match[2]), _MARKS[match[1]]
        start = match.end()
    yield printable_lines(text[start:]), None


def untoned(text: str) -> str:
    """The text, printable, without its tones."""
    return "".join(piece for piece, _ in pieces(text))


def kept(text: str) -> str:
    """The text, printable, with its tones."""
    return "".join(toned(piece, tone) if tone else piece for piece, tone in pieces(text))
