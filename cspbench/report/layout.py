"""How a page of plain text is laid out: how wide it is, and whether its words keep their tones."""

from collections.abc import Iterable
from dataclasses import dataclass

from . import tones

_MAX_PROSE = 100  # terminal cells of a line of prose, however wide the tables may be


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The ``width`` of a page in terminal cells, and whether words keep their tones.

    The default is that of files: the same on every machine, so that a diff of two shows what
    changed, and not whose terminal was wider.
    """

    width: int = 80
    has_tones: bool = False

    def filled(self, text: str, start: str = "") -> str:
        """The text after ``start``, in lines that fit, with further lines indented.

        >>> FILE.filled("a warm-up ended at the cap", "- ")
        '- a warm-up ended at the cap'
        """
        indent = cells_wide(start)
        lines = wrap(text, min(self.width, _MAX_PROSE) - indent)
        return start + f"\n{' ' * indent}".join(lines)

    def headed(self, heading: str, sentences: Iterable[str]) -> str:
        """A heading, and below it an item for each sentence."""
        return "\n".join([heading, *(self.filled(sentence, "- ") for sentence in sentences)])

    def underlined(self, title: str, rule: str) -> str:
        """A title that is filled, above a ``rule`` of its length."""
        lines = self.filled(title)
        return f"{lines}\n{rule * max(map(cells_wide, lines.splitlines()))}"

    def page(self, blocks: Iterable[str]) -> str:
        """The blocks, without those that are empty, as a page of printable text."""
        text = "\n\n".join(filter(None, blocks))
        return tones.kept(text) if self.has_tones else tones.untoned(text)


FILE = Layout()
"""The layout of files, and of all that is printed but not on a terminal."""


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` terminal cells, broken at spaces if possible.

    >>> wrap("csp gamma=0.25 layers=12", 12), wrap("abcdef", 4)
    (['csp', 'gamma=0.25', 'layers=12'], ['abcd', 'ef'])
    """
    lines, line = [], ""
    for word in text.split(" "):
        rest = word
        if line and cells_wide(line) + 1 + cells_wide(rest) <= width:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while cells_wide(rest) > width:
            cut = _fitting(rest, width)
            lines.append(rest[:cut])
            rest = rest[cut:]
        line = rest
    return [*lines, line] if line or not lines else lines


def cells_wide(text: str) -> int:
    """The terminal cells that one line of text takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    from wcwidth import wcswidth

    width: int = wcswidth(text)
    return width if width >= 0 else len(text)


def _fitting(text: str, width: int) -> int:
    cut = 1
    while cut < len(text) and cells_wide(text[: cut + 1]) <= width:
        cut += 1
    return cut
