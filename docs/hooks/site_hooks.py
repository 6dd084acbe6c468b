"""What MkDocs calls while it builds the site: generated parts, files outside docs/, no foreign URL.

A page says where a generated part stands with a comment, ``<!-- generated: columns -->``, so that
the page itself is committed and links to it lead somewhere on GitHub, too. What stands between
``<!-- on GitHub -->`` and that comment, or ``<!-- end -->``, is for readers there alone.
"""

import re
import shutil
from pathlib import Path, PurePosixPath

from catalogue_part import catalogue, measures
from columns_part import columns
from commands_part import commands
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from outside_files import linked_outside, links_in_site, listing
from schema_part import info_schema, lines_schema, result_fields

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = "notebooks/tutorial.ipynb"

PARTS = {
    "catalogue": catalogue,
    "columns": columns,
    "commands": commands,
    "comparison": result_fields,
    "measures": measures,
    "run.json": info_schema,
    "records.jsonl": lines_schema,
}
"""What makes each generated part."""

_MARK = re.compile(
    r"(?:<!-- on GitHub -->(?:(?!<!--).)*)?<!-- (?:end|generated: (?P<part>\S+)) -->", re.DOTALL
)

FOREIGN = (
    "https://unpkg.com/mermaid@11/dist/mermaid.min.js",
    "https://unpkg.com/resize-observer-polyfill",
)
"""Scripts that the theme would fetch for diagrams, which no page has, and for old browsers."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the notebook to the navigation, after the tutorial, if there is one."""
    if config.nav and (Path(config.docs_dir) / NOTEBOOK).is_file():
        config.nav.insert(2, {"Notebook": NOTEBOOK})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that pages link to, and a list of the files of each folder."""
    pages = {f"docs/{file.src_uri}": file.content_string for file in files.documentation_pages()}
    for path in sorted(linked_outside(pages, ROOT)):
        source = ROOT / path
        if source.is_dir():
            files.append(_outside(config, f"{path}/index.md", listing(source, path)))
            for item in sorted(source.rglob("*")):
                if item.is_file() and item.suffix != ".md":
                    files.append(_outside(config, f"{path}/{item.relative_to(source)}", item))
        elif files.get_file_from_path(path) is None:
            files.append(_outside(config, path, source))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in the generated parts, and lead links out of docs/ to the site's copies."""
    markdown = with_parts(markdown)
    folder = "" if page.file.generated_by else "docs"
    return links_in_site(markdown, PurePosixPath(folder, page.file.src_uri), ROOT)


def with_parts(markdown: str) -> str:
    """``markdown`` with each generated part in the place of its mark, and no words for GitHub."""
    return _MARK.sub(lambda mark: PARTS[mark["part"]]() if mark["part"] else "", markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Take the URLs of foreign scripts out of the theme's own, and what other languages need."""
    scripts = Path(config.site_dir, "assets", "javascripts")
    shutil.rmtree(scripts / "lunr", ignore_errors=True)
    for script in scripts.glob("bundle.*.js"):
        text = script.read_text(encoding="utf-8")
        for url in FOREIGN:
            text = text.replace(url, "")
        script.write_text(text, encoding="utf-8")


def _outside(config: MkDocsConfig, path: str, content: str | Path) -> File:
    """A file of the site that is none of docs/, with the ``content``, or that of a file."""
    place = InclusionLevel.NOT_IN_NAV
    if isinstance(content, Path):
        return File.generated(config, path, abs_src_path=str(content), inclusion=place)
    return File.generated(config, path, content=content, inclusion=place)
