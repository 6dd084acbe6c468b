"""The page of a run as text: what it says, what it escapes, how large it is; without a browser."""

import base64
import csv
import hashlib
import io
import re

import msgspec
import pytest
from parsed_page import ParsedPage
from rendered import hostile
from synthetic import change, change_case, make_large_run, make_run, render_report
from trained_runs import DENSE, make_trained_run

from cspbench import report
from cspbench.records.layers import Layer
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Run
from cspbench.report.html import elements, rendering, tables
from cspbench.report.html.charts import spread
from cspbench.report.tables import Grid, Strip

THREE = ("dense", "csp", "csp_fusion_first")
MAX_BYTES = 6 << 20


def page_of(run: Run) -> ParsedPage:
    return ParsedPage(render_report(run, "html"))


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_equal_records_give_equal_bytes() -> None:
    """Nothing of the clock, of chance or of an order of a set gets in."""
    run = make_run(THREE, launches=2, turns=3)
    assert render_report(run, "html") == render_report(run, "html")


def test_the_conclusion_comes_first_and_the_command_last() -> None:
    """A reader who stops early has read what matters most."""
    run = make_run(THREE)
    page = page_of(run)
    titles = re.findall(r'<h2 id="[a-z]+-title">([^<]*)<', render_report(run, "html"))
    assert titles[0] == "Conclusion"
    assert titles[-1] == "How it was made"
    assert page.text.rindex(run.info.command) > page.text.index("How it was made")


@pytest.mark.parametrize("kind", ["timed", "trained", "failed"])
def test_the_page_says_all_that_the_report_says(kind: str) -> None:
    """Conclusions, notes, failures and circumstances: the same sentences, none left out."""
    run = make_run(THREE)
    if kind == "trained":
        run = make_trained_run({"dense": DENSE, "csp": (0.2, 0.3, 0.25, 0.22)}, unfollowed=True)
    if kind == "failed":
        failure = CaseFailure(
            case=run.records[1].case.key, stage="allocated", cause="raised", reason="no room"
        )
        run = change(run, 1, failures=(failure,))
    markdown = render_report(run, "markdown").partition("<details>")[0]
    said = squeezed(page_of(run).text)
    lines = [line for line in markdown.splitlines() if line and not line.startswith(("|", "#"))]
    assert len(lines) > 10
    for line in lines:
        plain = re.sub(r"\\(?=[^\w\s])|`|&#8203;|^- ", "", line)
        assert squeezed(plain) in said or squeezed(plain.replace(": ", "", 1)) in said


def test_every_figure_of_the_tables_is_that_of_the_csv() -> None:
    """In full precision, in base units, whatever the cell shows of it."""
    run = make_run(THREE)
    lines = list(csv.DictReader(io.StringIO(render_report(run, "csv"))))
    columns = {
        "params ": "params",
        "MACs ": "macs",
        "MACs (thop) ": "thop_macs",
        "peak tensor memory [bytes]": "peak_tensor_bytes",
        "latency [ms]": "latency_s",
        "peak alloc. [MiB]": "peak_alloc_bytes",
        "peak RSS [MiB]": "peak_rss_bytes",
    }
    compared = 0
    for table in page_of(run).tables[:4]:
        mode = "infer" if table.caption.startswith("Inference") else "train"
        in_csv = {line["entry"]: line for line in lines if line["mode"] == mode}
        for header, column in columns.items():
            if header.strip() not in table.headers:
                continue
            for name, (text, value) in table.column(header.strip()).items():
                expected = in_csv[name.removesuffix(" (reference)")][column]
                assert value is not None
                assert float(value) == float(expected)
                assert text
                compared += 1
    assert compared == 2 * 3 * len(columns)


def test_a_verdict_has_a_colour_and_says_so_in_words_too() -> None:
    """Colour alone tells nothing to those who do not see it."""
    page = render_report(make_run(THREE, noise=0.001), "html")
    assert re.findall(r'<td class=" (better|worse)">(\w+)<', page) == [("better", "faster")] * 4


def test_hostile_text_is_text_and_nothing_else() -> None:
    """In names, reasons, commands and modules: no tag, no attribute and no script of theirs."""
    runs = (make_run(THREE), make_trained_run({"dense": DENSE, "csp": DENSE}))
    for run in runs:
        text = render_report(hostile(run, frozenset({"stage", "stages", "measurements"})), "html")
        page, plain_page = ParsedPage(text), page_of(run)
        assert _markup(page) <= _markup(plain_page) | {("tr", "class"), ("td", "class")}
        assert not [name for _, name in _markup(page) if name.startswith("on") or name == "src"]
        links = {given["href"] or "" for _, given in page.tags if "href" in given}
        assert all(link.startswith(("#", "data:,")) for link in links)
        assert page.comments == []
        assert len(page.scripts) == 4
        assert "onerror=alert" in page.text
        assert page.text.isprintable()
        assert text.encode()


