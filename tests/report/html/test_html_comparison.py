"""The page of a comparison as text: what it says, in what order, how large it is."""

import re

import msgspec
import pytest
from compared_runs import make_small_run, scaled
from factories import with_measurements
from parsed_page import ParsedPage, ParsedTable
from rendered import hostile
from revisions import UNSHARED, make_changed_run, with_outputs
from synthetic import change, make_large_run

from cspbench.comparison.compare import compare
from cspbench.comparison.in_turns import in_turns
from cspbench.comparison.result import Comparison
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Run
from cspbench.report.comparison import text
from cspbench.report.html import comparison as page_module
from cspbench.report.html import comparison_page
from cspbench.report.html.elements import Figures

FOUR = ("dense", "csp", "csp_fusion_first", "csp_fusion_last")
MAX_BYTES = 6 << 20


def changed_run() -> Run:
    """Of four entries, one is slower in both modes and has more MACs, one trains faster."""
    return make_changed_run(
        FOUR,
        slower={2: 1.12, 3: 1.15, 7: 0.92},
        grown={2: {"macs": 1.05, "peak_tensor_bytes": 1.043}, 3: {"macs": 1.05}},
    )


def page_of(comparison: Comparison) -> ParsedPage:
    return ParsedPage(comparison_page(comparison))


def table_of(page: ParsedPage, title: str) -> ParsedTable:
    """The first table with such a caption: of figures, the changed ones."""
    return next(table for table in page.tables if table.caption.startswith(title))


def failed() -> Comparison:
    """A case that failed in the candidate, and outputs of another that differ."""
    run = with_outputs(changed_run(), 2, is_equal=False, distance=12.0)
    failure = CaseFailure(
        case=run.records[15].case.key, stage="latency", cause="raised", reason="no room"
    )
    return in_turns(change(run, 15, latencies=(), failures=(failure,)))


def misleading() -> Comparison:
    """Two runs whose numbers of threads differ."""
    baseline, candidate = make_small_run(), make_small_run(slower={3: 1.5}, seed=1)
    settings = msgspec.structs.replace(candidate.info.settings, threads=1)
    info = msgspec.structs.replace(candidate.info, settings=settings)
    return compare(baseline, msgspec.structs.replace(candidate, info=info))


def unshared() -> Comparison:
    """A candidate whose weights have other shapes, and cases of one side."""
    run = with_outputs(
        changed_run(), 2, is_equal=False, distance=1e5, weights="seeded", unshared=UNSHARED
    )
    return in_turns(msgspec.structs.replace(run, records=run.records[:-1]))


COMPARISONS = {
    "changed": lambda: in_turns(changed_run()),
    "between runs": lambda: compare(make_small_run(), make_small_run(slower={3: 1.05}, seed=1)),
    "undecided": lambda: in_turns(make_changed_run(FOUR, slower={2: 1.012}, spread=0.008)),
    "failed": failed,
    "misleading": misleading,
    "unshared": unshared,
}


@pytest.mark.parametrize("kind", COMPARISONS)
def test_the_page_says_all_that_the_text_says(kind: str) -> None:
    """Each sentence outside tables, and each cell of their rows."""
    comparison = COMPARISONS[kind]()
    said = "".join(page_of(comparison).text.split())
    lines = text(comparison).splitlines()
    sentences = " ".join(line or ". " for line in lines if not line.startswith(("|", "+")))
    pieces = [piece for piece in re.split(r"[.:;] |\. ?$| - | +(?=[A-Z])", sentences) if piece]
    assert len(pieces) > 8
    assert [piece for piece in pieces if "".join(piece.split()) not in said] == []
    cells = {cell.strip() for line in lines if line.startswith("|") for cell in line.split("|")}
    words = {word for cell in cells if re.search(r"\d", cell) for word in cell.split()}
    assert [word for word in words if word not in said] == []


def test_the_verdict_comes_first_and_the_command_last() -> None:
    """What failed, and outputs that differ, are in the first sentence."""
    page = ParsedPage(comparison_page(failed(), "python -m cspbench ab main HEAD"))
    assert page.text.index("Regression: csp is") < page.text.index("Changed or undecided entries")
    first = page.text.partition("Changed or undecided entries")[0]
    assert "csp_fusion_last in training failed in the candidate" in first
    assert "the outputs of csp differ" in first
    assert page.text.endswith("repeat python -m cspbench ab main HEAD")


def test_a_row_has_the_values_of_its_change() -> None:
    """By case and measure, in full precision, by which the page sorts."""
    comparison = in_turns(changed_run())
    page = page_of(comparison)
    expected = {
        (case.label, {"infer": "inference", "train": "training"}[case.mode]): case.latency
        for case in comparison.cases
    }
    table = table_of(page, "Latency, milliseconds, in turns")
    assert len(table.rows) == 3
    for name, (mode, baseline, candidate, ratio, _, verdict) in table.rows:
        latency = expected[name, mode[0]]
        assert latency is not None
        assert (float(baseline[1] or ""), float(candidate[1] or "")) == (
            latency.baseline,
            latency.candidate,
        )
        assert float(ratio[1] or "") == latency.ratio
        assert verdict[0] == latency.verdict


