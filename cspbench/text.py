"""Text from outside made safe to show: printable, and no longer than there is room for."""


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