def _markup(page: ParsedPage) -> set[tuple[str, str]]:
    """Each tag with each attribute that some such element has, '' for none."""
    return {(tag, name) for tag, attributes in page.tags for name in attributes or {"": None}}


def test_data_cannot_end_its_script() -> None:
    """Nor a line of it: what could, is written as an escape, and read back as it was."""
    run = make_run(("dense", "csp"), modes=("infer",), launches=2, turns=2)
    name = "</script ><script>alert(1)<!-- & \u2028 \u2029"
    record = run.records[1]
    run = change(run, 1, case=msgspec.structs.replace(record.case, label=name, entry=name))
    text = render_report(run, "html")
    inside = text.partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(inside)
    (entry,) = {row[1] for row in ParsedPage(text).data["datasets"]["cases"]["rows"]} - {"dense"}
    assert entry == "</script ><script>alert(1)<!-- &"


def test_the_policy_allows_the_scripts_of_the_page_and_no_other() -> None:
    """By their hashes; there is no request that it allows."""
    page = page_of(make_run(THREE, launches=2, turns=3))
    (policy,) = (
        given["content"] or "" for tag, given in page.tags if given.get("http-equiv") is not None
    )
    hashes = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for attributes, script in page.scripts
        if "type" not in attributes
    }
    assert len(hashes) == 3
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy


def test_a_page_of_100_cases_has_at_most_6_mb() -> None:
    """Of networks with 430 modules each, and more samples than are drawn."""
    layers = tuple(
        Layer(
            path=f"features.denseblock{index // 60}.denselayer{index % 60}.conv",
            type="Conv2d",
            output_shape=(32, 1024, 112, 112),
            params=1_234_567,
            macs=123_456_789,
            calls=1,
        )
        for index in range(430)
    )
    run = make_large_run(50, launches=12, turns=150)
    for index, record in enumerate(run.records):
        assert record.counts is not None
        own = msgspec.structs.replace(layers[0], path="", params=index)  # so that none is shared
        run = change(run, index, msgspec.structs.replace(record.counts, layers=(own, *layers)))
    assert len(render_report(run, "html").encode()) <= MAX_BYTES


def test_inference_and_training_share_a_tree() -> None:
    """Their modules and counts are the same; other entries have their own."""
    data = page_of(make_run(THREE, launches=2, turns=2)).data
    (trees,) = data["trees"].values()
    assert trees["treeOf"] == {"0": 0, "1": 0, "2": 1, "3": 1, "4": 2, "5": 2}
    whole, conv, *_ = trees["trees"][0]
    assert whole == [0, "model", 0, "1x128x56x56", "73,984", "231,211,008", "100.0%"]
    assert (conv[0], conv[1], trees["types"][conv[2]]) == (1, "conv", "Conv2d")


def test_of_too_many_samples_each_launch_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly by rank, so that the distribution stays what it is."""
    run = make_run(("dense",), modes=("infer",), launches=2, turns=9)
    samples = tuple(1e-3 * value for value in (9, 1, 8, 2, 7, 3, 6, 4, 5))
    (record,) = run.records
    latencies = tuple(msgspec.structs.replace(line, samples_s=samples) for line in record.latencies)
    monkeypatch.setattr(spread, "MAX_SAMPLES", 6)
    rows = report.derive(change(run, 0, latencies=latencies)).rows
    drawn = [(row[1], row[3]) for row in spread.dataset(rows).rows]
    assert drawn == [(0, [2.0, 5.0, 8.0]), (1, [2.0, 5.0, 8.0])]


def test_a_run_without_plots_carries_no_library() -> None:
    """A page of tables alone is a few kilobytes."""
    page = elements.Page(title="t", subtitle="", sections=(), datasets={})
    assert len(rendering.render(page)) < 60_000


def test_a_record_without_layers_has_no_tree() -> None:
    """As a case that failed at once; the others keep theirs."""
    run = make_run(("dense", "csp"), modes=("infer",), launches=2, turns=2)
    run = change(run, 0, measurements={})
    (trees,) = page_of(run).data["trees"].values()
    assert trees["treeOf"] == {"1": 0}


def test_a_map_of_terms_has_the_share_that_each_weight_reads() -> None:
    """The second weight reads half of the input and all of the first one's output."""
    data = page_of(make_trained_run({"dense": DENSE})).data
    assert data["datasets"]["terms"]["rows"] == [
        [0, "one", "input", 0.5],
        [0, "one", "one", 0.0],
        [0, "one", "two", 0.0],
        [0, "two", "input", 0.5],
        [0, "two", "one", 1.0],
        [0, "two", "two", 0.0],
    ]
    similar = [row[3] for row in data["datasets"]["similarity"]["rows"]]
    assert similar == [1.0, 0.5, 0.5, 1.0]


