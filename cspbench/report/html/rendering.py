"""The text of an HTML page, by Jinja2.

A page is one file that fetches nothing: style, script, data and the plots' library are inside, and
its content security policy allows these alone, by their hashes.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...text import printable
from ..quoting import pieces
from .elements import Figure, Page, Trees, Value
from .script import library

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page) -> str:
    """The text of a page; equal pages give equal text."""
    from markupsafe import Markup

    has_plots = bool(page.figures)
    early, late = _asset("theme.js"), _asset("page.js")
    scripts = [early, *([library()] if has_plots else []), late]
    text: str = (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            policy=_policy(scripts),
            style=Markup(_asset("page.css")),  # noqa: S704 -- files of this package
            early=Markup(early),  # noqa: S704
            scripts=[Markup(script) for script in scripts[1:]],  # noqa: S704 -- and the library's
            data=Markup(embedded(_data(page))),  # noqa: S704 -- no markup in it, by `embedded`
        )
    )
    return text


def embedded(value: object) -> str:
    r"""JSON for a script element: nothing in it ends the element, or a line of a script.

    >>> embedded({"name": "</script><!--\u2028&"})
    '{"name":"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026"}'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def sentence(text: str) -> "Markup":
    r"""A sentence as HTML, escaped, marked text as code.

    >>> str(sentence("\x02a<b\x03 is the fastest & best"))
    '<code>a&lt;b</code> is the fastest &amp; best'
    """
    from markupsafe import Markup, escape

    return Markup().join(
        Markup("<code>{}</code>").format(piece) if is_code else escape(piece)
        for piece, is_code in pieces(text)
    )


def _plainly(text: str) -> str:
    """A sentence without its marks, for an attribute."""
    return "".join(piece for piece, _ in pieces(text))


def _policy(scripts: Iterable[str]) -> str:
    """The content security policy: no requests, and no scripts but these."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _data(page: Page) -> dict[str, Any]:
    return {
        "noun": page.subject_noun,
        "subjects": [printable(subject.words).casefold() for subject in page.subjects],
        "datasets": {
            name: {
                "columns": dataset.columns,
                "rows": [*map(_printable, dataset.rows)],
                "unfolded": dataset.unfolded,
            }
            for name, dataset in page.datasets.items()
        },
        "figures": {figure.key: _figure(figure) for figure in page.figures},
        "trees": {trees.key: _trees(trees) for trees in page.trees},
    }


def _printable(row: Sequence[Value]) -> list[Value]:
    return [printable(value) if isinstance(value, str) else value for value in row]


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "spec": {**figure.spec, "description": printable(figure.alt)},
        "dataset": figure.dataset,
        "only": figure.only or {},
        "controls": [
            {
                "axis": control.axis,
                "field": control.field,
                "options": [
                    {
                        "value": option.value,
                        "label": printable(option.label),
                        "isHigherBetter": option.is_higher_better,
                    }
                    for option in control.options
                ],
            }
            for control in figure.controls
        ],
        "log": figure.log or {},
        "maxEntries": figure.max_entries,
        "choice": printable(figure.choice),
        "hasFront": figure.has_front,
        "columns": [
            {"field": field, "isNumber": heading.is_number}
            for field, heading in (figure.columns or {}).items()
        ],
    }


def _trees(trees: Trees) -> dict[str, Any]:
    """Trees as rows of depth, name, type and cells; types by their places, as they repeat."""
    types: dict[str, int] = {}
    rows = [
        [
            [
                branch.depth,
                printable(branch.name),
                types.setdefault(printable(branch.type), len(types)),
                *branch.cells,
            ]
            for branch in tree
        ]
        for tree in trees.trees
    ]
    return {
        "columns": [
            {"group": column.group, "isShare": column.is_share} for column in trees.columns
        ],
        "types": list(types),
        "trees": rows,
        "treeOf": dict(trees.tree_of),
    }


@cache
def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence"] = sentence
    environment.filters["plainly"] = _plainly
    environment.filters["shown"] = printable
    return environment
