"""Markdown from data: tables, code, anchors."""

import inspect
import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: object) -> str:
    """``text`` as code within a line; '' for nothing.

    >>> code("--set"), code("a `b`"), code("")
    ('`--set`', '`` a `b` ``', '')
    """
    words = str(text)
    if "`" in words:
        return f"`` {words} ``"
    return f"`{words}`" if words else ""


def plain(text: str) -> str:
    r"""``text`` with what Markdown or HTML would read as markup made harmless.

    >>> plain("NAME=<x> a*b [c]")
    'NAME=&lt;x&gt; a\\*b \\[c\\]'
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\*_\[\]`])", r"\\\1", text)


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: ``name`` and `name` are code there as well."""
    return inspect.cleandoc(docstring or "")


def _cell(text: str) -> str:
    """One line, in which a bar outside of code does not end the cell."""
    pieces = " ".join(text.split()).split("`")
    pieces[::2] = (piece.replace("|", "&#124;") for piece in pieces[::2])
    return "`".join(pieces)
