"""Links from pages to files of the repository that are not in docs/, and these files in the site.

On GitHub such a link leads to the file. In the site the file has the same path, below the site's
root; a folder is a page that lists its files, and the README is the home page.
"""

import os.path
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

_FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s#]+)([^)]*\))")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def linked_outside(pages: Mapping[str, str], root: Path) -> set[str]:
    """Paths from ``root`` of all files and folders outside docs/ that ``pages`` link to.

    ``pages`` holds the text of each page by its path from ``root``. Links of Markdown files outside
    docs/ count as well.
    """
    found: set[str] = set()
    waiting = list(pages.items())
    while waiting:
        path, text = waiting.pop()
        for target in _targets(text, PurePosixPath(path)):
            if not _is_outside(target) or target in found or not (root / target).exists():
                continue
            found.add(target)
            if target.endswith(".md"):
                waiting.append((target, (root / target).read_text(encoding="utf-8")))
    return found


def links_in_site(text: str, page: PurePosixPath, root: Path) -> str:
    """``text`` of the page at the path ``page`` with links as they are in the site."""
    home = _place(str(page)).parent

    def rewritten(match: re.Match[str]) -> str:
        start, target, rest = match.groups()
        if _SCHEME.match(target):
            return match[0]
        path = _resolved(target, page)
        place = _place(path)
        if (root / path).is_dir():
            place /= "index.md"
        return f"{start}{os.path.relpath(place, home)}{rest}"

    return "".join(
        piece if is_code else _LINK.sub(rewritten, piece) for piece, is_code in _pieces(text)
    )


def listing(folder: Path, path: str) -> str:
    """The page of a folder: its files, with the pictures shown."""
    files = sorted(item.relative_to(folder) for item in folder.rglob("*") if item.is_file())
    lines = ["---", "search:", "  exclude: true", "---", "", f"# `{path}`", ""]
    lines += [f"- [`{name}`]({name})" for name in files if name.suffix != ".md"]
    lines += ["", *(f"![{name.stem}]({name})" for name in files if name.suffix == ".png")]
    return "\n".join(lines) + "\n"


def _targets(text: str, page: PurePosixPath) -> Iterator[str]:
    for piece, is_code in _pieces(text):
        for _, target, _ in () if is_code else _LINK.findall(piece):
            if not _SCHEME.match(target):
                yield _resolved(target, page)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a fenced block of code."""
    end = 0
    for match in _FENCE.finditer(text):
        yield text[end : match.start()], False
        yield match[0], True
        end = match.end()
    yield text[end:], False


def _resolved(target: str, page: PurePosixPath) -> str:
    """The path from the repository's root of what ``page`` calls ``target``."""
    return os.path.normpath(page.parent / target)


def _is_outside(path: str) -> bool:
    return not path.startswith(("docs/", "..")) and path not in {"docs", "README.md"}


def _place(path: str) -> PurePosixPath:
    """Where a file of the repository stands in the site's sources."""
    if path == "README.md":
        return PurePosixPath("index.md")
    return PurePosixPath(path.removeprefix("docs/"))
