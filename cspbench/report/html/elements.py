"""What an HTML page is made of: sections of text, tables, trees and figures, and their data.

Sentences are those of other pages, with text from outside marked (`quoting.marked`), which becomes
a code span. Everything is escaped by the templates; a cell or a label needs no marks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

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