def test_forms_stand_beside_each_other() -> None:
    """Their ratios to the first form, in a plot and in a table that the filter restricts."""
    run = make_run(("dense", "csp"), modes=("infer",))
    first = run.records[0].case
    fused = msgspec.structs.replace(
        first, key="dense fused", label="dense fused", form="fused", reference=first.key
    )
    record = msgspec.structs.replace(run.records[1], case=fused)
    run = msgspec.structs.replace(run, records=(run.records[0], record))
    page = page_of(run)
    (row,) = page.data["datasets"]["forms"]["rows"]
    assert row[:4] == [1, "dense", "infer", "fused"]
    assert row[4] == pytest.approx(1 / 1.1, rel=0.02)
    assert row[5] < row[4] < row[6]
    (table,) = (table for table in page.tables if table.caption.startswith("Inference by form"))
    assert table.headers[:4] == ["entry", "eager [ms]", "95% interval", "fused"]
    look_of = {row[1]: row[6:8] for row in page.data["datasets"]["cases"]["rows"]}
    assert look_of == {"dense": [0, 0], "dense fused": [0, 1]}


def test_a_sweep_has_its_points_in_order() -> None:
    """Gamma from the arguments, the ratio to the reference, an interval."""
    labels = {f"csp gamma={gamma}": {"gamma": gamma} for gamma in (0.25, 0.5, 0.75)}
    run = make_run(("dense", *labels), modes=("infer",), arguments=labels)
    data = page_of(run).data
    rows = data["datasets"]["sweep"]["rows"]
    assert [row[1:5] for row in rows] == [["csp", "infer", g, None] for g in (0.25, 0.5, 0.75)]
    assert all(row[6] < row[5] < row[7] < 1 for row in rows)
    assert list(data["figures"]).index("sweep-infer") > list(data["figures"]).index("trade-offs")


def test_a_sweep_has_a_line_for_each_form() -> None:
    """One through the cases of all forms would go to and fro."""
    labels = {f"csp {n} {form}": {"gamma": n / 4} for form in ("eager", "fused") for n in (1, 2, 3)}
    run = make_run([*labels], modes=("infer",), arguments=labels, reference=None)
    for index, record in enumerate(run.records):
        run = change_case(run, index, form="fused" if "fused" in record.case.label else "eager")
    rows = page_of(run).data["datasets"]["sweep"]["rows"]
    lines = {name: [row[3] for row in rows if row[1] == name] for name in (row[1] for row in rows)}
    assert lines == {"csp": [0.25, 0.5, 0.75], "csp fused": [0.25, 0.5, 0.75]}


def test_launches_that_are_left_out_are_marked() -> None:
    """Their samples are shown, apart from those that count."""
    run = make_run(("dense",), modes=("infer",))
    quiet = run.launches[2].activity
    contended = msgspec.structs.replace(quiet, cpu_s=1.0, others_s=19.0)
    launches = list(run.launches)
    launches[2] = msgspec.structs.replace(launches[2], activity=contended)
    data = page_of(msgspec.structs.replace(run, launches=tuple(launches))).data
    rows = data["datasets"]["samples"]["rows"]
    assert [row[1] for row in rows if row[2] != "counts"] == [2]
    assert sorted(row[1] for row in rows) == [0, 1, 2, 3, 4, 5]


def test_texts_of_numbers_are_sorted_as_numbers() -> None:
    """In tables that are made of texts alone, such as those of forms."""
    names = Strip(header="entry", cells=("a", "b"), left=True)
    figures = Strip(header="eager\n[ms]", cells=("1,234", "–"))
    table = tables.of_grid("t", Grid(names=names, bundles=((figures,),)), {"b": 7})
    assert [tuple(line.subjects) for line in table.lines] == [(), (7,)]
    assert [cell.value for line in table.lines for cell in line.cells] == [1234.0, None]


def test_every_case_can_be_found_by_the_filter() -> None:
    """By its name, its mode, its form and its verdict."""
    subjects = page_of(make_run(THREE, noise=0.001)).data["subjects"]
    assert len(subjects) == 6
    assert all(word in subjects[0] for word in ("dense", "inference", "reference", "eager"))
    assert all(word in subjects[3] for word in ("csp", "training", "faster", "1x64x56x56"))
