"""The page of a run: which blocks it has, and in what order."""

from collections.abc import Mapping, Sequence

from ...plan.labels import plain
from .. import forms, module_times, pages
from ..circumstances import circumstances
from ..columns import Column, Part
from ..completeness import completeness, failures
from ..plots.selection import by_difference
from ..quoting import marked
from ..results import Results
from ..rows import Row, by_mode
from . import cases, modules, tables
from .charts import course, gradient_maps, latency, memory, roofline, scatter, spread
from .charts import forms as form_charts
from .charts import sweep as sweeps
from .elements import (
    Block,
    Dataset,
    Figure,
    Figures,
    Items,
    Labelled,
    Page,
    Paragraphs,
    Section,
)
from .rendering import render


def page(results: Results, columns: Sequence[Column]) -> str:
    """The content of ``report.html``; ``columns`` are those of its tables."""
    return render(model(results, columns))


def model(results: Results, columns: Sequence[Column]) -> Page:
    """The page before it is rendered."""
    run, table = results.run, results.rows
    sections = [
        _section("conclusion", "Conclusion", _conclusion(results)),
        _section("measured", _title(results), _measured(results, columns)),
        _section("exact", "Exact figures", _exact(results, columns)),
        _section("trade", "Trade-offs", scatter.scatter(table)),
        _section("sweep", "Sweep", _side_by_side(sweeps.sweep(table))),
        _section("spread", "Spread of samples", spread.spread(table)),
        _section("modules", "Modules", _modules(results)),
        _section("notes", "Notes", _notes(results, columns)),
        _section("made", "How it was made", [Labelled(lines=circumstances(results))]),
    ]
    return Page(
        title=plain(run.info.suite),
        subtitle=plain(run.info.description),
        sections=[section for section in sections if section.blocks],
        subjects=cases.subjects(table),
        datasets=_datasets(results),
    )


def _title(results: Results) -> str:
    return "Training" if results.run.info.settings.training else "Times"


def _section(key: str, title: str, blocks: Sequence[Block]) -> Section:
    return Section(key=key, title=title, blocks=blocks)


def _conclusion(results: Results) -> list[Block]:
    """The same sentences as in the report, those on what was measured first."""
    measured = pages.conclusion_sentences(results, marked)
    counted = pages.exact_sentences(results, marked)
    blocks: list[Block] = [Paragraphs(sentences=measured or counted, is_lead=True)]
    if lacks := completeness(results, marked):
        blocks.append(Paragraphs(sentences=lacks))
    if measured:
        blocks.append(Paragraphs(sentences=counted))
    return blocks


def _measured(results: Results, columns: Sequence[Column]) -> list[Block]:
    """What differs in every run, or by seed: plots, then tables, then the forms."""
    table = results.rows
    part, heading = pages.measured_part(results.run)
    places = cases.places(table)
    choice = by_difference(table).note.partition(": ")[2]
    blocks: list[Block] = _side_by_side(latency.latency(table, choice))
    blocks += course.course(table)
    blocks += _tables(table, columns, part, places)
    blocks += gradient_maps.similarity(table, places)
    blocks += _side_by_side(form_charts.forms(table))
    blocks += _form_tables(table, places)
    blocks += _items(pages.MODULES_TITLE, module_times.most_expensive(table, marked))
    if not blocks:
        return []
    return [Paragraphs(sentences=[f"{heading or pages.MEASURED_TITLE}."]), *blocks]


def _exact(results: Results, columns: Sequence[Column]) -> list[Block]:
    """What is the same in every run of the same code, with its notes."""
    table, places = results.rows, cases.places(results.rows)
    shown = _tables(forms.counted_rows(table), columns, "exact", places)
    if not shown:
        return []
    title = Paragraphs(sentences=[f"{pages.exact_title(results.run)}."])
    noted = _items("Notes on the counts", pages.count_notes(table, columns, marked))
    return [title, *shown, *gradient_maps.terms(table, places), *noted]


def _modules(results: Results) -> list[Block]:
    """Where the cost lies: the tree, memory over the call, the roofline."""
    table, places = results.rows, cases.places(results.rows)
    tree = modules.trees(results)
    return [
        *([tree] if tree else []),
        *memory.memory(table, places),
        *roofline.roofline(table, results.run.info.ceilings, places),
    ]


def _notes(results: Results, columns: Sequence[Column]) -> list[Block]:
    failed = _items("Failures", failures(results.rows, marked))
    noted = pages.run_notes(results, columns, marked)
    return [*failed, *_items("Other notes" if failed else "", noted)]


def _items(title: str, sentences: Sequence[str]) -> list[Block]:
    return [Items(title=title, sentences=sentences)] if sentences else []


def _tables(
    rows: Sequence[Row], columns: Sequence[Column], part: Part, subjects: Mapping[str, int]
) -> list[Block]:
    """The table of each mode with a figure of ``part``."""
    of_part = [column for column in columns if column.part == part]
    return [
        shown
        for of_mode in by_mode(rows).values()
        if (
            shown := tables.table(
                pages.part_title(of_mode, part, marked), of_mode, of_part, subjects
            )
        )
    ]


def _form_tables(table: Sequence[Row], subjects: Mapping[str, int]) -> list[Block]:
    """The tables of forms; the names of their rows are unique within a mode."""
    blocks: list[Block] = []
    for rows in by_mode(table).values():
        names = {row.name: subjects[row.record.case.key] for row in rows}
        blocks += [
            tables.of_grid(title, grid, names) for title, grid in forms.titled_grids(rows, marked)
        ]
    return blocks


def _side_by_side(figures: Sequence[Figure]) -> list[Block]:
    return [Figures(figures=figures)] if figures else []


def _datasets(results: Results) -> dict[str, Dataset]:
    """The data of the figures by name; none without rows."""
    table = results.rows
    places = cases.places(table)
    chosen = frozenset(row.place for row in by_difference(table).rows)
    datasets = {
        "cases": cases.dataset(table, chosen),
        "samples": spread.dataset(table),
        "forms": form_charts.dataset(table, places),
        "sweep": sweeps.dataset(table, places),
        "course": course.dataset(table, places),
        "memory": memory.dataset(table, places),
        "roofline": roofline.dataset(table, results.run.info.ceilings, places),
        "terms": gradient_maps.terms_dataset(table, places),
        "similarity": gradient_maps.similarity_dataset(table, places),
    }
    return {name: dataset for name, dataset in datasets.items() if dataset.rows}
