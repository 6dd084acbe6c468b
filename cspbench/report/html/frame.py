"""The frame of every HTML page: what a page is made of, and its text by Jinja2.

A page is one file that fetches nothing: style, script, data and the plots' library are inside, and
its content security policy allows these alone, by their hashes. Sentences are those of other pages,
with text from outside marked (`quoting.marked`), which becomes a code span. Everything is escaped
by the templates; a cell or a label needs no marks.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...text import printable
from ..quoting import pieces
from .script import library

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"

Tone = Literal["", "better", "worse"]
Plain = str | int | float | bool | None
Value = Plain | list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What a row of a table and a mark in a plot are of, such as a case of a run.

    Other parts of a page name it by its place in `Page.subjects`. The page's filter looks for words
    in ``words``.
    """

    name: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """The head of a column: its name, its unit ('' for none), and what it means.

    Columns of intervals are not ``is_sortable``: they are sorted by the figure beside them.
    """

    name: str
    unit: str = ""
    help: str = ""
    is_number: bool = True
    is_sortable: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The text of a figure, and its value in base units, by which rows are sorted."""

    text: str
    value: float | None = None
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A row of a table; ``subjects``, what it is of, by place: a filter hides none without any."""

    name: str
    cells: Sequence[Cell]
    subjects: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table with a row for each of ``lines``, whose names stand below ``name``."""

    kind: ClassVar[str] = "table"
    title: str
    headings: Sequence[Heading]
    lines: Sequence[Line]
    name: str = "entry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """The rows that figures draw, as columns and tuples of plain values.

    A column ``subject`` holds places of `Page.subjects`: the page's filter then applies. A column
    ``entry`` holds the names that `Figure.max_entries` is about, and ``chosen``, if there is one,
    says which entries to draw of too many. The columns ``unfolded`` hold lists of one length: on
    the page, there is a row for each of their items.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    unfolded: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A choice of a reader: rows whose field is ``value``, or the field ``value`` for an axis.

    ``is_higher_better`` is of an axis: which way leads to the Pareto front.
    """

    value: str | int
    label: str
    is_higher_better: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A list of options beside a figure.

    ``axis`` is the channel (``x``, ``y``) whose field is chosen: the rows get its values by the
    name of the channel, and those of its fields with ``_low``, ``_high`` and ``_change`` behind
    their names, if there are such, likewise. Without one, the control restricts
    the rows to those whose ``field`` is the option. ``chosen`` is the place of the first choice.
    """

    label: str
    options: Sequence[Option]
    axis: str = ""
    field: str = ""
    chosen: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A plot: a Vega-Lite ``spec`` that draws the rows of ``dataset``, whatever its data's name.

    ``key`` is unique on the page. ``alt`` says in a sentence what is to be seen, for those who
    cannot, ``note`` how to read it. ``only`` restricts the rows to those with such values. ``log``
    names, by channel, the fields whose range decides whether its axis is logarithmic. Of more than
    ``max_entries``, some are drawn: the ``chosen`` (``choice`` says which) or the first that the
    filter lets through. ``has_front``: of the fields x and y, the Pareto front is marked (`front`).
    ``columns``, by fields, are those of a table of the rows that are drawn, folded below.
    """

    kind: ClassVar[str] = "figure"
    key: str
    title: str
    alt: str
    spec: Mapping[str, Any]
    dataset: str
    note: str = ""
    only: Mapping[str, Plain] | None = None
    controls: Sequence[Control] = ()
    log: Mapping[str, Sequence[str]] | None = None
    max_entries: int = 0
    choice: str = ""
    has_front: bool = False
    columns: Mapping[str, Heading] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Figures side by side, where there is room."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeColumn:
    """A column of trees; the reader may choose to see one ``group`` of them alone.

    ``is_share`` draws a bar behind a text in percent.
    """

    group: str
    name: str
    unit: str = ""
    is_share: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A row of a tree: how deep it lies, its name and type, and a text for each column."""

    depth: int
    name: str
    type: str
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trees:
    """A tree for each of some subjects, one of which the reader chooses; several may share one."""

    kind: ClassVar[str] = "trees"
    key: str
    title: str
    columns: Sequence[TreeColumn]
    trees: Sequence[Sequence[Branch]]
    tree_of: Mapping[int, int]

    @property
    def groups(self) -> list[str]:
        """The groups of the columns, in order."""
        return list(dict.fromkeys(column.group for column in self.columns))


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraphs:
    """Sentences, a paragraph each; ``is_lead`` sets them in larger letters."""

    kind: ClassVar[str] = "paragraphs"
    sentences: Sequence[str]
    is_lead: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list of sentences below a title, '' for none."""

    kind: ClassVar[str] = "items"
    title: str
    sentences: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """Lines with labels; the text of those labelled ``repeat`` is a command to be copied."""

    kind: ClassVar[str] = "labelled"
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """Tables that are shown when their title is clicked on."""

    kind: ClassVar[str] = "folded"
    title: str
    tables: Sequence[Table]


Block = Table | Figure | Figures | Trees | Paragraphs | Items | Labelled | Folded


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a page, which the contents name; ``key`` is unique on the page."""

    key: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page: its title, what follows below it, its sections, and the data of its figures.

    ``example`` is one of words to filter by.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    subjects: Sequence[Subject] = ()
    subject_noun: str = "cases"
    example: str = "csp slower"
    datasets: Mapping[str, Dataset]

    @property
    def blocks(self) -> list[Block]:
        """The blocks of all sections."""
        return [block for section in self.sections for block in section.blocks]

    @property
    def figures(self) -> list[Figure]:
        """The figures of all sections."""
        figures: list[Figure] = []
        for block in self.blocks:
            if isinstance(block, Figures):
                figures += block.figures
            elif isinstance(block, Figure):
                figures.append(block)
        return figures

    @property
    def trees(self) -> list[Trees]:
        """The trees of all sections."""
        return [block for block in self.blocks if isinstance(block, Trees)]


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
