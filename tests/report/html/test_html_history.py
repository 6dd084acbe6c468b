"""The page of many runs as text: what it says, what is drawn, how large it is."""

import dataclasses
import math
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compared_runs import scaled
from parsed_page import ParsedPage
from rendered import hostile
from synthetic import change, make_large_run, make_run, write_folder
from test_history import grown, on

from cspbench import cli
from cspbench.errors import CspbenchError
from cspbench.records.run import Run
from cspbench.report import write_history_page
from cspbench.report.history import histories
from cspbench.report.html import history as page_module
from cspbench.report.html import history_page
from cspbench.report.html.charts import history as charts
from cspbench.report.results import derive
from cspbench.verdicts import change_points

TWO = ("dense", "csp")
COMMAND = "python -m cspbench report a b --format html"
MAX_BYTES = 6 << 20

needs_ruptures = pytest.mark.skipif(
    not change_points.is_installed(), reason="ruptures is not installed"
)


def elsewhere(run: Run) -> Run:
    """The run on another machine, on which all is half as fast."""
    environment = msgspec.structs.replace(run.info.environment, device="Imaginary EPYC 9000")
    info = msgspec.structs.replace(run.info, environment=environment)
    for index, record in enumerate(run.records):
        run = change(run, index, latencies=tuple(scaled(line, 2.0) for line in record.latencies))
    return msgspec.structs.replace(run, info=info)


def make_runs(number: int = 10) -> list[Run]:
    """Runs by day: from the sixth on, csp takes 20% longer and dense has one MAC more."""
    chance = random.Random(1)
    runs = []
    for day in range(1, number + 1):
        run = make_run(TWO, launches=2, turns=2, noise=0.002)
        for index, record in enumerate(run.records):
            factor = (1.2 if day > 5 and index == 2 else 1) * math.exp(chance.gauss(0, 0.003))
            latencies = tuple(scaled(line, factor) for line in record.latencies)
            run = change(run, index, latencies=latencies)
        runs.append(on(day, f"{day:x}", grown(run) if day > 5 else run))
    return runs


def page_of(runs: Sequence[Run], first: str = "") -> ParsedPage:
    return ParsedPage(history_page(histories([*map(derive, runs)]), first, COMMAND))


def points(page: ParsedPage) -> list[dict[str, Any]]:
    data = page.data["datasets"]["points"]
    return [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]


def test_each_point_has_its_values_in_the_unit_of_its_measure() -> None:
    """Counts with all digits, times in milliseconds with their intervals, oldest first."""
    runs = make_runs(2)
    rows = points(page_of([runs[1], runs[0]]))
    assert [row["run"] for row in rows[::4]] == ["2026-11-01 1111111", "2026-11-02 2222222"]
    row = derive(runs[1]).rows[2]
    latency = row.latency
    assert latency is not None
    assert latency.low is not None
    (point,) = (
        row
        for row in rows
        if (row["entry"], row["mode"], row["commit"]) == ("csp", "infer", "2" * 12)
    )
    assert point["latency"] == pytest.approx(latency.value * 1e3, rel=1e-5)
    assert point["latency_low"] == pytest.approx(latency.low * 1e3, rel=1e-5)
    assert point["macs"] == row.readings["macs"]
    assert "macs_low" not in point


def test_absolute_values_of_several_machines_are_never_in_one_plot() -> None:
    """The reader chooses the machine; counts and ratios are of all machines."""
    runs = make_runs(2)
    page = page_of([*runs, elsewhere(on(3, "c"))])
    figures = page.data["figures"]
    absolute = {option["value"] for option in figures["by-machine"]["controls"][0]["options"]}
    both = {option["value"] for option in figures["across-machines"]["controls"][0]["options"]}
    assert {"latency", "images_per_s", "peak_rss_bytes"} <= absolute
    assert {"latency_ratio", "macs", "params"} <= both
    assert not absolute & both
    machine = figures["by-machine"]["controls"][2]
    assert machine["field"] == "machine"
    assert [option["value"] for option in machine["options"]] == [
        "Imaginary Xeon 8000",
        "Imaginary EPYC 9000",
    ]
    assert [control["field"] for control in figures["across-machines"]["controls"]] == ["", "mode"]
    series = {row["machine"]: row["series"] for row in points(page) if row["subject"] == 0}
    assert len(set(series.values())) == 2


def test_of_one_machine_there_is_nothing_to_choose() -> None:
    """All its runs are in one plot."""
    controls = page_of(make_runs(2)).data["figures"]["by-machine"]["controls"]
    assert [control["field"] for control in controls] == ["", "mode"]


