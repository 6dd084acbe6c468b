"""Pages rendered by GitHub's own parser of Markdown, and text that tries to be more than text."""

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options

HOSTILE = (
    "<img src=x onerror=alert(1)> <a href='http://e.com'> <!-- ![p](http://e.com/p.png) "
    "[l](http://e.com) [l][r] [r]: http://e.com\t`code` ``` @someone a/b#1 #22 GH-3 gh-4 "
    "u/r@0123456789abcdef0123456789abcdef01234567 0123456 https://e.com www.e.com WWW.e.com "
    "m@e.com mailto:m@e.com :octocat: :+1: &#64;someone &commat;someone $x$ ~~s~~ **b** _i_ | \\ "
    "\\@someone \\| \x1b[31m \u202e \u200b \x02 \x03 \x7f \ud800 \r\n# h\n\n| a |\n|--|\n> q\n"
)
PARTS = "`|\\<>@#[]()!*_-+=:&$~./ \n\t\x02\x03\u202eab01"
"""Characters of which markup is made."""

_OURS = {
    *("h1", "h2", "h3", "p", "ul", "li", "strong", "code", "pre", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_PICTURE = re.compile(r"plots/[a-z0-9_]+\.png")
_LIVE = re.compile(
    r"@\w|#\d|\bGH-\d|(?<![^\W_])(?<![0-9]\.)[0-9a-f]{7}|://|www\.|:[\w+-]+:",
    re.IGNORECASE | re.ASCII,
)


class _Reader(HTMLParser):
    """Collects tags, and the text outside code, in which GitHub looks for references."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_code += tag in {"code", "pre"}

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag in {"code", "pre"}

    def handle_data(self, data: str) -> None:
        self.text.append("" if self._in_code else data)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", {}))


def refuse_foreign_markup(page: str) -> set[str]:
    """Assert that ``page`` renders to tags and pictures of ours alone, without references.

    Returns the tags, but for those of pictures.
    """
    assert not [text for text in page if not text.isprintable() and text != "\n"]
    reader = _Reader()
    reader.feed(github_flavored_markdown_to_html(page, Options.CMARK_OPT_UNSAFE))
    pictures = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert all(_PICTURE.fullmatch(str(attributes.pop("src"))) for attributes in pictures)
    assert all(attributes.pop("alt") and not attributes for attributes in pictures)
    tags = {tag for tag, _ in reader.tags} - {"img"}
    assert tags <= _OURS
    attributes = {name for _, attributes in reader.tags for name in attributes}
    assert attributes <= {"align", "lang"}
    references = _LIVE.findall(" ".join(reader.text))
    assert not references
    return tags


def hostile(value: Any, kept: frozenset[str] = frozenset(), kind: object = str) -> Any:
    """``value`` with ``HOSTILE`` before each text in it, equal texts staying equal.

    Words of a fixed list stay, and so do the texts, or the keys, of fields named ``kept``.
    """
    if isinstance(value, str):
        return value if "Literal" in repr(kind) else f"{HOSTILE}{value}"
    if isinstance(value, msgspec.Struct):
        fields = {
            field.name: _hostile_field(value, field, kept)
            for field in msgspec.structs.fields(type(value))
        }
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, dict):
        return {hostile(key, kept, kind): hostile(item, kept, kind) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(hostile(item, kept, kind) for item in value)
    return value


def _hostile_field(struct: msgspec.Struct, field: Any, kept: frozenset[str]) -> Any:
    value = getattr(struct, field.name)
    if field.name not in kept:
        return hostile(value, kept, field.type)
    if isinstance(value, dict):
        return {key: hostile(item, kept) for key, item in value.items()}
    return value
