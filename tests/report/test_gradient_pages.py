"""What a report says of a run of ``gradients``."""

import math

import msgspec
import numpy as np
import pytest
from synthetic import change, render_report, report_text
from trained_runs import DENSE, make_structure, make_trained_run

from cspbench.report import plots
from cspbench.report.results import derive


def test_who_is_less_alike_than_the_reference_is_said_in_a_sentence() -> None:
    """Paired by seed; what lies within the noise is not told apart, nor is the start."""
    run = make_trained_run(
        {"dense": DENSE, "less": [0.3, 0.29, 0.31, 0.32], "as_much": [0.5, 0.7, 0.6, 0.6]}
    )
    text = " ".join(report_text(run).split())
    assert (
        "After 8 steps, less (-0.297 ± 0.015) has less similar gradients than dense, 0.603 "
        "(0.575–0.630); as_much (-0.003 ± 0.145) cannot be distinguished from dense, 0.603 " in text
    )
    assert "Before any step, less (+0.000 ± 0.000) and as_much" in text
    assert "Differences are paired by seed (4 seeds)" in text
    assert "parts compared, of input as the block cuts it: dense (2 + 2 channels)" in text


def test_one_seed_tells_nothing_apart() -> None:
    """No difference has an interval, and none is called paired."""
    text = " ".join(report_text(make_trained_run({"dense": DENSE[:1], "less": [0.1]})).split())
    assert "less (-0.500) cannot be distinguished from dense" in text
    assert "One seed gives no interval and no verdicts (--seeds N trains more)." in text
    assert "paired" not in text


def test_terms_and_flows_are_said_in_a_sentence() -> None:
    """Of two weights on 9 channels, 12 terms are used: 4/3 updates a term."""
    text = " ".join(report_text(make_trained_run({"dense": DENSE})).split())
    assert "dense uses each gradient term in 1.333 updates." in text
    assert "Gradient flow between the parts of a cut: dense (truncated)." in text
    shared = " ".join(report_text(make_trained_run({"dense": DENSE}, shared=True)).split())
    assert "dense (shared)." in shared


def test_what_cannot_be_followed_is_named() -> None:
    """Hostile names are no markup."""
    run = make_trained_run({"dense": DENSE})
    terms = run.records[0].gradient_terms
    assert terms is not None
    unfollowed = msgspec.structs.replace(terms, structure=make_structure(unfollowed=True))
    text = " ".join(report_text(change(run, 0, unfollowed)).split())
    assert "dense: softmax in gate cannot be followed (2 calls)" in text
    assert "dense (truncated, not all followed)" in text  # behind it more may be shared


def test_nothing_that_was_not_to_be_measured_is_called_missing() -> None:
    """No word of latency, memory or launches in a run of gradients."""
    text = report_text(make_trained_run({"dense": DENSE}))
    for word in ("latency", "peak", "launch", "noise floor", "not measured"):
        assert word not in text


def test_the_figures_show_what_each_weight_reads_and_the_course_of_training() -> None:
    """Shares of a source's terms by weight; means over seeds by step."""
    run = make_trained_run({"dense": DENSE})
    terms = plots.gradient_terms(derive(run))
    assert terms is not None
    cells = terms.draw().axes[0].collections[0].get_array()
    assert cells is not None
    assert cells.reshape(2, 3).tolist() == [[0.5, 0.0, 0.0], [0.5, 1.0, 0.0]]
    course = plots.gradient_course(derive(run))
    assert course is not None
    line = course.draw().axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [0, 8]
    assert np.asarray(line.get_ydata()) == pytest.approx([0.215, 0.6025])
    assert plots.gradient_similarity(derive(run)) is not None


def test_the_frame_has_a_row_a_case_with_intervals_over_seeds() -> None:
    """Base units, named by what they are."""
    header, row = render_report(make_trained_run({"dense": DENSE}), "csv").splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert (values["used_terms"], values["cuts"]) == ("12", "truncated")
    assert float(values["parts_cka"]) == pytest.approx(0.6025)
    assert values["parts_cka_seeds"] == "4"
    assert math.isclose(float(values["reuse"]), 12 / 9)
