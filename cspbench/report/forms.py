"""Entries in several forms: the tables of forms, and the sentences that conclude them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..plan.case import Form, Mode
from ..records.deployment import Deployment
from ..records.measurements import EXACT
from ..text import listing
from ..units import ratio_text
from ..verdicts.stats import Estimate
from .columns import COLUMNS, Column
from .quoting import Quote
from .ranking import is_slower
from .readings import Reading
from .rows import AGAINST_REFERENCE, Row, by_mode, latency_ratio
from .tables import Grid, Strip, interval_strip
from .words import AT, MODE_TITLES

_COLUMN: Mapping[str, Column] = {column.key: column for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class FormTable:
    """The entries of one mode in several forms, of which the first is the others' reference.

    ``entries`` holds, for each entry in suite order, its rows by form.
    """

    mode: Mode
    forms: tuple[Form, ...]
    entries: tuple[Mapping[Form, Row], ...]

    @property
    def first(self) -> Form:
        """The form that the others are compared with."""
        return self.forms[0]

    def rows(self, form: Form) -> list[Row]:
        """The rows of one form."""
        return [rows[form] for rows in self.entries if form in rows]

    @property
    def reference(self) -> Mapping[Form, Row] | None:
        """The entry that others are compared with; None if there is none, or several."""
        references = [rows for rows in self.entries if rows[self.first].is_reference]
        return references[0] if len(references) == 1 else None

    @property
    def compared(self) -> "FormTable":
        """The table of the reference entry and those that are compared with it, if there are any.

        The others, whose input it does not have, cannot be compared with it in any form.
        """
        if self.reference is None:
            return FormTable(self.mode, self.forms, ())
        name = self.reference[self.first].name
        entries = [rows for rows in self.entries if rows[self.first].reference == name]
        return FormTable(self.mode, self.forms, tuple(entries if len(entries) > 1 else ()))


def titled_grids(table: Sequence[Row], quote: Quote) -> list[tuple[str, Grid]]:
    """The tables of forms with their titles: over the first form, and over the reference entry."""
    grids = []
    for of_mode in form_tables(table):
        title = f"{MODE_TITLES[of_mode.mode]} by form, latency over {of_mode.first}'s, by turn"
        grids.append((title, against_first(of_mode)))
        if within := against_reference(of_mode.compared):
            name, grid = within
            title = f"{MODE_TITLES[of_mode.mode]} by form, latency over {quote(name)}'s in the same"
            grids.append((f"{title} form, by turn", grid))
    return grids


def form_tables(table: Sequence[Row]) -> tuple[FormTable, ...]:
    """The tables of the modes of which some entry was measured in several forms."""
    tables = []
    for mode, rows in by_mode(table).items():
        others: dict[str, list[Row]] = {}
        for row in rows:
            if row.is_form:
                others.setdefault(str(row.record.case.reference), []).append(row)
        entries = [
            {of.record.case.form: of for of in (row, *others[row.record.case.key])}
            for row in rows
            if row.record.case.key in others
        ]
        if entries:
            forms = dict.fromkeys(form for rows in entries for form in rows)
            tables.append(FormTable(mode, tuple(forms), tuple(entries)))
    return tuple(tables)


def counted_rows(table: Sequence[Row]) -> list[Row]:
    """The rows of the tables of exact figures: without forms whose module is the first form's."""
    left_out = _counted_as_first(table)
    return [row for row in table if not (row.is_form and row.record.case.form in left_out)]


def count_notes(table: Sequence[Row]) -> list[str]:
    """An item on the forms that `counted_rows` leaves out, if there are any."""
    left_out = _counted_as_first(table)
    if not left_out:
        return []
    names = listing(left_out, len(left_out))
    firsts = listing([*dict.fromkeys(of_mode.first for of_mode in form_tables(table))])
    return [
        f"no rows for {names}: counts and tensor peaks are of the module as written, as in {firsts}"
    ]


def _counted_as_first(table: Sequence[Row]) -> list[Form]:
    """The forms that have the first form's exact figures in all entries."""
    of_key = {row.record.case.key: row for row in table}
    alike: dict[Form, bool] = {}
    for row in table:
        if row.is_form:
            form, first = row.record.case.form, of_key[str(row.record.case.reference)]
            alike[form] = alike.get(form, True) and _exact(row) == _exact(first)
    return [form for form, is_alike in alike.items() if is_alike]


def _exact(row: Row) -> list[Reading]:
    return [row.readings[key] for key in EXACT]


def against_first(table: FormTable) -> Grid:
    """The latency of each entry in the first form, and that of others over it, by turn."""
    latency, outputs = _COLUMN["latency"], _COLUMN["outputs"]
    first = [row.readings["latency"] for row in table.rows(table.first)]
    bundles: list[tuple[Strip, ...]] = [
        (
            Strip(header=f"{_header(table.first)}\n[ms]", cells=tuple(map(latency.cell, first))),
            interval_strip(latency, first),
        )
    ]
    for form in table.forms[1:]:
        bundle = _ratio_strips(form, [_reading(rows, form) for rows in table.entries])
        told = [rows[form].readings["outputs"] if form in rows else None for rows in table.entries]
        if any(text not in {None, "equal"} for text in told if isinstance(text, str)):
            bundle += (Strip(header="outputs", cells=tuple(map(outputs.cell, told))),)
        bundles.append(bundle)
    return Grid(names=_names(table), bundles=tuple(bundles))


