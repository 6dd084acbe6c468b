"""An HTML page as its tests read it: its elements, its tables and its data."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class ParsedTable:
    """A table: its caption, its headers, and each row as its name and its cells."""

    caption: str = ""
    headers: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[tuple[str, str | None]]]] = field(default_factory=list)

    def column(self, header: str, after: str = "") -> dict[str, tuple[str, str | None]]:
        """The text and the value of each row by its name; ``after``: the first behind that one."""
        start = self.headers.index(after) + 1 if after else 0
        place = self.headers.index(header, start) - 1  # the first is that of names
        return {name: cells[place] for name, cells in self.rows}


class ParsedPage(HTMLParser):
    """The tags with their attributes, the visible text, tables, scripts and styles of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[ParsedTable] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.comments: list[str] = []
        self._text: list[str] = []
        self._open: list[str] = []
        self._into: list[str] = self._text
        self._value: str | None = None
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        """The visible text, with single spaces."""
        return " ".join("".join(self._text).split())

    @property
    def data(self) -> Any:
        """The data of the page's figures and trees."""
        (text,) = (text for tag, text in self.scripts if tag.get("id") == "data")
        return json.loads(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in {"meta", "link", "input"}:
            self._open.append(tag)
        if tag in {"script", "style", "caption", "th", "td"}:
            self._into = []
            self._value = attributes.get("data-value")
        if tag == "script":
            self.scripts.append((attributes, ""))
        if tag == "table":
            self.tables.append(ParsedTable())
        if tag == "tr" and "tbody" in self._open:
            self.tables[-1].rows.append(("", []))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag not in {"script", "style", "caption", "th", "td"}:
            if tag in {"p", "li", "dt", "dd", "h1", "h2", "h3", "div", "button"}:
                self._into.append(" ")
            return
        text, self._into = "".join(self._into), self._text
        if tag == "script":
            self.scripts[-1] = (self.scripts[-1][0], text)
        elif tag != "style":
            self._text.append(f" {text} ")
            self._put(tag, " ".join(text.split()))

    def _put(self, tag: str, text: str) -> None:
        table = self.tables[-1]
        if tag == "caption":
            table.caption = text
        elif "thead" in self._open:
            table.headers.append(text)
        elif tag == "th":
            table.rows[-1] = (text, table.rows[-1][1])
        else:
            table.rows[-1][1].append((text, self._value))

    def handle_data(self, data: str) -> None:
        self._into.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)
