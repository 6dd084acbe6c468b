"""Markdown: nothing from outside becomes markup, a reference or a picture on any page."""

import msgspec
import pytest
from compared_runs import make_small_run
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered import HOSTILE, PARTS, hostile, refuse_foreign_markup
from synthetic import change, make_run, render_report
from trained_runs import make_trained_run

from cspbench.comparison.compare import compare
from cspbench.records.base import Failure
from cspbench.records.lines import CaseFailure, Printed
from cspbench.records.run import Run
from cspbench.report import comparison as views
from cspbench.report import markdown
from cspbench.report.quoting import marked


def eventful_run() -> Run:
    """A run with a failure, prints, alterations, notes, missing readings and a revision."""
    run = make_run(("dense", "csp", "c3"), launches=2, turns=2)
    case = run.records[1].case.key
    failure = CaseFailure(case=case, stage="allocated", cause="raised", reason="", detail="")
    run = change(
        run, 1, failures=(failure,), printed=(Printed(case=case, stage="counts", text="x"),)
    )
    counts = run.records[2].counts
    assert counts is not None
    run = change(run, 2, msgspec.structs.replace(counts, thop_macs=Failure(reason="")))
    run = change(run, 3, alters=("sets",))
    allocated = run.records[0].allocated
    assert allocated is not None
    run = change(run, 0, msgspec.structs.replace(allocated, observed_only=("aten::relu",)))
    models = msgspec.structs.replace(run.info, models={"m": "d"}, repositories={"m": run.info.git})
    return msgspec.structs.replace(run, info=models, notes=("a note",))


def trained_run() -> Run:
    return make_trained_run({"dense": (0.2, 0.21), "csp": (0.3, 0.32)}, unfollowed=True)


@pytest.mark.parametrize("make", [eventful_run, trained_run])
def test_no_text_of_a_run_is_markup_in_its_report(make: object) -> None:
    """Every text of a run at once, from the suite's description to the keys of packages."""
    assert callable(make)
    page = render_report(
        hostile(make(), frozenset({"stage", "stages", "measurements"})), "markdown"
    )
    assert {"h1", "table", "code", "details"} <= refuse_foreign_markup(page)
    assert "\n# h" not in page


def test_no_text_of_a_comparison_is_markup_in_its_page() -> None:
    """Labels, circumstances, reasons and notes, all of files that others wrote."""
    baseline = make_small_run()
    counts = baseline.records[1].counts
    assert counts is not None
    candidate = change(
        make_small_run(slower={0: 1.2}, seed=1), 1, msgspec.structs.replace(counts, macs=1)
    )
    candidate = msgspec.structs.replace(
        candidate, info=msgspec.structs.replace(candidate.info, suite="other")
    )
    comparison = msgspec.structs.replace(compare(baseline, candidate), notes=("a note",))
    page = views.markdown(hostile(comparison, frozenset({"measures"})))
    assert {"strong", "ul", "table", "code", "details"} <= refuse_foreign_markup(page)


@settings(max_examples=60)
@given(st.text(PARTS, max_size=40))
def test_no_text_is_markup_in_any_block(text: str) -> None:
    """Marked as text from outside or not, at the start of a block, in a list or in a cell."""
    blocks = [
        markdown.heading(2, text),
        markdown.paragraph(text),
        markdown.strong(f"{marked(text)}{text}"),
        markdown.items([text, f"{marked(text)}: {text}"]),
        markdown.table(["entry", text], [(marked(text), text), (text, marked(text))]),
        markdown.folded(text, [markdown.paragraph(f"{text}{marked(text)}{text}")]),
        markdown.picture("plots/latency.png", f"Latency of {marked(text)}."),
    ]
    for block in blocks:
        refuse_foreign_markup(markdown.page([block]))
    refuse_foreign_markup(markdown.page(blocks))


def test_what_is_said_of_us_reads_as_it_was_written() -> None:
    """Sentences of our own get no backslash."""
    sentence = "Undecided: 2 of 3 cases (0.93–1.02); --budget S spends time there. [ms], +3.4%!"
    assert markdown.paragraph(sentence) == sentence


def test_a_page_too_long_ends_with_a_whole_block() -> None:
    """A code span that is cut in two would be open, and what stands in it live."""
    blocks = [markdown.paragraph("Verdict."), markdown.paragraph(marked("@someone " * 100))]
    page = markdown.page(blocks, 200)
    assert page == "Verdict.\n\nThe rest is left out here: it is too long.\n"


def test_a_comment_with_endless_circumstances_fits_and_stays_whole() -> None:
    """Cut at the end of a block, with its verdict first."""
    baseline = make_small_run()
    packages = {f"p{index}": "1" for index in range(5)}
    environment = msgspec.structs.replace(baseline.info.environment, packages=packages)
    info = msgspec.structs.replace(baseline.info, environment=environment)
    comparison = compare(baseline, msgspec.structs.replace(baseline, info=info))
    long = msgspec.structs.replace(comparison, notes=(f"{HOSTILE} " * 100,) * 20)
    assert sum(map(len, long.notes)) > views.MAX_CHARACTERS
    page = views.markdown(long)
    assert len(page) <= views.MAX_CHARACTERS
    assert page.startswith("**")
    refuse_foreign_markup(page)
