"""Results as HTML in a notebook: what is shown, that it is well formed, that it is escaped."""

import html
import re
from html.parser import HTMLParser

import msgspec
import pytest
from compared_runs import make_small_run, with_yardstick
from factories import with_measurements
from synthetic import change, change_case, make_run, report_text
from torch import nn

import cspbench
from cspbench.records.base import Failure
from cspbench.report import derive, notebook

TAGS = {
    *("div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
    "pre",
}
HOSTILE = "<img src=x onerror=alert(1)>&\"'</pre><script>"


class Page(HTMLParser):
    """What a browser makes of a page: the cells of its table, and its plain text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.plain = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= {"style"}
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"th", "td"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["pre"]:
            self.plain += data
        elif set(self.open[-1:]) & {"th", "td"}:
            self.rows[-1][-1] += data


def test_a_profile_shows_its_figures_and_below_them_its_text() -> None:
    """Each figure that was measured, as the tables of a report write it, with what it is."""
    profile = cspbench.profile(
        nn.Conv2d(3, 8, 3), (1, 3, 10, 10), measures=["counts", "tensor_peak", "latency"], turns=2
    )
    source = profile._repr_html_()
    page = Page(source)
    figures = {name: value for name, value, _ in page.rows}
    assert page.rows[0] == ["figure", "value", "what it is"]
    assert figures["params"] == f"{8 * 27 + 8:,}"
    assert figures["MACs"] == f"{8 * 64 * 27:,}"
    assert figures["peak tensor memory [bytes]"] == f"{profile.peak_tensor_bytes:,}"
    assert float(figures["latency [ms]"].replace(",", "")) == pytest.approx(
        profile.latency * 1e3, rel=1e-3
    )
    assert "images /s" in figures
    assert "MACs, other products" not in figures  # there are none
    assert "verdict" not in figures  # which takes a run
    assert page.plain.strip() == str(profile).strip()
    assert "<strong>Conv2d</strong>: 1x3x10x10, inference, cpu, fp32" in source


def test_a_figure_that_is_missing_says_why() -> None:
    """A dash, and the reason in place of what it is."""
    profile = cspbench.profile(nn.Conv2d(3, 8, 3), (1, 3, 10, 10))
    assert profile.counts is not None
    counts = msgspec.structs.replace(profile.counts, thop_macs=Failure(reason="thop <raised>"))
    page = Page(notebook.record(with_measurements(profile, counts)))
    assert ["MACs (thop)", "–", "thop <raised>"] in page.rows


def test_the_text_of_a_profile_is_no_markup() -> None:
    """The names of modules and what they print are text from outside."""
    record = change_case(make_run(["dense"]), 0, label=HOSTILE, device=HOSTILE).records[0]
    assert record.counts is not None
    layers = tuple(
        msgspec.structs.replace(layer, type=HOSTILE, path=HOSTILE) for layer in record.counts.layers
    )
    record = with_measurements(record, msgspec.structs.replace(record.counts, layers=layers))
    source = notebook.record(record)
    page = Page(source)
    assert "<img" in page.plain
    assert html.escape("<img src=x onerror=alert(1)>") in source.partition("</p>")[0]


def test_a_comparison_shows_what_changed_and_below_it_its_text() -> None:
    """A row for each entry that changed, in percent, and no column of what is the same."""
    baseline = make_small_run()
    counts = baseline.records[0].counts
    assert counts is not None
    more = msgspec.structs.replace(counts, macs=2 * counts.macs)
    comparison = cspbench.compare(baseline, change(make_small_run(slower={0: 1.2}), 0, more))
    source = comparison._repr_html_()
    header, (name, latency, macs) = Page(source).rows
    assert header == ["entry", "latency, inference", "MACs"]
    assert (name, macs) == ("dense", "+100% at inference")
    assert re.fullmatch(r"\+20.*% \(.*\) slower", latency)
    assert "<p><strong>Regression: dense is 20" in source
    assert Page(source).plain.strip() == str(comparison).strip()


def test_a_comparison_without_a_change_has_no_table() -> None:
    """Its conclusion stands alone."""
    page = Page(cspbench.compare(make_small_run(), make_small_run())._repr_html_())
    assert page.rows == []


def test_the_text_of_a_comparison_is_no_markup() -> None:
    """The name of a case comes from a file that somebody else wrote."""
    baseline = make_small_run()
    for index in range(len(baseline.records)):
        baseline = change_case(baseline, index, label=f"{index // 2}{HOSTILE}")
    counts = baseline.records[1].counts
    assert counts is not None
    candidate = change(baseline, 1, msgspec.structs.replace(counts, macs=1))
    page = Page(cspbench.compare(baseline, candidate)._repr_html_())
    assert [row[0] for row in page.rows[1:]] == [f"0{HOSTILE}"]


def test_a_large_comparison_is_cut_and_says_so() -> None:
    """A notebook stores what it shows."""
    labels = [f"entry_{index}" for index in range(100)]
    baseline = with_yardstick(make_run(labels, modes=("infer",), launches=2, reference=None))
    records = []
    for record in baseline.records:
        assert record.counts is not None
        counts = msgspec.structs.replace(record.counts, macs=record.counts.macs + 1)
        records.append(with_measurements(record, counts))
    candidate = msgspec.structs.replace(baseline, records=tuple(records))
    comparison = cspbench.compare(baseline, candidate)
    source = comparison._repr_html_()
    assert len(Page(source).rows) == 1 + 60
    assert f"<p>{len(labels) - 60} more entries: to_frame() has all</p>" in source


def test_a_run_shows_its_tables_and_below_them_its_report() -> None:
    """The conclusion first, then each table of the report with its title."""
    run = make_run(["dense", "csp"])
    source = notebook.run(derive(run))
    page = Page(source)
    headers = [row for row in page.rows if row[0] == "entry"]
    assert [header[1] for header in headers] == ["params", "params", "latency [ms]", "latency [ms]"]
    latencies = [row for row in page.rows if row[0] == "csp"][2:]
    assert [row[headers[2].index("verdict")] for row in latencies] == ["faster", "faster"]
    assert source.index("csp is 9.1% faster than dense") < source.index("<table>")
    assert "<p>Training, input 1x64x56x56, ratios to dense</p>" in source
    assert page.plain.strip() == report_text(run).strip()


def test_the_text_of_a_run_is_no_markup() -> None:
    """Suite, description, names and reasons are text from outside."""
    run = make_run(["dense", "csp"])
    info = msgspec.structs.replace(run.info, suite=HOSTILE, description=HOSTILE)
    run = change_case(msgspec.structs.replace(run, info=info), 2, label=HOSTILE, device=HOSTILE)
    page = Page(notebook.run(derive(run)))
    assert [row[0] for row in page.rows].count(HOSTILE) == 2


def test_a_large_run_is_cut_and_says_so() -> None:
    """In each table."""
    run = make_run([f"entry_{index}" for index in range(70)], modes=("infer",), launches=2, turns=2)
    source = notebook.run(derive(run))
    assert len(Page(source).rows) == 2 * (1 + 60)
    assert source.count("<p>10 more entries: to_frame() has all</p>") == 2
