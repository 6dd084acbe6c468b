"""The pages of a run as plain text, GitHub Markdown and CSV, without dates and absolute paths."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ..comparison.excerpt import write_down
from ..comparison.sides import excerpts
from ..plan.case import input_text
from ..plan.labels import plain
from ..records.run import Run
from ..text import listing
from . import conclusions, forms, gradients, module_times, notes, pictures
from . import markdown as md
from .circumstances import circumstances
from .columns import Column, Part
from .completeness import completeness, failures
from .layout import FILE, Layout
from .quoting import Quote, marked, verbatim
from .results import Results
from .rows import Row, by_mode
from .tables import Grid, grid
from .words import MODE_TITLES, case_name

EXACT_TITLE = "Exact: counts and tensor peaks, the same in every run of the same code"
TERMS_TITLE = "Exact: counts and gradient terms, the same in every run of the same code"
TIMED_TITLE = "Timed: different in every run"
MEASURED_TITLE = "Measured: different in every run"
MODULES_TITLE = "Time by module: where the most of a call is spent"
TRAINED_TITLE = "Trained: the same for the same seeds on the same machine"


def text(results: Results, columns: Sequence[Column], layout: Layout = FILE) -> str:
    """The content of ``report.txt``, with exact figures first, so that its diff shows changes."""
    run, table = results.run, results.rows
    blocks = [layout.underlined(_headline(run), "=")]
    if exact := _text_tables(table, columns, "exact", layout):
        blocks.append(layout.underlined(exact_title(run), "-"))
        blocks += map(layout.filled, exact_sentences(results, verbatim))
        blocks += exact
        blocks += _listed("Notes on the counts", count_notes(table, columns, verbatim), layout)
    part, heading = measured_part(run)
    if heading:
        blocks.append(layout.underlined(heading, "-"))
        blocks += map(layout.filled, conclusion_sentences(results, verbatim))
    blocks += map(layout.filled, completeness(results, verbatim))
    blocks.append(_labelled(circumstances(results), layout))
    for title, form_grid in forms.titled_grids(table, verbatim):
        blocks.append(f"{layout.filled(title)}\n{form_grid.text(layout)}")
    blocks += _text_tables(table, columns, part, layout)
    blocks += _listed(MODULES_TITLE, module_times.most_expensive(table, verbatim), layout)
    blocks += _listed("Failures", failures(table, verbatim), layout)
    blocks += _listed("Notes", run_notes(results, columns, verbatim), layout)
    return layout.page(blocks) + "\n"


def markdown(results: Results, columns: Sequence[Column], *, has_plots: bool = False) -> str:
    """The content of ``report.md``: GitHub Markdown, with conclusions first, then what is timed.

    It shows the plots of the run if it ``has_plots``, in the folder ``plots`` beside it.
    """
    run, table = results.run, results.rows
    blocks = [md.heading(1, run.info.suite)]
    if run.info.description:
        blocks.append(md.paragraph(run.info.description))
    part, heading = measured_part(run)
    blocks += map(md.paragraph, conclusion_sentences(results, marked))
    blocks += map(md.paragraph, completeness(results, marked))
    if measured := [
        *(
            block
            for title, form_grid in forms.titled_grids(table, marked)
            for block in (md.heading(3, title), form_grid.markdown())
        ),
        *_markdown_tables(table, columns, part),
        *(pictures.blocks(results, part) if has_plots else ()),
        *_items(3, MODULES_TITLE, module_times.most_expensive(table, marked)),
        *_module_details(table),
    ]:
        blocks += [md.heading(2, heading or MEASURED_TITLE), *measured]
    if exact := [*_markdown_tables(table, columns, "exact")]:
        blocks.append(md.heading(2, exact_title(run)))
        blocks += map(md.paragraph, exact_sentences(results, marked))
        blocks += exact
        blocks += pictures.blocks(results, "exact") if has_plots else ()
        blocks += _items(3, "Notes on the counts", count_notes(table, columns, marked))
    blocks += _items(2, "Failures", failures(table, marked))
    blocks += _items(2, "Notes", run_notes(results, columns, marked))
    blocks.append(md.heading(2, "How it was made"))
    blocks.append(md.items(f"{label}: {marked(text)}" for label, text in circumstances(results)))
    summary = "Records: python -m cspbench compare reads them from here"
    records = "\n".join(map(write_down, excerpts(run)))
    blocks.append(md.folded(summary, [md.json_lines(records)]))
    return md.page(blocks)


def conclusion(results: Results, layout: Layout = FILE) -> str:
    """What the run concludes, as plain text: the end of what a terminal shows of it."""
    sentences = (
        conclusion_sentences(results, verbatim)
        or gradients.term_conclusions(results.rows, verbatim)
        or conclusions.exact_conclusions(results, verbatim)
    )
    lines = map(layout.filled, [*sentences, *completeness(results, verbatim)])
    return layout.page(["\n".join(lines)])


def csv(results: Results) -> str:
    """The content of ``report.csv``: one row for each case, in full precision and base units."""
    from .frame import cases_csv

    return cases_csv(results)


def titled_grids(results: Results, columns: Sequence[Column]) -> Iterator[tuple[str, Grid]]:
    """The tables of a run, each with its title: exact figures first, then measured ones."""
    for part in ("exact", measured_part(results.run)[0]):
        for rows, mode_grid in _grids(results.rows, columns, part):
            yield part_title(rows, part, verbatim), mode_grid


def table_title(rows: Sequence[Row], quote: Quote) -> str:
    """The title of a mode's tables: mode, input shapes, and the reference of ratios."""
    names: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        text = plain(input_text(row.record.case))
        names[text].append(quote(row.name.removesuffix(f" {text}")))
    common = max(names, key=lambda text: len(names[text]))
    others = [f"{listing(names[text])}: {text}" for text in names if text != common]
    inputs = f"input {common}" + (f" ({'; '.join(others)})" if others else "")
    words = [MODE_TITLES[rows[0].mode], inputs]
    references = {row.reference for row in rows} - {None}
    if len(references) == 1:
        words.append(f"ratios to {quote(str(*references))}")
    elif references:
        words.append("ratios to each entry's reference")
    return ", ".join(words)


