"""The CSV of a report."""

import csv
import io

import msgspec
import pytest
from synthetic import change_case, make_run, render_report

from cspbench.records.machine import Git
from cspbench.report.frame import history_csv
from cspbench.report.history import history
from cspbench.report.results import derive

THREE = ("dense", "csp", "csp_fusion_first")


def test_the_csv_has_one_row_a_case_in_base_units_and_full_precision() -> None:
    """Six rows; the latency is the estimate to its last digit."""
    run = make_run(THREE)
    rows = list(csv.DictReader(io.StringIO(render_report(run, "csv"))))
    assert [(row["entry"], row["mode"]) for row in rows] == [
        (record.case.entry, record.case.mode) for record in run.records
    ]
    record = run.records[0]
    assert record.counts is not None
    assert int(rows[0]["params"]) == record.counts.params
    from cspbench.verdicts.stats import latency_estimate

    estimate = latency_estimate([line.samples_s for line in record.latencies])
    assert float(rows[0]["latency_s"]) == estimate.value


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r\n=", " @", "\uff1d"])
def test_no_text_is_a_formula_and_no_control_character_reaches_the_csv(start: str) -> None:
    """Names, devices and commits are text from outside; figures stay figures."""
    hostile = f"{start}cmd|' /C calc'!A0\x1b[31m\u202e\u200b"
    run = change_case(make_run(THREE), 1, label=hostile, device=hostile, key=hostile)
    git = Git(commit=hostile, dirty=False)
    run = msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, git=git))
    plain_rows = csv_rows(render_report(make_run(THREE), "csv"))
    for content in (
        render_report(run, "csv"),
        history_csv(history([derive(run)], "latency")),
    ):
        assert content.replace("\n", "").isprintable()
        cells = [cell for row in csv_rows(content) for cell in row.values()]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\uff1d"))]
        assert [cell for cell in cells if cell.startswith(f"'{start.strip()}cmd")]
    figures = [(row["params"], row["latency_s"]) for row in csv_rows(render_report(run, "csv"))]
    assert figures == [(row["params"], row["latency_s"]) for row in plain_rows]


def csv_rows(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content)))
