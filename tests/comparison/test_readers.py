"""What can stand on one side of a comparison: reports, comments, tables, other tools' results."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compared_runs import make_small_run, with_yardstick
from factories import make_floor
from synthetic import change, make_run, render_report, report_text

from cspbench.comparison import readers
from cspbench.comparison.compare import compare
from cspbench.comparison.excerpt import excerpt
from cspbench.errors import CspbenchError
from cspbench.records.base import Failure
from cspbench.records.gate import LATENCY
from cspbench.records.lines import CaseFailure
from cspbench.report.comparison import text


def saved(tmp_path: Path, text: str, name: str = "comment.md") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def quoted(text: str) -> str:
    """As GitHub quotes it in an answer, with the line ends of a web form."""
    return "".join(f"> {line}\r\n" for line in text.splitlines())


@pytest.mark.parametrize("dress", [str, quoted, lambda text: f"Look:\n\n{text}\n\nThanks"])
def test_a_report_carries_its_records(tmp_path: Path, dress: Any) -> None:
    """What is read from the page is what the folder would have said."""
    run = make_small_run()
    run = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, noise_floor=make_floor(0.02))
    )
    path = saved(tmp_path, dress(render_report(run, "markdown")))
    assert readers.read(path) == excerpt(run)
    slower = make_small_run(slower={3: 1.2}, seed=1)
    assert compare(path, slower) == compare(run, slower)


def test_a_report_without_the_yardsticks_times_compares_all_launches(tmp_path: Path) -> None:
    """Of a version that did not save them: all launches count as of one state."""
    slower = render_report(make_small_run(drift=1.3, seed=1), "markdown")
    older = re.sub(r',"yardstick_s":\[[^]]*\]', "", slower)
    assert older != slower
    comparison = compare(make_small_run(), saved(tmp_path, older))
    assert comparison.verdict == "same"
    (note,) = comparison.warnings
    assert note.startswith("The candidate was saved without the yardstick's times")


def test_hostile_names_travel_as_data(tmp_path: Path) -> None:
    """A fence, markup and control characters in a label neither end the block nor reach a page."""
    run = make_small_run()
    label = "```\n<script>|\x1b[31m'\"\\ {"
    case = msgspec.structs.replace(run.records[1].case, label=label)
    hostile = change(run, 1, case=case)
    page = render_report(hostile, "markdown")
    side = readers.read(saved(tmp_path, page))
    assert len(side.cases) == len(run.records)
    assert "\x1b" not in page
    assert "\x1b" not in str(compare(hostile, hostile))


def test_a_pasted_table_compares_its_exact_figures(tmp_path: Path) -> None:
    """Both tables of both modes; times are shown as they were rounded, without a verdict."""
    run = make_small_run()
    path = saved(tmp_path, report_text(run), "report.txt")
    comparison = compare(path, run)
    assert {case.label for case in comparison.cases} == {"dense", "csp"}
    expected = {"params", "macs", "thop_macs", "peak_tensor_bytes", "activations", "cio", LATENCY}
    assert all(set(case.measures) == expected for case in comparison.cases)
    exact = [c for case in comparison.cases for key, c in case.measures.items() if key != LATENCY]
    assert {change.verdict for change in exact} == {"same"}
    times = [case.measures[LATENCY] for case in comparison.cases]
    assert all(time.ratio is None and time.baseline and time.candidate for time in times)
    assert {time.verdict for time in times} == {"undecided"}
    assert comparison.verdict == "not_comparable"

    counts = run.records[2].counts
    assert counts is not None
    grown = change(run, 2, msgspec.structs.replace(counts, macs=counts.macs + 1))
    assert compare(path, grown).verdict == "regression"


def test_names_that_a_table_wraps_are_joined(tmp_path: Path) -> None:
    """A long label takes two lines, and is one case."""
    labels = ["dense", "csp gamma=0.25 layers=12 growth=16 bn_size=2 t1=0.5 t2=0.25 pool=avg"]
    run = with_yardstick(make_run(labels))
    path = saved(tmp_path, report_text(run), "report.txt")
    assert [case.verdict for case in compare(path, run).cases] == ["undecided"] * 4


@pytest.mark.parametrize("name", ["a|b.py:Net", "|", "x | 1,2 | 3", "網|.py:Net"])
def test_names_with_bars_are_read_from_a_table(tmp_path: Path, name: str) -> None:
    """Cells end at the edges of the table, not at every bar."""
    run = make_run(["dense", name], modes=("infer",), launches=2, turns=2)
    if name.startswith("網"):  # no edge tells where its cells end
        with pytest.raises(CspbenchError, match="damaged table"):
            readers.read(saved(tmp_path, report_text(run), "report.txt"))
        return
    side = readers.read(saved(tmp_path, report_text(run), "report.txt"))
    assert [case.name for case in side.cases] == ["dense", name]
    assert [case.exact["macs"] for case in side.cases] == [
        record.counts.macs for record in run.records if record.counts
    ]


def test_a_missing_figure_in_a_table_is_not_zero(tmp_path: Path) -> None:
    """A dash beside a number has changed."""
    run = make_small_run()
    counts = run.records[0].counts
    assert counts is not None
    broken = change(run, 0, msgspec.structs.replace(counts, thop_macs=Failure(reason="no")))
    path = saved(tmp_path, report_text(broken), "report.txt")
    assert compare(path, run).cases[0].measures["thop_macs"].verdict == "changed"


def test_failures_travel_with_a_report(tmp_path: Path) -> None:
    """The candidate's failed case is known from its comment."""
    run = make_small_run()
    failure = CaseFailure(case=run.records[1].case.key, stage="latency", cause="raised", reason="x")
    failed = change(run, 1, latencies=(), failures=(failure,))
    comparison = compare(run, saved(tmp_path, render_report(failed, "markdown")))
    assert comparison.failed == (run.records[1].case.key,)


