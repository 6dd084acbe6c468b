"""Results as HTML for a notebook: their figures as a table, and below it their text, folded.

No style sheet and no script: a notebook gives tables its own looks. All text is escaped here.
"""

import html
from collections.abc import Iterable, Sequence

from ..comparison.result import Comparison
from ..plan.case import input_text
from ..plan.labels import MODE_WORDS, plain
from ..records.base import Failure
from ..records.run import Record
from . import pages, summary, writing
from .columns import COLUMNS, MISSING, for_cases
from .comparison import changed_entries, compact_table, conclusion
from .comparison import text as comparison_text
from .quoting import verbatim
from .results import Results
from .rows import row_alone
from .tones import untoned

_MAX_ROWS = 60  # as many as a terminal gets

Cells = Sequence[str]


def record(alone: Record) -> str:
    """The figures of a record that belongs to no run, and its summary, folded."""
    case, row = alone.case, row_alone(alone)
    about = (input_text(case), MODE_WORDS[case.mode], case.device, case.precision)
    heading = f"<p><strong>{_escape(row.name)}</strong>: {_escape(', '.join(about))}</p>"
    columns = for_cases(COLUMNS, [case])
    figures = [
        (column.title, column.cell(reading), column.help)
        for column in columns
        if column.is_shown(reading := row.readings[column.key])
    ]
    figures += [
        (column.title, MISSING, reading.reason)
        for column in columns
        if isinstance(reading := row.readings[column.key], Failure)
    ]
    table = _table(("figure", "value", "what it is"), figures, right={1})
    return _page([heading, table, _folded("layers, totals and notes", summary.text([alone]))])


def run(derived: Results) -> str:
    """The conclusion of a run, its tables, and its report as plain text, folded."""
    info = derived.run.info
    heading = f"<p><strong>{_escape(info.suite)}</strong>: {_escape(info.description)}</p>"
    blocks = [heading, f"<p>{_escape(writing.conclusion(derived))}</p>"]
    for title, grid in pages.titled_grids(derived, writing.chosen_columns(derived.run)):
        strips = [grid.names, *(strip for bundle in grid.bundles for strip in bundle)]
        rows = list(zip(*(strip.cells for strip in strips), strict=True))
        right = {index for index, strip in enumerate(strips) if not strip.left}
        blocks += [
            f"<p>{_escape(title)}</p>",
            _table([strip.header for strip in strips], rows[:_MAX_ROWS], right),
        ]
        if len(rows) > _MAX_ROWS:
            blocks.append(f"<p>{len(rows) - _MAX_ROWS} more entries: to_frame() has all</p>")
    return _page([*blocks, _folded("the whole report", writing.text(derived))])


def comparison(result: Comparison) -> str:
    """The conclusion of a comparison, its changed entries, and its page as plain text, folded."""
    blocks = [f"<p><strong>{_escape(conclusion(result, verbatim))}</strong></p>"]
    changed = changed_entries(result)
    if changed:
        headers, rows = compact_table(result, changed[:_MAX_ROWS])
        blocks.append(_table(headers, rows, right=set()))
    if len(changed) > _MAX_ROWS:
        blocks.append(f"<p>{len(changed) - _MAX_ROWS} more entries: to_frame() has all</p>")
    return _page([*blocks, _folded("the whole comparison", comparison_text(result))])


def _table(headers: Cells, rows: Iterable[Cells], right: set[int]) -> str:
    """A table whose columns are aligned to the left, but for those whose numbers are in right."""
    aligned = ["right" if index in right else "left" for index in range(len(headers))]
    head, *body = (
        "".join(
            f'<{tag} style="text-align: {side}">{_escape(cell)}</{tag}>'
            for cell, side in zip(cells, aligned, strict=True)
        )
        for tag, cells in [("th", headers), *(("td", row) for row in rows)]
    )
    lines = "".join(f"<tr>{row}</tr>\n" for row in body)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>"


def _folded(title: str, text: str) -> str:
    """Plain text that is shown when its title is clicked on."""
    return f"<details><summary>{title}</summary>\n<pre>{html.escape(text)}</pre>\n</details>"


def _escape(text: str) -> str:
    return html.escape(plain(untoned(text)))


def _page(blocks: Iterable[str]) -> str:
    return "<div>\n" + "\n".join(blocks) + "\n</div>"
