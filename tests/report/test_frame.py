"""The CSV of a report."""

import csv
import io

from synthetic import make_run, render_report

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