def benchmarks_file(tmp_path: Path, name: str, *rows: dict[str, Any]) -> Path:
    return saved(tmp_path, json.dumps({"machine_info": {}, "benchmarks": rows}), name)


def benchmark(fullname: str, median: float = 0.004, **fields: Any) -> dict[str, Any]:
    stats = {"median": median, "min": 1.0, "rounds": 5}
    return {"name": fullname.rpartition("::")[2], "fullname": fullname, "stats": stats, **fields}


def test_results_of_pytest_benchmark_are_shown(tmp_path: Path) -> None:
    """Medians of one process: both are shown with their ratio, and nothing is concluded."""
    name = "bench/test_blocks.py::test_block"
    baseline = benchmarks_file(tmp_path, "before.json", benchmark(name, 0.004))
    candidate = benchmarks_file(tmp_path, "after.json", benchmark(name, 0.005))
    comparison = compare(baseline, candidate)
    change_ = comparison.cases[0].measures[LATENCY]
    assert (change_.baseline, change_.candidate, change_.ratio) == (0.004, 0.005, 1.25)
    assert (change_.verdict, change_.is_judged) == ("undecided", False)
    assert comparison.verdict == "not_comparable"
    assert not comparison.is_latency_comparable
    page = text(comparison)
    assert "Latency, milliseconds" in page
    lines = page.splitlines()
    row = lines[next(index for index, line in enumerate(lines) if f"| {name} " in line) + 1]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        *("infer", "4.000", "5.000", "1.250", "undecided")
    ]


def test_tests_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """By file and class, also where a side alone has them."""
    names = [f"a/test_{file}.py::{group}test_it" for file in "xy" for group in ("", "TestA::")]
    sides = [
        benchmarks_file(tmp_path, "a.json", *map(benchmark, names)),
        benchmarks_file(tmp_path, "b.json", *map(benchmark, names[1:])),
    ]
    for page in (text(compare(*sides)), text(compare(*reversed(sides)))):
        assert all(f"| {name} " in page for name in names)