def test_the_worst_rows_come_first_and_unchanged_ones_are_folded() -> None:
    """Each figure stands once: MACs, 5% more, of both modes."""
    run = changed_run()
    page = page_of(in_turns(run))
    summary = table_of(page, "Changed or undecided entries")
    assert [name for name, _ in summary.rows] == ["csp", "csp_fusion_last"]
    assert [text for text, _ in summary.rows[0][1]] == [
        "+12.1% (+11.8% to +12.4%) slower",
        "+15.1% (+14.9% to +15.2%) slower",
        "+5.0%",
        "+4.3%",
    ]
    exact = [table for table in page.tables if table.caption.startswith("Counts")]
    changed, same = exact
    assert [(name, cells[1][0]) for name, cells in changed.rows] == [
        ("csp", "MACs"),
        ("csp", "peak tensor memory"),
        ("csp", "MACs"),
    ]
    assert {cells[-1][0] for _, cells in same.rows} == {"same"}
    tags = [tag for tag, _ in page.tags]
    assert tags.index("summary") > tags.index("table")


def test_a_point_has_its_interval_and_the_threshold_in_force() -> None:
    """1% of latency, on either side of 1 by as large a factor."""
    comparison = in_turns(changed_run())
    data = page_of(comparison).data["datasets"]["changes"]
    rows = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    latency = comparison.cases[2].latency
    assert latency is not None
    (row,) = (
        row
        for row in rows
        if (row["entry"], row["mode"], row["measure"]) == ("csp", "infer", "latency")
    )
    assert (row["low"], row["high"]) == latency.interval
    assert (row["least"], row["most"]) == (pytest.approx(1 / 1.01), pytest.approx(1.01))
    inference = [row for row in rows if row["mode"] == "infer" and row["measure"] == "latency"]
    assert [row["verdict"] for row in inference] == ["worse", "same", "same", "same"]
    macs = [row for row in rows if row["measure"] == "macs"]
    assert {(row["low"], row["least"]) for row in macs} == {(None, None)}


def test_a_reader_can_choose_among_the_measures_that_changed() -> None:
    """Latency first; of what is equal there is nothing to see."""
    model = page_module.model(in_turns(changed_run()), "")
    (figures,) = (block for block in model.blocks if isinstance(block, Figures))
    for figure in figures.figures:
        (control,) = figure.controls
        assert [option.label for option in control.options] == [
            "latency",
            "MACs",
            "peak tensor memory",
        ]
    (alone,) = (
        block
        for block in page_module.model(in_turns(make_changed_run(FOUR)), "").blocks
        if isinstance(block, Figures)
    )
    assert [(figure.title, figure.controls) for figure in alone.figures] == [
        ("Latency, inference", []),
        ("Latency, training", []),
    ]


def test_latencies_that_are_not_comparable_are_not_drawn() -> None:
    """The tables have both sides; the page says what makes the ratio meaningless."""
    page = page_of(misleading())
    assert page.data["figures"] == {}
    assert "threads: 2 → 1 (latency is not compared)" in page.text
    assert table_of(page, "Both sides").rows[2] == ("threads", [("2", None), ("1", None)])


def test_every_figure_can_be_found_by_the_filter() -> None:
    """By its case, measure and verdict; a latency also as slower or faster."""
    subjects = page_of(in_turns(changed_run())).data["subjects"]

    def found(*words: str) -> int:
        return sum(all(word in subject for word in words) for subject in subjects)

    assert found("csp (", "macs", "worse") == 2
    assert found("latency", "slower") == 2
    assert found("latency", "faster") == found("latency", "better") == 1
    assert found("csp_fusion_last", "training", "latency") == 1


def test_hostile_text_is_text_and_nothing_else() -> None:
    """In labels, reasons, commits and notes."""
    comparison = hostile(failed(), frozenset({"measures"}))
    page = page_of(comparison)
    ours = {(tag, name) for tag, given in page_of(failed()).tags for name in given or {"": None}}
    theirs = {(tag, name) for tag, given in page.tags for name in given or {"": None}}
    assert theirs <= ours | {("ul", "class"), ("li", "")}
    assert page.comments == []
    assert len(page.scripts) == 4
    assert "onerror=alert" in page.text
    assert page.text.isprintable()


def test_a_comparison_of_1000_cases_has_at_most_6_mb() -> None:
    """Each changed in each measure; what is left out is said."""
    run = make_large_run(500, launches=3, turns=2)
    after = run
    records = []
    for record in run.records:
        grown = [
            msgspec.structs.replace(
                measurement,
                **{
                    name: 2 * figure
                    for name in type(measurement).exact
                    if (figure := getattr(measurement, name)) is not None
                },
            )
            for measurement in record.measurements.values()
        ]
        latencies = tuple(scaled(line, 1.5) for line in record.latencies)
        records.append(with_measurements(record, *grown, latencies=latencies))
    after = msgspec.structs.replace(run, records=tuple(records))
    content = comparison_page(compare(run, after))
    assert len(content.encode()) <= MAX_BYTES
    assert re.search(r"[\d,]+ more rows left out", content)
