"""Text as it is shown: printable, no longer than there is room for, names as a list."""

from collections.abc import Sequence

_SHOWN = 4  # names in a sentence before "and N more"


def printable(text: str) -> str:
    r"""The text on one line, without control, direction and zero-width characters.

    >>> printable("caf\u00e9\u202e\x1b[2J\nend ")
    'café??[2J end '
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "?"
        for character in text
    )


def printable_lines(text: str) -> str:
    r"""The text with each of its lines `printable`.

    >>> printable_lines("first\x07\nsecond")
    'first?\nsecond'
    """
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, length: int) -> str:
    """The text in at most ``length`` characters, the last one an ellipsis if it was cut.

    >>> shortened("gamma=0.25", 6)
    'gamma…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def listing(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Names as part of a sentence, only the first ``shown`` of many.

    >>> listing(["a", "b", "c"]), listing(["a"]), listing(list("abcdef"))
    ('a, b and c', 'a', 'a, b, c, d and 2 more')
    """
    first = list(names[:shown])
    if len(names) > shown:
        return f"{', '.join(first)} and {len(names) - shown} more"
    return " and ".join(filter(None, [", ".join(first[:-1]), *first[-1:]]))
