"""The site builds strictly, and needs nothing from elsewhere when it is read."""

import re
import subprocess
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from doc_pages import ROOT

from cspbench.cli.verbs import VERBS


class Page(HTMLParser):
    """What a built page loads, links to and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the URLs of one tag."""
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if "src" in values:
            self.loads.append(values["src"])
        if "srcset" in values:
            self.loads += [part.split()[0] for part in values["srcset"].split(",")]
        if "href" in values and tag == "link":
            self.loads.append(values["href"])
        elif "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    completed = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> Mapping[str, Page]:
    """Every page by its path."""
    return {
        str(path.relative_to(site)): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def test_make_docs_builds_strictly() -> None:
    """The target is the command that is tested here."""
    completed = subprocess.run(
        ["make", "docs", "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "-m mkdocs build --strict" in completed.stdout


@pytest.mark.slow
def test_every_page_of_the_documentation_is_in_the_site(site: Path) -> None:
    """Also what the pages link to outside docs/, and nothing of the hooks."""
    for source in (ROOT / "docs").rglob("*.md"):
        path = source.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / path).is_file(), path
    assert (site / "results" / "reference" / "cpu" / "plots" / "latency.png").is_file()
    assert (site / "results" / "reference" / "cpu" / "index.html").is_file()
    assert not (site / "hooks").exists()


@pytest.mark.slow
def test_a_page_loads_nothing_from_elsewhere(pages: Mapping[str, Page], site: Path) -> None:
    """Scripts, styles, fonts and pictures are files of the site."""
    for name, page in pages.items():
        for url in page.loads:
            assert not re.match(r"([a-z]+:)?//", url), f"{name} loads {url}"
            path = unquote(urlsplit(url).path)
            home = site if path.startswith("/") else (site / name).parent  # of 404.html
            assert (home / path.lstrip("/")).is_file(), f"{name} loads {url}"


@pytest.mark.slow
def test_scripts_and_styles_load_nothing_from_elsewhere(site: Path) -> None:
    """No address of a host that scripts or fonts are served from is left in them.

    The theme's script names GitHub's interface, which it asks for a repository's stars: without a
    repository in mkdocs.yml it does not.
    """
    harmless = r"www\.w3\.org|clipboardjs\.com|fontawesome\.com|api\.github\.com|lunrjs\.com"
    harmless += r"|bit\.ly|tartarus\.org"  # of comments and name spaces
    for path in (*site.rglob("*.js"), *site.rglob("*.css")):
        if path.name.startswith("search_index"):
            continue
        text = path.read_text(encoding="utf-8")
        hosts = re.findall(r"https?://([a-z0-9.-]+\.[a-z]+)", text)
        assert [host for host in hosts if not re.fullmatch(harmless, host)] == [], path
        assert not re.search(r"url\(\s*[\"']?(https?:)?//|@import", text), path
    assert "repo_url" not in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_links_of_the_site_lead_somewhere(pages: Mapping[str, Page], site: Path) -> None:
    """Files and anchors, generated ones too."""
    for name, page in pages.items():
        if name == "404.html":  # its links are from the root of a server
            continue
        for url in page.links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                assert parts.scheme == "https", f"{name} links to {url}"
                continue
            path = (site / name).parent / unquote(parts.path) if parts.path else site / name
            assert path.is_file(), f"{name} links to {url}"
            target = pages.get(str(path.resolve().relative_to(site.resolve())))
            if parts.fragment and target:
                assert unquote(parts.fragment) in target.anchors, f"{name} links to {url}"


@pytest.mark.slow
def test_the_search_works_without_a_server(site: Path) -> None:
    """Its index is a script, and the worker's stand-in is loaded by each page."""
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = {")
    assert "reference/glossary.html#yardstick" in index
    assert "results/reference/cpu/index.html" not in index
    home = (site / "index.html").read_text(encoding="utf-8")
    assert 'src="assets/iframe-worker.js"' in home


@pytest.mark.slow
def test_generated_parts_are_put_in(site: Path, pages: Mapping[str, Page]) -> None:
    """No mark of one is left; verbs, fields and columns have their places."""
    for path in site.rglob("*.html"):
        assert "<!-- generated:" not in path.read_text(encoding="utf-8"), path
    assert set(VERBS) <= pages["reference/commands.html"].anchors
    assert {"runinfo", "counts", "latency"} <= pages["reference/run-folder.html"].anchors
    columns = (site / "reference" / "columns.html").read_text(encoding="utf-8")
    assert "peak_tensor_bytes" in columns
    api = pages["reference/python-api.html"].anchors
    assert {"cspbench.profile", "cspbench.compare", "cspbench.Entry"} <= api
