"""The pages of the documentation, taken apart: blocks, headings, links, sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>[a-z]*) *(?P<details>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"<!-- ([^\n]*?) -->\n*\Z")
_TITLE = re.compile(r'title="([^"]+)"')
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_END = re.compile(
    r"(?:(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)|(?<=[.!?][)\"])) +(?=[\"(\0A-Z0-9γ])"
)
_MARKUP = re.compile(r"<[^>]*>|[`*]|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the comment before it, '' for none.

    ``title`` is the name of the file that it shows in full.
    """

    language: str
    text: str
    comment: str = ""
    title: str = ""
    line: int = field(default=0, compare=False)

    @property
    def commands(self) -> list[str]:
        """The lines of a block of commands."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        if self.language == "console":
            return [line[2:] for line in lines if line.startswith("$ ")]
        return [line for line in lines if not line.startswith("#")]

    @property
    def source(self) -> str:
        """The file that the text is from, as its comment says; '' if it says nothing."""
        match = re.search(r"from (results/reference/\S+)", self.comment)
        return match[1] if match else ""


def name_of(page: Path) -> str:
    """The path of a page from the root of the repository."""
    return str(page.relative_to(ROOT))


def blocks(text: str, *languages: str) -> list[Block]:
    r"""The fenced blocks of a page, in order; those of ``languages`` if any are given.

    >>> blocks('<!-- output -->\n```text\n1\n```\n')
    [Block(language='text', text='1\n', comment='output', title='', line=3)]
    """
    found = []
    for match in _BLOCK.finditer(text):
        comment = _COMMENT.search(text[: match.start()])
        title = _TITLE.search(match["details"])
        indent = len(match["indent"])
        block = Block(
            language=match["language"],
            text="".join(line[indent:] for line in match["body"].splitlines(keepends=True)),
            comment=comment[1] if comment else "",
            title=title[1] if title else "",
            line=text.count("\n", 0, match.start("body")) + 1,
        )
        if not languages or block.language in languages:
            found.append(block)
    return found


def without_blocks(text: str) -> str:
    """The text of a page without its fenced and indented blocks and its comments."""
    text = re.sub(r"<!--.*?-->", "", _BLOCK.sub("", text), flags=re.DOTALL)
    return re.sub(r"(?<=\n\n)(?: {4,}[^\n]*\n)+", "", text)


def anchors(text: str) -> set[str]:
    r"""The anchors that GitHub gives the headings of a page.

    >>> sorted(anchors("# What `make fidelity` found\n\n## A, b\n\n## A, b\n"))
    ['a-b', 'a-b-1', 'what-make-fidelity-found']
    """
    found: set[str] = set()
    for heading in _HEADING.findall(_BLOCK.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(anchor)
    return found


def links(text: str) -> list[str]:
    """The targets of all links and pictures of a page, blocks and code left out."""
    text = re.sub(r"`[^`\n]*`", "", without_blocks(text))
    return _LINK.findall(text)


def sentences(text: str) -> Iterator[str]:
    r"""The sentences of a page's prose: of its paragraphs, list items and headings, not of tables.

    A list item ends a sentence. Links count by their text, code counts as its words.

    >>> list(sentences("# Title\n\nOne [two](a.md), e.g. `a.b. c`. Four?\n\n- five\n- six: 1.5 s"))
    ['Title', 'One two, e.g. a.b. c.', 'Four?', 'five', 'six: 1.5 s']
    """
    lines = (line for line in without_blocks(text).splitlines() if not _is_of_a_table(line))
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        for item in re.split(r"^\s*(?:[-*+]|\d+\.)\s+", paragraph, flags=re.MULTILINE):
            yield from _sentences_of(item)


def _is_of_a_table(line: str) -> bool:
    return line.lstrip().startswith("|") or line.startswith(("::: ", "    options:"))


def _sentences_of(paragraph: str) -> Iterator[str]:
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", paragraph)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    code: list[str] = []

    def hidden(match: re.Match[str]) -> str:
        code.append(match[1])
        return f"\0{len(code) - 1}\0"

    text = re.sub(r"`+([^`]+)`+", hidden, text)  # what stands in code ends no sentence
    text = " ".join(_MARKUP.sub("", re.sub(r"^#+ ", "", text.strip())).split())
    for sentence in _END.split(text):
        if sentence.strip():
            yield re.sub(r"\0(\d+)\0", lambda match: code[int(match[1])], sentence.strip())


def words(sentence: str) -> int:
    """The number of words of a sentence: what has a letter or a digit in it.

    >>> words("ratios are 0.9 – 1.1, as of `show`")
    7
    """
    return sum(any(c.isalnum() for c in word) for word in sentence.split())