def test_counts_and_modes_of_a_users_benchmarks_compare(tmp_path: Path) -> None:
    """Figures of ours in extra_info are exact; what else stands there is left alone."""
    info = {"params": 10, "macs": True, "flops": -1, "cio": 2**70, "weights": "9", "note": "x"}
    sides = [
        benchmarks_file(
            tmp_path,
            f"{side}.json",
            benchmark("test_a.py::test_it", group="train", extra_info=info | {"params": params}),
        )
        for side, params in (("a", 10), ("b", 11))
    ]
    (case,) = compare(*sides).cases
    assert (case.mode, case.verdict, set(case.measures)) == ("train", "worse", {"params", LATENCY})


HUGE = "9" * 400


def one_benchmark(rest: str) -> str:
    """A file of pytest-benchmark with one benchmark, up to its median, and ``rest``."""
    start = "{'benchmarks':[{'name':'a','fullname':'a','stats':{'median':1}"
    return (start + rest).replace("'", '"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no results in it"),
        ("just words | and pipes", "no results in it"),
        ('{"cspbench":1,"made":{}}', "no results in it"),
        ('{"cspbench":2,"made":{}}\n{"key":"a"}', "records of format 2"),
        ('{"cspbench":1,"made":{}}\n{"key":"a"}', "missing required field"),
        ('{"cspbench":1,"made":{},"eval":"1"}', "unknown field"),
        ('{"cspbench":1,"made":' + "[" * 100_000, ""),
        ('{"cspbench":1,"made":{}}\n\n{"cspbench":1,"made":{}}', "records of 2 runs"),
        ('{"benchmarks": 3}', "Expected `array`"),
        ('{"benchmarks":[{"name":"a","fullname":"a","stats":{"median":-1}}]}', "median"),
        ('{"benchmarks":[{"name":"a","fullname":"a","stats":{"median":NaN}}]}', ""),
        (one_benchmark("}],'cspbench':3}"), "Expected `object"),
        ('{"benchmarks":[],"cspbench":{"cspbench":2,"made":{}}}', "records of format 2"),
        (one_benchmark(",'extra_info':{'cspbench':{'key':'a'}}}]}"), "missing required field"),
        (one_benchmark(",'extra_info':{'cspbench':3}}]}"), "Expected `object`"),
        (f"Training, x\n+---+---+\n| entry | MACs |\n+---+---+\n| a | {HUGE} |\n+---+", "count"),
        ("Training, x\n+---+---+\n| entry | MACs |\n+---+---+\n| a | 1,2 |\n+---+", "count"),
        ("Training, x\n+---+---+\n| entry | MACs |\n+---+---+\n| a |\n+---+---+", "damaged table"),
        ("Training, x\n+-+-+\n|entry|MACs|\n+-+-+\n|a|1|\n|a|2|\n+-+-+", "'a' occurs twice"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    """No traceback, no guess, and the file is named."""
    path = saved(tmp_path, text)
    with pytest.raises(CspbenchError) as raised:
        readers.read(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert len(str(raised.value)) < 500


def test_numbers_beyond_reason_are_refused(tmp_path: Path) -> None:
    """Negative, infinite and gigantic ones, in the place of good ones."""
    page = render_report(make_small_run(), "markdown")
    figure = '"params":' + str(make_small_run().records[0].counts.params)  # type: ignore[union-attr]
    for value in ("-1", "1e999", HUGE, "true", '"1"', "1.5"):
        assert figure in page
        with pytest.raises(CspbenchError):
            readers.read(saved(tmp_path, page.replace(figure, f'"params":{value}', 1)))


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A picture, and a file at most 67,108,864 are read."""
    picture = tmp_path / "plot.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(CspbenchError, match="is not a text file in UTF-8"):
        readers.read(picture)
    huge = tmp_path / "huge.md"
    with huge.open("wb") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(CspbenchError, match="at most 67,108,864 are read"):
        readers.read(huge)