def exact_title(run: Run) -> str:
    """The title of the part of a report that is the same in every run."""
    return TERMS_TITLE if "gradient_terms" in run.info.stages else EXACT_TITLE


def measured_part(run: Run) -> tuple[Part, str]:
    """The part of the report after the exact one, and its title; '' if the run was only traced."""
    if run.info.settings.training:
        return "trained", TRAINED_TITLE
    return "timed", TIMED_TITLE if "latency" in run.info.stages else ""


def exact_sentences(results: Results, quote: Quote) -> list[str]:
    """What was concluded from counts, tensor peaks and gradient terms."""
    terms = gradients.term_conclusions(results.rows, quote)
    return [*conclusions.exact_conclusions(results, quote), *terms]


def conclusion_sentences(results: Results, quote: Quote) -> list[str]:
    """What was concluded from times, or from trainings; empty if there are neither."""
    if results.run.info.settings.training:
        return gradients.trained_conclusions(results, quote)
    if "latency" in results.run.info.stages:
        timed = conclusions.timed_conclusions(results, quote)
        return timed + forms.conclusions(results.rows, quote)
    return []


def _headline(run: Run) -> str:
    suite, description = plain(run.info.suite), plain(run.info.description)
    return f"{suite}: {description}" if description else suite


def count_notes(table: Sequence[Row], columns: Sequence[Column], quote: Quote) -> list[str]:
    """The notes on exact figures, those on missing ones of ``columns`` included."""
    exact = [column for column in columns if column.part == "exact"]
    counted = forms.counted_rows(table)
    return [
        *forms.count_notes(table),
        *notes.missing(counted, exact, quote),
        *notes.count_notes(counted, quote),
        *gradients.term_notes(table, quote),
    ]


def run_notes(results: Results, columns: Sequence[Column], quote: Quote) -> list[str]:
    """The notes on all else."""
    rest = [column for column in columns if column.part != "exact"]
    return [
        *gradients.part_notes(results.rows, quote),
        *notes.missing(results.rows, rest, quote),
        *notes.run_notes(results, quote),
    ]


def _text_tables(
    table: Sequence[Row], columns: Sequence[Column], part: Part, layout: Layout
) -> list[str]:
    return [
        f"{layout.filled(part_title(rows, part, verbatim))}\n{mode_grid.text(layout)}"
        for rows, mode_grid in _grids(table, columns, part)
    ]


def _markdown_tables(
    table: Sequence[Row], columns: Sequence[Column], part: Part
) -> Iterator[md.Block]:
    for rows, mode_grid in _grids(table, columns, part):
        yield md.heading(3, part_title(rows, part, marked))
        yield mode_grid.markdown()


def _grids(
    table: Sequence[Row], columns: Sequence[Column], part: Part
) -> list[tuple[list[Row], Grid]]:
    """The rows and the table of each mode with a figure of ``part``."""
    of_part = [column for column in columns if column.part == part]
    shown = forms.counted_rows(table) if part == "exact" else table
    return [
        (rows, mode_grid)
        for rows in by_mode(shown).values()
        if (mode_grid := grid(rows, of_part)) is not None
    ]


def _module_details(table: Sequence[Row]) -> Iterator[md.Block]:
    """The times of all modules of each profiled case, folded."""
    for row in table:
        if row.record.module_times:
            summary = f"Time by module: {case_name(row, marked)}"
            yield md.folded(summary, module_times.details(row.record))


def part_title(rows: Sequence[Row], part: Part, quote: Quote) -> str:
    """The title of a mode's table of one part."""
    return "Means over seeds" if part == "trained" else table_title(rows, quote)


def _listed(heading: str, sentences: Sequence[str], layout: Layout) -> list[str]:
    return [layout.headed(heading, sentences)] if sentences else []


def _items(level: int, heading: str, sentences: Sequence[str]) -> list[md.Block]:
    return [md.heading(level, heading), md.items(sentences)] if sentences else []


def _labelled(lines: Sequence[tuple[str, str]], layout: Layout) -> str:
    """The lines with aligned labels; the command stays on one line, so that it can be copied."""
    width = max(len(label) for label, _ in lines)
    return "\n".join(
        f"{label:<{width}}  {text}"
        if label == "repeat"
        else layout.filled(text, f"{label:<{width}}  ")
        for label, text in lines
    )
