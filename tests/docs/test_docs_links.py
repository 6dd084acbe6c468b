"""Every link of README and documentation leads to a file or a heading, on GitHub."""

import os.path
import re
from pathlib import Path

import pytest
from doc_pages import PAGES, README, ROOT, anchors, links, name_of

LINKED = (*PAGES, ROOT / "results" / "README.md")


def broken_links(text: str, page: Path) -> list[str]:
    """The relative links of ``page`` that lead nowhere."""
    broken = []
    for target in links(text):
        if re.match(r"(https?|mailto):", target):
            continue
        path, _, anchor = target.partition("#")
        file = Path(os.path.normpath(page.parent / path)) if path else page
        is_there = file.exists() and (file.is_relative_to(ROOT) or not path)
        if is_there and anchor:
            is_there = file.suffix == ".md" and anchor in anchors(file.read_text(encoding="utf-8"))
        if not is_there:
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative ones, to files, folders and headings of the repository."""
    assert broken_links(page.read_text(encoding="utf-8"), page) == []


def test_a_link_to_nothing_is_found() -> None:
    """A missing file, a missing heading, a file outside the repository."""
    text = "[a](docs/no.md) [b](docs/index.md#no) ![c](no.png) [d](../../etc) [e](LICENSE) `[f](g)`"
    assert broken_links(text, README) == ["docs/no.md", "docs/index.md#no", "no.png", "../../etc"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_links_to_the_web_by_https(page: Path) -> None:
    """No link of a page goes over plain http or without a scheme."""
    targets = links(page.read_text(encoding="utf-8"))
    assert [t for t in targets if t.startswith(("http:", "//", "/"))] == []
