"""Results as HTML for a notebook: their figures as a table, and below it their text, folded.

No style sheet and no script: a notebook gives tables its own looks. All text is escaped here.
"""

import html
from collections.abc import Iterable, Iterator, Sequence

from ..comparison.result import CaseComparison, Change, Comparison
from ..plan.case import input_text
from ..plan.labels import label, plain
from ..records.base import Failure
from ..records.gate import LATENCY
from ..records.quantities import NAMES, NONZERO
from ..records.run import Record
from ..records.trainings import COMPARED
from ..units import ratio_text, significant_text, span_text
from . import comparison as comparison_page
from . import summary
from .columns import COLUMNS, MISSING, for_cases
from .comparison_conclusion import conclusion
from .frame import unit
from .quoting import verbatim
from .rows import row_alone
from .words import MODE_TITLES

_MAX_ROWS = 60  # as many as a terminal gets

Cells = Sequence[str]


def record(alone: Record) -> str:
    """The figures of a record that belongs to no run, and its summary, folded."""
    case, row = alone.case, row_alone(alone)
    about = (input_text(case), MODE_TITLES[case.mode].lower(), case.device, case.precision)
    heading = f"<p><strong>{_escape(row.name)}</strong>: {_escape(', '.join(about))}</p>"
    columns = for_cases(COLUMNS, [case])
    figures = [
        (column.title, column.cell(reading), column.help)
        for column in columns
        if not isinstance(reading := row.readings[column.key], Failure | None)
        and not (column.nonzero and reading == 0)
    ]
    figures += [
        (column.title, MISSING, reading.reason)
        for column in columns
        if isinstance(reading := row.readings[column.key], Failure)
    ]
    table = _table(("figure", "value", "what it is"), figures, right={1})
    return _page([heading, table, _folded("layers, totals and notes", summary.text([alone]))])


def comparison(result: Comparison) -> str:
    """The conclusion of a comparison, its changes, and its page as plain text, folded."""
    sentence = conclusion(result, verbatim)
    rows = list(_changes(result))
    blocks = [f"<p><strong>{_escape(sentence)}</strong></p>"]
    if rows:
        headers = ("entry", "mode", "measure", "baseline", "candidate", "ratio", "95% interval")
        blocks.append(_table((*headers, "verdict"), rows[:_MAX_ROWS], right={3, 4, 5, 6}))
    if len(rows) > _MAX_ROWS:
        blocks.append(f"<p>{len(rows) - _MAX_ROWS} further rows: to_frame() has all</p>")
    return _page([*blocks, _folded("the whole comparison", comparison_page.text(result))])


def _changes(result: Comparison) -> Iterator[Cells]:
    """A row for each measure that is not the same, and for each case that one side lacks."""
    for case in result.cases:
        name = (label(case.label), case.mode)
        if case.verdict in {"added", "removed"}:
            yield *name, "", "", "", "", "", case.verdict
            continue
        for measure, change in _shown(case):
            if change.verdict != "same":
                in_unit = unit(measure, change, in_turns=result.in_turns)
                ratio = "" if change.ratio is None else ratio_text(change.ratio)
                sides = [
                    _value(measure, value, in_unit) for value in (change.baseline, change.candidate)
                ]
                yield *name, NAMES[measure], *sides, ratio, _interval(change), change.verdict


def _shown(case: CaseComparison) -> Iterable[tuple[str, Change]]:
    return (
        (measure, change)
        for measure, change in case.measures.items()
        if measure not in NONZERO or change.baseline or change.candidate
    )


def _value(measure: str, value: float | None, in_unit: str) -> str:
    if value is None:
        return MISSING
    if measure == LATENCY:
        if in_unit == "s":
            return f"{significant_text(value * 1e3)} ms"
        return f"{significant_text(value)} yardsticks"
    return f"{value:.3f}" if measure in COMPARED else f"{value:,}"


def _interval(change: Change) -> str:
    if change.interval is None:
        return ""
    return span_text(*change.interval, ratio_text, change.launches or 0)


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
    return html.escape(plain(text))


def _page(blocks: Iterable[str]) -> str:
    return "<div>\n" + "\n".join(blocks) + "\n</div>"
