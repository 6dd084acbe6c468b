"""Results as data frames, and the CSV of a report."""

import csv
import io

import msgspec
import pandas as pd
import pytest
from compared_runs import make_small_run
from synthetic import change, change_case, make_run, render_report
from torch import nn

import cspbench
from cspbench.plan.case import Accuracy
from cspbench.records.machine import Git
from cspbench.report import frame
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


def test_the_csv_leaves_out_columns_in_which_no_row_has_a_value() -> None:
    """Frames have them all; 0 and False are values, and one row with a value is enough."""
    run = make_run(THREE, modes=("infer",), reference=None)
    accuracy = Accuracy(top1=77.0, img_size=224, source="a paper")
    run = change_case(run, 1, accuracy=accuracy)
    table = frame.cases(derive(run))
    header, *_ = render_report(run, "csv").splitlines()
    left_out = [name for name in table if name not in header.split(",")]
    assert {"reference", "latency_ratio", "energy_j", "reuse", "missing"} <= set(left_out)
    assert all(table[name].replace("", None).isna().all() for name in left_out)
    kept = {"channels_last", "launches_left_out", "top1_percent", "top1_source", "latency_s"}
    assert kept <= set(header.split(","))


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


def test_a_profile_is_one_row_of_the_columns_of_a_run() -> None:
    """In base units; what was not asked for is NA, and not called missing."""
    profile = cspbench.profile(nn.Conv2d(3, 8, 3), (1, 3, 10, 10), measures=["counts", "latency"])
    table = profile.to_frame()
    assert list(table) == list(frame.cases(derive(make_run(THREE))))
    (row,) = table.to_dict("records")
    assert (row["entry"], row["input_shape"], row["mode"]) == ("Conv2d", "1x3x10x10", "infer")
    assert row["macs"] == 8 * 64 * 27
    assert row["latency_s"] == pytest.approx(profile.latency, rel=1e-12)
    assert table["peak_tensor_bytes"].isna().all()
    assert (row["missing"], row["failures"]) == ("", "")


def test_profiles_join_into_one_frame_whatever_was_measured() -> None:
    """Columns keep their types, where some profiles lack a figure and where all do."""
    profiles = [
        cspbench.profile(nn.Conv2d(3, 8, 3), (1, 3, 10, 10), measures=measures)
        for measures in (["counts", "latency"], ["tensor_peak"])
    ]
    joined = pd.concat([profile.to_frame() for profile in profiles], ignore_index=True)
    assert joined.dtypes.equals(frame.cases(derive(make_run(THREE))).dtypes)
    assert joined["latency_s"].isna().tolist() == [False, True]
    assert joined["macs"].dtype == "Int64"


def test_the_frame_of_a_run_has_these_types() -> None:
    """Counts are integers, times are floating-point numbers, names are text, though one is NA."""
    table = frame.cases(derive(make_run(THREE)))
    names = ("macs", "latency_s", "latency_launches", "entry", "form", "is_reference")
    assert [str(table[name].dtype) for name in names] == [
        *("Int64", "float64", "Int64", "string", "string", "bool"),
    ]


def test_a_comparison_is_a_row_for_each_case_and_measure() -> None:
    """With the unit of both sides, the ratio and its interval, and the verdict."""
    baseline = make_small_run()
    counts = baseline.records[0].counts
    assert counts is not None
    more = msgspec.structs.replace(counts, macs=2 * counts.macs)
    comparison = cspbench.compare(baseline, change(make_small_run(slower={0: 1.2}), 0, more))
    table = comparison.to_frame()
    assert len(table) == sum(len(case.measures) for case in comparison.cases)
    is_dense = (table["entry"] == "dense") & (table["mode"] == "infer")
    rows = {row["measure"]: row for row in table[is_dense].to_dict("records")}
    sides = ("unit", "baseline", "candidate", "ratio", "verdict")
    expected = ["", counts.macs, 2 * counts.macs, 2.0, "worse"]
    assert [rows["macs"][name] for name in sides] == expected
    assert (rows["peak_tensor_bytes"]["unit"], rows["params"]["verdict"]) == ("bytes", "same")
    latency = comparison.cases[0].measures["latency"]
    assert latency.interval is not None
    interval = [rows["latency"][name] for name in ("unit", "ratio", "ratio_low", "ratio_high")]
    assert interval == ["yardstick", latency.ratio, *latency.interval]
    in_turns = msgspec.structs.replace(comparison, in_turns=True).to_frame()
    assert set(in_turns[in_turns["measure"] == "latency"]["unit"]) == {"s"}


def csv_rows(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content)))
