"""`cspbench.read`: a run as text, frame, plain values, and a side of a comparison."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from compared_runs import with_yardstick
from synthetic import make_run, report_text, write_folder

import cspbench
from cspbench import cli
from cspbench.records.folder import read as read_folder

TWO = ("dense", "csp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(with_yardstick(make_run(TWO)), path := tmp_path / "run")
    return path


def test_a_run_is_its_report_and_a_frame(folder: Path) -> None:
    """The frame has a row for each case, and its CSV file the columns that are not empty."""
    run = cspbench.read(folder)
    assert str(run) == repr(run) == report_text(with_yardstick(make_run(TWO)))
    frame = run.to_frame()
    assert list(frame["entry"]) == ["dense", "dense", "csp", "csp"]
    cli.main(["report", str(folder), "--format", "csv"])
    written = pd.read_csv(folder / "report.csv")
    text_frame = frame.dropna(axis="columns", how="all")
    filled = [name for name in text_frame if (text_frame[name] != "").any()]
    assert list(written.columns) == filled
    assert list(frame["macs"]) == list(written["macs"])
    assert list(frame["latency_ratio"].dropna()) == list(written["latency_ratio"].dropna())


def test_its_records_are_tables_of_one_case(folder: Path) -> None:
    """Each with the figures that the run has of it, but no ratio to another."""
    run = cspbench.read(folder / "run.json")
    (row,) = run.records[2].to_frame().to_dict("records")
    whole = run.to_frame().iloc[2]
    assert (row["entry"], row["macs"]) == ("csp", whole["macs"])
    assert row["latency_s"] == pytest.approx(whole["latency_s"])
    assert pd.isna(row["latency_ratio"])
    assert "csp" in str(run.records[2])
    assert "<td" in run.records[2]._repr_html_()


def test_plain_values_are_those_of_the_files(folder: Path) -> None:
    """Whatever class holds them."""
    run = cspbench.read(str(folder))
    whole = read_folder(folder)
    assert run.to_dict()["records"] == [record.to_dict() for record in whole.records]
    assert run.to_dict()["info"] == whole.info.to_dict()
    assert run.to_dict()["records"][0]["counts"]["macs"] == run.to_frame()["macs"][0]
    with pytest.raises(AttributeError):
        run.records = ()  # type: ignore[misc]


def test_a_run_is_a_side_of_a_comparison(folder: Path) -> None:
    """As its folder is."""
    run = cspbench.read(folder)
    assert cspbench.compare(run, folder).verdict == "same"
    assert msgspec.structs.replace(run, notes=("more",)).notes == ("more",)


def test_what_is_no_run_is_one_clear_error(tmp_path: Path) -> None:
    """As on the command line."""
    with pytest.raises(cspbench.CspbenchError, match=r"is not a run folder: it has no run\.json"):
        cspbench.read(tmp_path)


def test_runs_are_read_without_torch(folder: Path) -> None:
    """In all three views."""
    code = (
        "import sys, cspbench; run = cspbench.read(sys.argv[1]); "
        "str(run), run.to_frame(), run._repr_html_(), run.records[0]._repr_html_(); "
        "print('torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(folder)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "False\n"
