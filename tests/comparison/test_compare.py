"""Comparing two runs: exact figures, latency through the yardstick, what misleads, exit codes."""

import json
import math
from typing import Any

import msgspec
import pytest
from compared_runs import LABELS, make_small_run, scaled, with_yardstick
from factories import make_energy, make_floor
from synthetic import change, make_run

from cspbench.cli.exit_codes import comparison_exit_code
from cspbench.comparison.compare import compare
from cspbench.comparison.result import Comparison
from cspbench.records.base import Failure
from cspbench.records.gate import LATENCY, Gate, Rule
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Run
from cspbench.report.comparison import text


def answers(comparison: Comparison, measure: str = LATENCY) -> list[str]:
    return [case.measures[measure].verdict for case in comparison.cases]


def test_a_run_is_the_same_as_itself() -> None:
    """Every count and every latency, and the sentence says so."""
    comparison = compare(make_small_run(), make_small_run())
    assert comparison.verdict == "same"
    assert {change.verdict for case in comparison.cases for change in case.measures.values()} == {
        "same"
    }
    assert comparison_exit_code(comparison, strict=True) == 0
    first_line = text(comparison).splitlines()[0]
    assert first_line == "No change: counts and peaks are equal and every latency is the same"


def test_the_very_same_samples_are_the_same_however_few_or_noisy() -> None:
    """A run beside a report that was saved of it: there is no noise between them."""
    noisy = with_yardstick(make_run(LABELS, launches=1, noise=0.3))
    comparison = compare(noisy, noisy)
    assert {change.verdict for case in comparison.cases for change in case.measures.values()} == {
        "same"
    }
    assert comparison.cases[0].measures[LATENCY].reason == "the same samples on both sides"
    assert comparison.cases[0].measures[LATENCY].ratio == 1.0


def test_drift_of_the_whole_machine_is_no_change() -> None:
    """Everything takes 4% longer, the yardstick too."""
    comparison = compare(make_small_run(), make_small_run(drift=1.04, seed=1))
    assert answers(comparison) == ["same"] * 4
    assert comparison.verdict == "same"
    assert comparison.notes == ()


def test_a_machine_in_another_state_makes_intervals_wide() -> None:
    """Everything takes 30% longer: 5% is undecided, whatever the launches; threefold is worse."""
    candidate = make_small_run(drift=1.3, slower={1: 1.05, 3: 3.0}, seed=1)
    comparison = compare(make_small_run(), candidate)
    assert answers(comparison) == ["undecided", "undecided", "undecided", "worse"]
    change_by_5 = comparison.cases[1].measures[LATENCY]
    assert change_by_5.interval is not None
    assert change_by_5.interval[0] < 0.87
    assert change_by_5.interval[1] > 1.25
    assert change_by_5.more_launches is None
    page = " ".join(text(comparison).split())
    assert (
        "Warning: The machine was in different states, so that intervals are wide: the yardstick "
        "took 2" in page
    )


def test_launches_in_a_state_that_the_other_run_did_not_meet_do_not_count() -> None:
    """In two of six the yardstick alone took 40% longer: no case got better by that."""
    candidate = make_small_run(seed=1)
    yardstick = tuple(
        scaled(line, 1.4 if line.launch in {0, 1} else 1.0) for line in candidate.yardstick
    )
    comparison = compare(make_small_run(), msgspec.structs.replace(candidate, yardstick=yardstick))
    assert answers(comparison) == ["same"] * 4
    page = " ".join(text(comparison).split())
    assert (
        "Not counted: up to 2 of 6 launches of a case in the candidate, because the baseline has "
        "no launch with the machine in a like state (the yardstick took 2.8" in page
    )


def test_launches_that_do_not_count_are_made_up_for() -> None:
    """A third of the candidate's met a state of its own: three are made for two that count."""
    baseline = with_yardstick(make_run(LABELS, launches=9, noise=0.03))
    candidate = with_yardstick(make_run(LABELS, launches=9, noise=0.03), seed=1)
    strange, counting = (
        msgspec.structs.replace(candidate, yardstick=yardstick)
        for yardstick in (
            tuple(scaled(line, 1.4 if line.launch < 3 else 1.0) for line in candidate.yardstick),
            tuple(line for line in candidate.yardstick if line.launch >= 3),
        )
    )
    for case, same_case in zip(
        compare(baseline, strange).cases, compare(baseline, counting).cases, strict=True
    ):
        change, expected = case.measures[LATENCY], same_case.measures[LATENCY]
        assert (change.ratio, change.interval) == (expected.ratio, expected.interval)
        assert expected.more_launches
        assert change.more_launches == math.ceil(1.5 * expected.more_launches)