def against_reference(table: FormTable) -> tuple[str, Grid] | None:
    """The name of the reference entry, and the latency of each entry over its in the same form.

    None without one.
    """
    reference = table.reference
    if reference is None:
        return None
    grid = Grid(
        names=_names(table),
        bundles=tuple(
            _ratio_strips(form, [_within(rows, reference, form) for rows in table.entries])
            for form in table.forms
        ),
    )
    return reference[table.first].name, grid


def conclusions(table: Sequence[Row], quote: Quote) -> list[str]:
    """Sentences on what each form saves, and on the fastest entry in each."""
    sentences = []
    for of_mode in form_tables(table):
        clauses = [text for form in of_mode.forms[1:] if (text := _saving(of_mode, form))]
        if clauses:
            start = f"Over {of_mode.first} {AT[of_mode.mode]}"
            sentences.append(f"{start}: {'; '.join(clauses)}.")
        if text := _leaders(of_mode.compared, quote):
            sentences.append(text)
    return sentences


def _saving(table: FormTable, form: Form) -> str:
    """The range of a form's ratios, the number of each verdict, and what its outputs are."""
    rows = [row for row in table.rows(form) if row.ratio and row.verdict]
    if not rows:
        return ""
    ratios = sorted(row.ratio.value for row in rows if row.ratio)
    span = ratio_text(ratios[0])
    if len(ratios) > 1:
        span += f" to {ratio_text(ratios[-1])}"
    answers = Counter(AGAINST_REFERENCE[row.verdict.answer] for row in rows if row.verdict)
    counted = ", ".join(
        f"{answers[word]} {word}" for word in AGAINST_REFERENCE.values() if answers[word]
    )
    return f"{form} takes {span} of the time ({counted}){_outputs(rows)}"


def _outputs(rows: Sequence[Row]) -> str:
    made = [row.record.deployment for row in rows if row.record.deployment]
    uncompared = sum(record.error is None for record in made)
    other = [record for record in made if not record.is_equal and record.error is not None]
    text = _other_outputs(other, len(rows))
    if uncompared:
        text += f", with outputs that were not compared{_share(uncompared, len(rows))}"
    return text


def _share(number: int, rows: int) -> str:
    return "" if number == rows else f" in {number} of {rows}"


def _other_outputs(other: Sequence[Deployment], rows: int) -> str:
    """What is said of records of which the outputs are not eager's; '' for none."""
    if not other:
        return ""
    known = sorted(record.sqnr_db for record in other if record.sqnr_db is not None)
    number = _share(len(other), rows)
    if not known:
        return f", with other outputs{number}"
    low, high = f"{known[0]:z.0f}", f"{known[-1]:z.0f}"
    span = low if low == high else f"{low} to {high}"
    return f", with other outputs{number} (SQNR {span} dB)"


def _leaders(table: FormTable, quote: Quote) -> str:
    """Which entry is the fastest in which forms."""
    forms: dict[str, list[str]] = {}
    for form in table.forms:
        if leaders := _fastest(table, form):
            names = [quote(rows[table.first].name) for rows in leaders]
            forms.setdefault(" or ".join(sorted(names)), []).append(form)
    if not forms:
        return ""
    clauses = [f"{names} as {listing(those, len(those))}" for names, those in forms.items()]
    start = f"Fastest entry {AT[table.mode]} by form"
    return f"{start}: {'; '.join(clauses)}."


def _fastest(table: FormTable, form: Form) -> list[Mapping[Form, Row]]:
    """The fastest entry in a form, and those that cannot be told from it; none below two."""
    reference = table.reference
    if reference is None:
        return []
    timed = [
        (ratio, rows)
        for rows in table.entries
        if (ratio := _within(rows, reference, form)) is not None and form in rows
    ]
    has_intervals = any(isinstance(ratio, Estimate) and ratio.low for ratio, _ in timed)
    if len(timed) < 2 or not has_intervals:
        return []
    _, best = min(timed, key=lambda pair: pair[0].value if isinstance(pair[0], Estimate) else 1.0)
    rivals = [
        rows for _, rows in timed if rows is not best and not is_slower(rows[form], best[form])
    ]
    return [best, *rivals]


def _reading(rows: Mapping[Form, Row], form: Form) -> Reading:
    return rows[form].readings["latency_ratio"] if form in rows else None


def _within(rows: Mapping[Form, Row], reference: Mapping[Form, Row], form: Form) -> Reading:
    """The latency in a form over the reference entry's in it; None if either is missing."""
    if form not in rows or form not in reference:
        return None
    if rows is reference:
        return 1.0 if rows[form].latency else None
    return latency_ratio(rows[form], reference[form])


def _ratio_strips(form: Form, readings: Sequence[Reading]) -> tuple[Strip, ...]:
    ratio = _COLUMN["latency_ratio"]
    return (
        Strip(header=_header(form), cells=tuple(map(ratio.cell, readings))),
        interval_strip(ratio, readings),
    )


def _names(table: FormTable) -> Strip:
    names = tuple(row.title for row in table.rows(table.first))
    return Strip(header="entry", cells=names, left=True)


def _header(form: Form) -> str:
    """A form in lines of a header, broken behind its colon."""
    return form.replace(":", ":\n", 1)
