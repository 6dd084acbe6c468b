"""A run as pages: plain text, GitHub Markdown, CSV. No date and no absolute path in any of them."""

import re
import textwrap
from collections.abc import Sequence

from ..comparison.excerpt import excerpt, write_down
from ..plan.labels import plain
from ..records.run import Run
from . import gradients, prose
from .circumstances import circumstances
from .columns import Column, Part
from .rows import Row, by_mode, rows
from .tables import WIDTH, grid

EXACT_TITLE = "Exact: counts and tensor peaks, the same in every run of the same code"
TERMS_TITLE = "Exact: counts and gradient terms, the same in every run of the same code"
TIMED_TITLE = "Timed: different in every run"
TRAINED_TITLE = "Trained: the same for the same seeds on the same machine"


def text(run: Run, columns: Sequence[Column]) -> str:
    """``report.txt``: all that is exact first, so that its diff shows changes and nothing else."""
    table = rows(run)
    blocks = [_underlined(_headline(run), "=")]
    if exact := _grids(table, columns, "exact"):
        blocks.append(_underlined(_exact_title(run), "-"))
        blocks += map(_wrapped, prose.exact_conclusions(table, _same))
        blocks += map(_wrapped, gradients.term_conclusions(table, _same))
        blocks += exact
        blocks += _listed("Notes on the counts", _count_notes(table, columns, _same))
    part, heading = _measured(run)
    if heading:
        blocks.append(_underlined(heading, "-"))
        blocks += map(_wrapped, _conclusions(run, table, _same))
    blocks += map(_wrapped, prose.completeness(run, table, _same))
    blocks.append(_labelled(circumstances(run, table)))
    blocks += _grids(table, columns, part)
    blocks += _listed("Failures", prose.failures(table, _same))
    blocks += _listed("Notes", _run_notes(run, table, columns, _same))
    return "\n\n".join(blocks) + "\n"


def markdown(run: Run, columns: Sequence[Column]) -> str:
    """``report.md``: the same content as GitHub Markdown, conclusions first."""
    table = rows(run)
    blocks = [f"# {escape(run.info.suite)}"]
    if run.info.description:
        blocks.append(escape(run.info.description))
    part, heading = _measured(run)
    blocks += _conclusions(run, table, code)
    blocks += prose.completeness(run, table, code)
    if exact := _markdown_grids(table, columns, "exact"):
        blocks.append(f"## {_exact_title(run)}")
        blocks += prose.exact_conclusions(table, code)
        blocks += gradients.term_conclusions(table, code)
        blocks += exact
        blocks += _bullets("### Notes on the counts", _count_notes(table, columns, code))
    blocks.append(f"## {heading or 'How it was made'}")
    lines = circumstances(run, table)
    blocks.append("\n".join(f"- {label}: {code(text)}" for label, text in lines))
    blocks += _markdown_grids(table, columns, part)
    blocks += _bullets("## Failures", prose.failures(table, code))
    blocks += _bullets("## Notes", _run_notes(run, table, columns, code))
    blocks += [
        "<details><summary>Records: python -m cspbench compare reads them from here</summary>",
        f"```json\n{write_down(excerpt(run))}\n```",
        "</details>",
    ]
    return "\n\n".join(blocks) + "\n"


def csv(run: Run) -> str:
    """``report.csv``: one row a case, full precision, base units in the column names."""
    from .frame import cases

    content: str = cases(run).to_csv(index=False, lineterminator="\n")
    return content


def code(text: str) -> str:
    """Text from outside as a Markdown code span, in which nothing is markup.

    >>> code("csp|gamma"), code("a`b")
    ('`csp|gamma`', '``a`b``')
    """
    text = plain(text)
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * next(size for size in range(1, len(text) + 2) if size not in runs)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def escape(text: str) -> str:
    r"""Text from outside as Markdown prose: no markup, no HTML, no mention and no issue link.

    >>> escape("<b>*DenseNet*<b> by @user")
    '\\<b\\>\\*DenseNet\\*\\<b\\> by \\@<!-- -->user'
    """
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", plain(text))
    return re.sub(r"(?<=[@#])", "<!-- -->", escaped)


def _exact_title(run: Run) -> str:
    return TERMS_TITLE if "gradient_terms" in run.info.stages else EXACT_TITLE


def _measured(run: Run) -> tuple[Part, str]:
    """What the run measured beyond what is exact, and its title; none where it only traced."""
    if run.info.settings.training:
        return "trained", TRAINED_TITLE
    return "timed", TIMED_TITLE if "latency" in run.info.stages else ""


def _conclusions(run: Run, table: Sequence[Row], quote: prose.Quote) -> list[str]:
    if run.info.settings.training:
        return gradients.trained_conclusions(run, table, quote)
    return prose.timed_conclusions(table, quote) if "latency" in run.info.stages else []


def _headline(run: Run) -> str:
    suite, description = plain(run.info.suite), plain(run.info.description)
    return _wrapped(f"{suite}: {description}" if description else suite)


def _count_notes(table: Sequence[Row], columns: Sequence[Column], quote: prose.Quote) -> list[str]:
    exact = [column for column in columns if column.part == "exact"]
    return [
        *prose.missing(table, exact, quote),
        *prose.count_notes(table, quote),
        *gradients.term_notes(table, quote),
    ]


def _run_notes(
    run: Run, table: Sequence[Row], columns: Sequence[Column], quote: prose.Quote
) -> list[str]:
    rest = [column for column in columns if column.part != "exact"]
    return [
        *gradients.part_notes(table, quote),
        *prose.missing(table, rest, quote),
        *prose.run_notes(run, table, quote),
    ]


def _grids(table: Sequence[Row], columns: Sequence[Column], part: Part) -> list[str]:
    chosen = [column for column in columns if column.part == part]
    return [
        f"{_wrapped(_title(group, part, _same))}\n{drawn.text()}"
        for group in by_mode(table).values()
        if (drawn := grid(group, chosen))
    ]


def _markdown_grids(table: Sequence[Row], columns: Sequence[Column], part: Part) -> list[str]:
    chosen = [column for column in columns if column.part == part]
    return [
        f"### {_title(group, part, code)}\n\n{drawn.markdown(code)}"
        for group in by_mode(table).values()
        if (drawn := grid(group, chosen))
    ]


def _title(group: Sequence[Row], part: Part, quote: prose.Quote) -> str:
    return "Means over seeds" if part == "trained" else prose.title(group, quote)


def _listed(heading: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    return ["\n".join([heading, *(_wrapped(f"- {item}", indent="  ") for item in items)])]


def _bullets(heading: str, items: Sequence[str]) -> list[str]:
    return [heading, "\n".join(f"- {item}" for item in items)] if items else []


def _labelled(lines: Sequence[tuple[str, str]]) -> str:
    """Each text behind its label; a command stays on one line, so that it can be copied."""
    width = max(len(label) for label, _ in lines)
    shown = [(label, f"{label:<{width}}  {text}") for label, text in lines]
    indent = " " * (width + 2)
    return "\n".join(line if label == "repeat" else _wrapped(line, indent) for label, line in shown)


def _underlined(title: str, rule: str) -> str:
    return f"{title}\n{rule * min(WIDTH, max(map(len, title.splitlines())))}"


def _wrapped(sentence: str, indent: str = "") -> str:
    return textwrap.fill(
        sentence, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def _same(text: str) -> str:
    return text