def test_one_slower_case_is_found_and_no_other_is_blamed() -> None:
    """The case `csp` in training takes 5% longer."""
    comparison = compare(make_small_run(), make_small_run(slower={3: 1.05}, seed=1))
    assert comparison.verdict == "regression"
    assert answers(comparison) == ["same", "same", "same", "worse"]
    slower = comparison.cases[3].measures[LATENCY]
    assert slower.ratio == pytest.approx(1.05, abs=0.005)
    assert slower.interval is not None
    assert slower.interval[0] < 1.05 < slower.interval[1]
    assert comparison_exit_code(comparison, strict=False) == 1
    page = " ".join(text(comparison).split())
    assert page.startswith("Regression: csp is 5.0% slower in training (95% CI 3.7–6.2%) +--")
    assert "Cases: 1 worse, 3 same." in page


def test_a_faster_case_is_an_improvement_and_exits_0() -> None:
    """And a slower one beside it is a regression all the same."""
    comparison = compare(make_small_run(), make_small_run(slower={1: 0.9}, seed=1))
    assert (comparison.verdict, comparison_exit_code(comparison, strict=True)) == ("improvement", 0)
    mixed = compare(make_small_run(), make_small_run(slower={1: 0.9, 3: 1.1}, seed=1))
    assert (mixed.verdict, comparison_exit_code(mixed, strict=False)) == ("regression", 1)


def test_the_threshold_decides_what_matters() -> None:
    """5% slower is worse beyond 1% and the same within 10%."""
    baseline, candidate = make_small_run(), make_small_run(slower={3: 1.05}, seed=1)
    assert compare(baseline, candidate, gate=Gate((Rule("*", "latency", 0.1),))).verdict == "same"


def test_the_noise_floor_between_runs_raises_the_threshold() -> None:
    """A spread of 10% a launch is ±13% between runs of six: 5% cannot be called worse."""
    candidate = make_small_run(slower={3: 1.05}, seed=1)
    noisy = msgspec.structs.replace(
        candidate, info=msgspec.structs.replace(candidate.info, noise_floor=make_floor(0.10))
    )
    comparison = compare(make_small_run(), noisy)
    assert answers(comparison)[3] == "same"
    assert "threshold 13.7" in comparison.cases[3].measures[LATENCY].reason


def test_counts_compare_exactly_by_one() -> None:
    """One MAC more is worse, one byte less is better, and both have an exact ratio."""
    baseline = make_small_run()
    counts, peak = baseline.records[0].counts, baseline.records[0].tensor_peak
    assert counts is not None
    assert peak is not None
    candidate = change(
        baseline,
        0,
        msgspec.structs.replace(counts, macs=counts.macs + 1),
        msgspec.structs.replace(peak, peak_tensor_bytes=peak.peak_tensor_bytes - 1),
    )
    comparison = compare(baseline, candidate)
    measures = comparison.cases[0].measures
    assert (measures["macs"].verdict, measures["peak_tensor_bytes"].verdict) == ("worse", "better")
    assert measures["macs"].ratio == (counts.macs + 1) / counts.macs
    assert comparison.verdict == "regression"


def test_a_figure_that_only_one_side_has_is_changed() -> None:
    """There is no order between a number and none."""
    baseline = make_small_run()
    counts = baseline.records[0].counts
    assert counts is not None
    candidate = change(
        baseline, 0, msgspec.structs.replace(counts, thop_macs=Failure(reason="thop broke"))
    )
    comparison = compare(baseline, candidate)
    changed = comparison.cases[0].measures["thop_macs"]
    assert (changed.verdict, changed.candidate, changed.reason) == (
        "changed",
        None,
        "candidate: thop broke",
    )
    assert comparison.verdict == "undecided"
    assert (
        comparison_exit_code(comparison, strict=False),
        comparison_exit_code(comparison, strict=True),
    ) == (0, 4)


def test_a_figure_that_neither_side_has_is_left_out() -> None:
    """Whatever kept each from it: nothing has changed that could be seen."""
    runs = []
    for reason in ("thop broke", "no such thing"):
        run = make_small_run()
        counts = run.records[0].counts
        assert counts is not None
        without = msgspec.structs.replace(counts, thop_macs=Failure(reason=reason))
        runs.append(change(run, 0, without))
    comparison = compare(*runs)
    assert "thop_macs" not in comparison.cases[0].measures
    assert comparison.cases[0].verdict == "same"