@needs_ruptures
def test_changes_are_named_with_the_runs_between_which_they_lie() -> None:
    """In the conclusion, in a table, and on the points that follow."""
    page = page_of(make_runs())
    assert page.text.index("measures changed: ") < page.text.index("Counts and ratios line")
    assert "MACs changed in 1 of 4 cases: dense (inference)." in page.text
    (table,) = (table for table in page.tables if table.caption.startswith("Changes"))
    changes = {
        (name, cells[1][0]): [text for text, _ in cells]
        for name, cells in table.rows
        if cells[0][0] == "inference"
    }
    runs = ["2026-11-05 5555555", "2026-11-06 6666666"]
    latency = changes["csp", "latency"]
    assert re.match(r"\+(19|2[01])\S*% \(95% CI \+", latency[2])
    assert latency[3:5] == runs
    assert changes["dense", "MACs"][3:5] == runs
    (row,) = (row for row in points(page) if row["latency_change"])
    assert (row["entry"], row["run"]) == ("csp", runs[1])


def test_without_a_change_the_page_says_so() -> None:
    """And why no change points were sought."""
    page = page_of(make_runs(2))
    assert "No measure is known to have changed." in page.text
    assert "Change points are sought in 6 runs or more of a machine." in page.text
    assert "The same in all runs: params" in page.text


def test_the_measure_that_was_asked_for_is_shown_first() -> None:
    """Without one, latencies and their ratios."""
    derived = histories([*map(derive, make_runs(2))])

    def first(measure: str) -> list[str]:
        controls = [
            figure.controls[0] for figure in page_module.model(derived, measure, "").figures
        ]
        return [str(control.options[control.chosen].value) for control in controls]

    assert first("") == ["latency_ratio", "latency"]
    assert first("macs")[0] == "macs"
    assert first("peak_rss_bytes")[1] == "peak_rss_bytes"


def test_entries_that_changed_are_chosen_then_those_of_most_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a plot cannot show all: dense is in more runs, until csp changes."""
    monkeypatch.setattr(charts, "MAX_LINES", 1)
    first = on(1, "a", make_run(("dense",)))
    second, third = on(2, "b", make_run(TWO)), on(3, "c", make_run(TWO))
    counts = third.records[2].counts
    assert counts is not None
    changed = change(third, 2, msgspec.structs.replace(counts, macs=1))

    def chosen(*runs: Run) -> set[str]:
        return {row["entry"] for row in points(page_of(runs)) if row["chosen"]}

    assert chosen(first, second, third) == {"dense"}
    assert chosen(first, second, changed) == {"csp"}


def test_points_beyond_the_limit_are_those_of_the_oldest_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page says how many are left out."""
    runs = make_runs(3)
    columns = len(page_of(runs).data["datasets"]["points"]["columns"]) - 8
    monkeypatch.setattr(page_module, "MAX_VALUES", 8 * columns)
    page = page_of(runs)
    assert {row["run"][:10] for row in points(page)} == {"2026-11-02", "2026-11-03"}
    assert "4 points of 12 left out, those of the oldest runs." in page.text


def test_a_page_of_50_runs_of_100_cases_has_at_most_6_mb() -> None:
    """With all measures of each."""
    large = make_large_run(50, launches=2, turns=2)
    derived = derive(large)
    runs = [
        msgspec.structs.replace(derived.run.info, started=f"2026-11-01T08:{minute:02}:00+00:00")
        for minute in range(50)
    ]
    results = [
        dataclasses.replace(derived, run=msgspec.structs.replace(large, info=info)) for info in runs
    ]
    content = history_page(histories(results), "", COMMAND)
    assert len(content.encode()) <= MAX_BYTES
    assert len(points(ParsedPage(content))) > 2000


def test_hostile_text_is_text_and_nothing_else() -> None:
    """In names, commits and machines."""
    kept = frozenset({"stage", "stages", "measurements", "started"})
    plain, page = (
        page_of(make_runs(2)),
        page_of([hostile(run, kept) for run in make_runs(2)]),
    )
    ours, theirs = (
        {(tag, name) for tag, given in each.tags for name in given or {"": None}}
        for each in (plain, page)
    )
    assert theirs <= ours
    assert page.comments == []
    assert len(page.scripts) == 4
    assert "onerror=alert" in page.text
    assert page.text.isprintable()


def test_several_runs_give_one_page_and_one_run_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verb says where the page is, and repeats itself on it."""
    folders = [str(tmp_path / f"run{number}") for number in range(2)]
    for folder, run in zip(folders, make_runs(2), strict=True):
        write_folder(run, Path(folder))
    out = tmp_path / "out"
    out.mkdir()
    assert cli.main(["report", *folders, "--format", "html", "--out", str(out)]) == 0
    assert capsys.readouterr().out.endswith("history.html\n")
    page = (out / "history.html").read_text()
    assert "<title>History</title>" in page
    assert not (tmp_path / "run0" / "report.html").exists()
    assert cli.main(["report", folders[0], "--format", "html"]) == 0
    assert "<title>History</title>" not in capsys.readouterr().out
    words = ["report", folders[0], "--history", "macs", "--format", "html", "--out", str(out)]
    assert cli.main(words) == 0
    assert "--history macs --format html</code>" in (out / "history.html").read_text()


def test_an_unknown_measure_is_named(tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(CspbenchError, match="no measure 'speed'"):
        write_history_page(make_runs(1), "speed", tmp_path, command=COMMAND)
    assert list(tmp_path.iterdir()) == []
