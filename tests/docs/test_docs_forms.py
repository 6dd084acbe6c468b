"""The table of forms in the README is what the records of the reference say."""

from doc_pages import README, ROOT

from cspbench.records.folder import read
from cspbench.report.forms import FormTable, form_tables
from cspbench.report.results import derive
from cspbench.report.rows import latency_ratio
from cspbench.units import ratio_text, significant_text

REFERENCE = ROOT / "results" / "reference" / "forms"


def expected_lines() -> list[str]:
    """Each entry's latency in eager mode; in other forms over that, and over the reference's."""
    (table,) = form_tables(derive(read(REFERENCE)).rows)
    compared = table.compared
    head = ["entry", f"{table.first} [ms]", *table.forms[1:]]
    return [
        f"| {' | '.join(head)} |",
        f"| --- |{' --: |' * (len(head) - 1)}",
        *(_line(compared, index) for index in range(len(compared.entries))),
    ]


def _line(table: FormTable, index: int) -> str:
    rows, reference = table.entries[index], table.reference
    assert reference is not None
    cells = [f"`{rows[table.first].name}`"]
    for form in table.forms:
        row = rows[form]
        within = latency_ratio(row, reference[form])
        assert row.latency is not None
        assert within is not None
        of_reference = "1" if rows is reference else ratio_text(within.value)
        value = significant_text(row.latency.value * 1e3)
        if form != table.first:
            assert row.ratio is not None
            value = ratio_text(row.ratio.value)
        cells.append(f"{value} ({of_reference})")
    return f"| {' | '.join(cells)} |"


def test_the_table_of_forms_is_that_of_the_reference() -> None:
    """Every line, in order."""
    text = "\n".join(expected_lines())
    assert text in README.read_text(encoding="utf-8"), f"the README lacks\n{text}"