@pytest.mark.parametrize(
    ("settings", "setting"), [({"threads": 1}, "threads"), ({"allocator": "system"}, "allocator")]
)
def test_runs_that_were_made_otherwise_compare_their_counts_only(
    settings: dict[str, Any], setting: str
) -> None:
    """A ratio would mislead, so there is none; the difference is named."""
    candidate = make_small_run(seed=1)
    info = msgspec.structs.replace(
        candidate.info, settings=msgspec.structs.replace(candidate.info.settings, **settings)
    )
    comparison = compare(make_small_run(), msgspec.structs.replace(candidate, info=info))
    assert [discrepancy.what for discrepancy in comparison.discrepancies] == [setting]
    assert answers(comparison) == ["undecided"] * 4
    assert {case.measures[LATENCY].ratio for case in comparison.cases} == {None}
    assert (comparison.verdict, comparison_exit_code(comparison, strict=False)) == (
        "not_comparable",
        4,
    )
    page = " ".join(text(comparison).split())
    assert page.startswith(
        f"Not comparable: the runs differ in {setting}, so no latency is compared; no count is "
    )
    assert f"Warning: Latency is not compared: the runs differ in {setting} (" in page
    assert f"- {setting}: " in page


def test_a_regression_of_counts_shows_where_latency_cannot_be_compared() -> None:
    """Counts decide first."""
    baseline = make_small_run()
    counts = baseline.records[0].counts
    assert counts is not None
    candidate = change(baseline, 0, msgspec.structs.replace(counts, params=counts.params + 1))
    info = msgspec.structs.replace(candidate.info, yardstick="another")
    comparison = compare(baseline, msgspec.structs.replace(candidate, info=info))
    assert (comparison.verdict, comparison_exit_code(comparison, strict=False)) == ("regression", 1)


def test_added_removed_and_failed_cases_are_listed() -> None:
    """A case that fails in the candidate changes, and the exit code is 3."""
    baseline = make_small_run()
    larger = with_yardstick(make_run(("dense", "csp", "csp_fusion_first"), noise=0.002))
    comparison = compare(baseline, larger)
    assert [case.verdict for case in comparison.cases][-2:] == ["added", "added"]
    assert [case.verdict for case in compare(larger, baseline).cases][-2:] == ["removed", "removed"]
    failure = CaseFailure(
        case=baseline.records[1].case.key, stage="latency", cause="raised", reason="no"
    )
    broken = change(make_small_run(seed=1), 1, latencies=(), failures=(failure,))
    comparison = compare(baseline, broken)
    assert comparison.failed == (baseline.records[1].case.key,)
    assert comparison_exit_code(comparison, strict=False) == 3
    assert "failed at latency (raised): no" in comparison.cases[1].measures[LATENCY].reason
    assert "1 failed in the candidate" in text(comparison)


def test_one_launch_on_a_side_decides_nothing() -> None:
    """Latency is open with its ratio; counts are compared."""
    baseline, candidate = (with_yardstick(make_run(LABELS, launches=1), seed=n) for n in (0, 1))
    comparison = compare(baseline, candidate)
    assert answers(comparison) == ["undecided"] * 4
    assert comparison.verdict == "undecided"
    assert (
        comparison_exit_code(comparison, strict=False),
        comparison_exit_code(comparison, strict=True),
    ) == (0, 4)


def test_the_plain_values_keep_the_contract() -> None:
    """A verdict and cases; each case its key, each measure its values."""
    comparison = compare(make_small_run(), make_small_run(slower={3: 1.05}, seed=1)).to_dict()
    assert comparison["verdict"] == "regression"
    assert set(comparison["cases"][0]["measures"]["macs"]) == {
        "baseline",
        "candidate",
        "ratio",
        "interval",
        "verdict",
        "reason",
        "launches",
        "more_launches",
        "is_judged",
        "threshold",
        "alpha",
    }
    json.dumps(comparison)


def with_energies(run: Run, *window_j: float) -> Run:
    """The run with energies of its first cases, in joules of 1,000 calls."""
    for index, energy_j in enumerate(window_j):
        energy = make_energy(run.records[index].case.key, energy_j, 1.01 * energy_j)
        run = change(run, index, energy)
    return run


def test_energies_stand_side_by_side_without_a_verdict() -> None:
    """However far apart they are; a case of which a side has none is left out."""
    before = with_energies(make_small_run(), 400.0, 300.0)
    comparison = compare(before, with_energies(make_small_run(), 900.0))
    (note,) = comparison.notes
    assert note == (
        "Energy of a call [mJ]: dense (inference) 402.0 to 904.5; an interval over windows of one "
        "process says nothing of another: no verdict."
    )
    assert comparison.verdict == "same"
    assert "energy" not in comparison.cases[0].measures
    assert not compare(before, make_small_run()).notes


def test_of_many_energies_a_note_has_a_dozen() -> None:
    """And says how many more there are."""
    run = with_yardstick(make_run([f"entry_{index}" for index in range(15)], modes=("infer",)))
    run = with_energies(run, *[100.0] * 15)
    (note,) = compare(run, run).notes
    assert "entry_11 (inference) 100.5 to 100.5 and 3 more cases; " in note
    assert "entry_12" not in note
