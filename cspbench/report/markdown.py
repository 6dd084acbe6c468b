"""GitHub Markdown: the blocks of a page, and the only place where its markup is written.

Blocks take sentences, in which text from outside is marked (`quoting.marked`) and becomes a code
span. Everything else in them is escaped: markup and HTML by a backslash; what GitHub links without
markup (addresses, mentions, issues, commits), and emoji, by a space of no width.
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import NewType

from .quoting import pieces

Block = NewType("Block", str)
"""A block of Markdown, in which no text from outside is markup."""

_MARKUP = re.compile(r"[\\`*_~<>&|$]|(?<=\])[(\[:]")
_IN_PICTURE = re.compile(r"[\\`*_~<>&|$!\[\]]")
_BACKSLASH = r"\\\g<0>"
_BLOCK_START = re.compile(r"^(?:([0-9]{1,9})(?=[.)](?: |$))|(?=[-+=#\[]))")
_REFERENCES = (
    re.compile("@"),  # mentions, addresses of mail, user/repository@commit
    re.compile("#(?=[0-9])"),
    re.compile("GH(?=-[0-9])", re.IGNORECASE),
    re.compile(":(?=//)"),
    re.compile(r"www(?=\.)", re.IGNORECASE),
    re.compile(r":(?=[\w+-]+:)"),  # emoji, some of which are pictures
)
"""What becomes a link or a picture on GitHub unless a space follows."""
_COMMIT = re.compile(r"(?<![^\W_])(?!(?<=[0-9]\.)[0-9]+(?!\w))[0-9a-f]{7,}", re.IGNORECASE)
_COMMIT_PART = re.compile(".{6}(?=.)")  # too short for GitHub to take it for a commit


def prose(sentence: str) -> str:
    """A sentence as the start of a block: a paragraph, a heading or an item of a list."""
    return _BLOCK_START.sub(r"\1\\", inline(sentence))


def inline(sentence: str) -> str:
    r"""A sentence inside a line, marked text as code spans, the rest escaped.

    >>> inline("<b>*DenseNet*<b> by @user, #1")
    '\\<b\\>\\*DenseNet\\*\\<b\\> by @&#8203;user, #&#8203;1'
    """
    return "".join(code(text) if is_code else _escape(text) for text, is_code in pieces(sentence))


def code(text: str) -> str:
    """One line of text as a code span, inside which there is no markup.

    >>> code("csp|gamma"), code("a`b")
    ('`csp|gamma`', '``a`b``')
    """
    lengths = [len(backticks) for backticks in re.findall("`+", text)]
    fence = "`" * next(size for size in range(1, len(text) + 2) if size not in lengths)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def heading(level: int, sentence: str) -> Block:
    """A heading; ``level`` is 1 for the title of the page."""
    return Block(f"{'#' * level} {prose(sentence)}")


def paragraph(sentence: str) -> Block:
    """A paragraph of its own."""
    return Block(prose(sentence))


def strong(sentence: str) -> Block:
    """A paragraph in bold."""
    return Block(f"**{prose(sentence)}**")


def picture(path: str, sentence: str) -> Block:
    """The picture at a path of ours relative to the page; the sentence states what it shows."""
    words = "".join(text for text, _ in pieces(sentence))
    return Block(f"![{_entities(_IN_PICTURE.sub(_BACKSLASH, _unlinked(words)))}]({path})")


def items(sentences: Iterable[str]) -> Block:
    """A list with an item for each sentence."""
    return Block("\n".join(f"- {prose(sentence)}" for sentence in sentences))


def table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[bool] | None = None
) -> Block:
    """A table; ``left`` says which columns are aligned to the left, by default the first alone."""
    rule = [":--" if at_left else "--:" for at_left in left or _first(len(headers))]
    lines = [[_cell(header) for header in headers], rule]
    lines += [[_cell(cell) for cell in row] for row in rows]
    return Block("\n".join(f"| {' | '.join(line)} |" for line in lines))


def folded(summary: str, blocks: Iterable[Block]) -> Block:
    """Blocks that are shown when their ``summary`` is clicked on."""
    words = "".join(html.escape(_unlinked(text)) for text, _ in pieces(summary))
    opening = f"<details><summary>{_entities(words)}</summary>"  # no Markdown inside of it
    return Block("\n\n".join([opening, *blocks, "</details>"]))


def json_lines(text: str) -> Block:
    """Lines of JSON without backticks (`comparison.excerpt.write_down`) as a block of code."""
    assert "`" not in text
    return Block(f"```json\n{text}\n```")


def page(blocks: Iterable[Block], max_characters: int | None = None) -> str:
    """The page of ``blocks``; whole blocks are left out at its end if it would be too long."""
    kept = list(blocks)
    text = _joined(kept)
    while max_characters is not None and len(text) > max_characters:
        kept.pop()
        text = _joined([*kept, paragraph("The rest is left out here: it is too long.")])
    return text


def _joined(blocks: Iterable[Block]) -> str:
    return "\n\n".join(blocks) + "\n"


def _first(number: int) -> list[bool]:
    return [index == 0 for index in range(number)]


def _cell(sentence: str) -> str:
    return "".join(
        code(text).replace("|", r"\|") if is_code else _escape(text)
        for text, is_code in pieces(sentence)
    )


def _escape(text: str) -> str:
    return _entities(_MARKUP.sub(r"\\\g<0>", _unlinked(text)))


def _unlinked(text: str) -> str:
    """The text with a space of no width in each reference."""
    for reference in _REFERENCES:
        text = reference.sub("\\g<0>\u200b", text)
    return _COMMIT.sub(lambda commit: _COMMIT_PART.sub("\\g<0>\u200b", commit[0]), text)


def _entities(text: str) -> str:
    return text.replace("\u200b", "&#8203;")
