"""What a command may answer: one line and exit code 2, or a whole answer that is safe to show."""

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from markdown_it import MarkdownIt
from markdown_it.token import Token
from parsed_page import ParsedPage

from cspbench import cli
from cspbench.report import FORMATS

COMPARED = ("table", "markdown", "json", "html")
JSON_REPORTS = frozenset(FORMATS) - {"table", "markdown", "csv", "html"}

_page = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_LIVE = re.compile(r"@fuzzmention|fuzz/fuzz#2|GH-20240|(?<!\w)#20240|http://fuzz")
"""What a code platform turns into a mention or a link, outside of code."""


_OWN_SCRIPT = re.compile("<script>.*?</script>", re.DOTALL)  # of a page; its data have a type


def answer(*words: str) -> tuple[int, str]:
    """The exit code of a command and what it printed, after the checks that hold for any."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = int(cli.main(words))
    printed, message = out.getvalue(), err.getvalue()
    assert code in {0, 1, 2, 3, 4}, f"exit code {code}: {message}"
    if code == 2:
        assert printed == "", f"printed {printed[:200]!r} and refused: {message}"
        check_line(message)
        return code, printed
    assert message == "", f"exit code {code} and {message!r}"
    check_characters(_OWN_SCRIPT.sub("", printed))
    return code, printed


def check_line(message: str) -> None:
    """An error is one line that can be printed, and short."""
    assert message.count("\n") == 1, repr(message[:600])
    assert message.startswith("cspbench: "), message[:600]
    assert len(message) < 2_000, message[:600]
    check_characters(message)


def check_characters(text: str) -> None:
    """Nothing in it controls a terminal or turns the direction of the text."""
    unprintable = sorted({mark for mark in text if not mark.isprintable() and mark != "\n"})
    assert not unprintable, f"raw characters {unprintable[:10]}"


def check_compare(baseline: Path, candidate: Path, form: str) -> None:
    """The changes between two sides, and 1 for a regression alone."""
    code, printed = answer("compare", str(baseline), str(candidate), "--format", form)
    if code == 2:
        return
    if form == "json":
        is_regression = json.loads(printed)["verdict"] == "regression"
        assert is_regression == (code == 1), f"exit code {code}"
    elif code == 1:
        check_compare(baseline, candidate, "json")
    if form == "markdown":
        assert len(printed) <= 65_537, f"a comment of {len(printed)} characters"
        check_page(printed)
    if form == "html":
        check_document(printed)


def check_report(folder: Path, form: str) -> None:
    """The report of a folder, as printed and as written into it."""
    code, printed = answer("report", str(folder), "--format", form)
    assert code in {0, 2}, f"exit code {code}"
    if code == 2:
        return
    if form in JSON_REPORTS:
        json.loads(printed)
    elif form == "csv":
        check_sheet(printed)
    elif form == "markdown":
        check_page(printed)
    elif form == "html":
        check_document(printed)
    check_written(folder)


def check_history(folders: list[Path], out: Path) -> None:
    """The history of runs, as printed and as written."""
    code, _ = answer("report", *map(str, folders), "--history", "--out", str(out))
    assert code in {0, 2}, f"exit code {code}"
    check_written(out)


def check_written(folder: Path) -> None:
    """Each text file that was written is safe to open."""
    for path in folder.rglob("*"):
        if path.suffix in {".txt", ".md", ".csv"}:
            check_characters(path.read_text(encoding="utf-8"))
        if path.suffix == ".md":
            check_page(path.read_text(encoding="utf-8"))
        if path.suffix == ".csv":
            check_sheet(path.read_text(encoding="utf-8"))
        if path.suffix == ".svg":
            check_drawing(path.read_text(encoding="utf-8"))


def check_document(text: str) -> None:
    """A page of HTML whose scripts are its own, and whose data are JSON."""
    page = ParsedPage(text)
    own = [script for attributes, script in page.scripts if not attributes]
    data = [script for attributes, script in page.scripts if attributes]
    assert len(own) in {2, 3}, f"{len(own)} scripts"  # plots have theirs
    assert len(data) == 1, f"{len(data)} scripts of data"
    json.loads(data[0])
    running = [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not running, f"attributes that run: {running}"


def check_page(text: str) -> None:
    """Markdown in which nothing that came from outside is more than text."""
    for token in _tokens(_page.parse(text)):
        if token.type in {"html_block", "html_inline"}:
            assert "fuzz" not in token.content, f"live HTML {token.content[:200]!r}"
        if token.type in {"link_open", "image"}:
            target = str(token.attrs.get("href") or token.attrs.get("src"))
            assert "fuzz" not in target, f"a live link to {target[:200]!r}"
        if token.type == "heading_open":
            assert token.markup != "=", "a live heading"
        if token.type == "text":
            live = _LIVE.search(token.content)
            assert live is None, f"live {live and live[0]!r} in {token.content[:200]!r}"


def _tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or [])


def check_sheet(text: str) -> None:
    """CSV in which a text never begins as a formula does."""
    csv.field_size_limit(1 << 30)
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or _is_number(cell), (
                f"a formula {cell[:200]!r}"
            )


def _is_number(cell: str) -> bool:
    with contextlib.suppress(ValueError):
        float(cell)
        return True
    return False


def check_drawing(text: str) -> None:
    """SVG that is well-formed and holds no script and no link to elsewhere."""
    check_characters(text)
    for element in ET.fromstring(text).iter():
        assert not element.tag.endswith("}script"), "a script"
        for name, value in element.attrib.items():
            assert not name.startswith("on"), f"a handler {name}={value[:200]!r}"
            assert not name.endswith("href") or value.startswith(("#", "data:")), value[:200]
