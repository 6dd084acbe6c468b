"""How two runs of trained blocks compare: seed by seed, and their terms exactly."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import msgspec
import pytest
from factories import make_info
from synthetic import change, render_report, report_text
from trained_runs import DENSE, make_structure, make_trained_run, make_training

from cspbench import compare
from cspbench.cli.exit_codes import comparison_exit_code
from cspbench.errors import CspbenchError
from cspbench.records.gradient_terms import Structure
from cspbench.records.run import Run
from cspbench.records.trainings import Training
from cspbench.report.comparison import markdown, text

ELSEWHERE = msgspec.structs.replace(make_info().environment, device="another processor")


def with_one_map(run: Run) -> Run:
    """The run with one feature map in the first case's trainings."""
    trainings = tuple(
        msgspec.structs.replace(
            training,
            maps=("input",),
            readings=tuple(
                msgspec.structs.replace(reading, cka=((1.0,),), directions=((1.0,),))
                for reading in training.readings
            ),
        )
        for training in run.records[0].trainings
    )
    return change(run, 0, trainings=trainings)


def test_one_map_has_no_similarity_of_maps() -> None:
    """A dash with its reason, never 0; against two maps it has changed, else left out."""
    one_map, two_maps = (
        with_one_map(make_trained_run({"dense": DENSE})),
        make_trained_run({"dense": DENSE}),
    )
    page = report_text(one_map)
    assert "- similarity of maps missing for all cases: one feature map makes no pair" in page
    assert "mean_cka" not in compare(one_map, one_map).cases[0].measures
    for baseline, candidate in ((one_map, two_maps), (two_maps, one_map)):
        result = compare(baseline, candidate).cases[0].measures["mean_cka"]
        assert (result.verdict, result.reason) == ("changed", "only one side has this figure")


def test_runs_without_a_common_case_are_not_comparable() -> None:
    """Of latency, which neither measured, nothing is said."""
    candidate = make_trained_run({"dense": DENSE})
    candidate = msgspec.structs.replace(
        candidate, info=msgspec.structs.replace(candidate.info, environment=ELSEWHERE)
    )
    result = compare(make_trained_run({"csp": DENSE}), candidate)
    page = text(result)
    assert page.startswith("Not comparable: the two runs have no case in common\n")
    assert "latency" not in page
    assert comparison_exit_code(result, strict=False) == 4


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        (DENSE, "same"),
        ((0.61, 0.59, 0.61, 0.60), "same"),
        ((0.30, 0.29, 0.31, 0.32), "changed"),
        ((0.20, 0.90, 0.50, 0.70), "undecided"),
        (tuple(value + 0.0495 for value in DENSE), "same"),  # log(1.05) is 0.0488
    ],
)
def test_trainings_compare_seed_by_seed(candidate: Sequence[float], verdict: str) -> None:
    """The same within 0.05, changed beyond it, undecided where seeds disagree; nothing is worse."""
    result = compare(make_trained_run({"dense": DENSE}), make_trained_run({"dense": candidate}))
    change = result.cases[0].measures["parts_cka"]
    assert change.verdict == verdict
    assert (change.threshold, change.alpha) == (0.05, 0.01)
    reason = re.fullmatch(
        r"difference (\S+) ± \S+, p = [01]\.\d{4}; same if the whole interval is within 0\.05, "
        r"changed if beyond it with p below 0\.01",
        change.reason,
    )
    assert reason is not None
    assert float(reason[1]) == pytest.approx(fmean(candidate) - fmean(DENSE), abs=1e-3)
    is_open = "no verdict on similarity of the parts" in " ".join(text(result).split())
    assert is_open == (verdict == "undecided")
    assert result.cases[0].measures["accuracy"].verdict == "same"
    assert comparison_exit_code(result, strict=False) == 0


def test_trainings_of_other_lengths_do_not_compare() -> None:
    """Their terms still do."""
    result = compare(
        make_trained_run({"dense": DENSE}),
        make_trained_run({"dense": DENSE}, steps=16, shared=True),
    )
    (case,) = result.cases
    assert (
        case.measures["parts_cka"].reason == "not comparable, because the runs trained differently"
    )
    shared = case.measures["shared_terms"]
    assert (shared.baseline, shared.candidate, shared.verdict) == (0, 2, "worse")
    assert result.verdict == "regression"


def test_trainings_before_another_head_do_not_compare() -> None:
    """And the report says what stood behind the block."""
    pool, conv = make_trained_run({"dense": DENSE}), make_trained_run({"dense": DENSE}, head="conv")
    result = compare(pool, conv).cases[0].measures["parts_cka"]
    assert result.reason == "not comparable, because the runs trained differently"
    for run, where in ((pool, "the pool"), (conv, "a 3x3 convolution and the pool")):
        text = " ".join(report_text(run).split())
        assert f"4 seeds from 0 x 8 steps on digits, before {where} code" in text


def test_terms_of_no_source_are_refused_on_reading(tmp_path: Path) -> None:
    """As is a similarity that is not of each map with each."""
    values = msgspec.to_builtins(make_structure())
    values["output"] = [{"source": 3, "start": 0, "stop": 1}]
    with pytest.raises(msgspec.ValidationError, match="no terms 0:1 of source 3"):
        msgspec.convert(values, Structure)
    lame = msgspec.to_builtins(make_training(0, 0.5))
    lame["readings"][0]["cka"] = [[1.0]]
    with pytest.raises(msgspec.ValidationError, match="step 0: not one similarity a pair of maps"):
        msgspec.convert(lame, Training)
    saved = tmp_path / "comment.md"
    report = render_report(make_trained_run({"dense": DENSE}), "markdown")
    saved.write_text(report.replace('"seeds":[0,1,2,3]', '"seeds":[0]'))
    with pytest.raises(CspbenchError, match=r"damaged record of .*: 4 values of '\w+', 1 seeds$"):
        compare(saved, saved)


def test_a_comparison_of_trainings_is_plain_values() -> None:
    """JSON for machines; a table and Markdown for people, each with the difference."""
    result = compare(
        make_trained_run({"dense": DENSE}), make_trained_run({"dense": (0.3, 0.29, 0.31, 0.32)})
    )
    assert json.loads(json.dumps(result.to_dict()))["cases"][0]["measures"]["parts_cka"]
    for page in (text(result), markdown(result)):
        assert "-0.298" in page
        assert "Trained, means over seeds" in page


def test_a_pasted_table_compares_its_exact_part(tmp_path: Path) -> None:
    """Words and averages in it are no counts."""
    run, sharing = (
        make_trained_run({"dense": DENSE}),
        make_trained_run({"dense": DENSE}, shared=True),
    )
    pasted = tmp_path / "report.txt"
    pasted.write_text(report_text(run))
    assert compare(pasted, run).verdict == "same"
    assert compare(pasted, sharing).cases[0].measures["shared_terms"].verdict == "worse"
