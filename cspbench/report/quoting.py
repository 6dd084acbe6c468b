"""Quoting of text from outside, such as names and reasons, for text and Markdown pages."""

import re
from collections.abc import Callable

from ..plan.labels import plain

Quote = Callable[[str], str]
"""A function that makes text from outside safe for one kind of page: `verbatim` or `code`."""


def verbatim(text: str) -> str:
    """The text itself, for plain text pages, which have no markup."""
    return text


def code(text: str) -> str:
    """Text from outside as a Markdown code span, inside which there is no markup.

    >>> code("csp|gamma"), code("a`b")
    ('`csp|gamma`', '``a`b``')
    """
    text = plain(text)
    lengths = [len(backticks) for backticks in re.findall("`+", text)]
    fence = "`" * next(size for size in range(1, len(text) + 2) if size not in lengths)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def escape(text: str) -> str:
    r"""Text from outside as Markdown prose, with markup, HTML, mentions and issue links escaped.

    >>> escape("<b>*DenseNet*<b> by @user")
    '\\<b\\>\\*DenseNet\\*\\<b\\> by \\@<!-- -->user'
    """
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", plain(text))
    return re.sub(r"(?<=[@#])", "<!-- -->", escaped)
