"""Comparing two runs: exact figures, latency through the yardstick, what misleads, exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compared_runs import LABELS, make_small_run, with_yardstick
from factories import lines_of, make_floor, with_measurements
from synthetic import change, make_run

from cspbench import cli
from cspbench.cli.exit_codes import comparison_exit_code
from cspbench.comparison.compare import compare
from cspbench.comparison.result import Comparison
from cspbench.comparison.thresholds import LATENCY, Gate, Rule
from cspbench.records.base import Failure
from cspbench.records.folder import RunFolder, read
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Run
from cspbench.report.comparison import MOST_CHARACTERS, markdown, text


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
    assert (
        first_line
        == "No change: what is exact is equal, and every latency is within its threshold."
    )


def test_the_very_same_samples_are_the_same_however_few_or_noisy() -> None:
    """A run beside a report that was saved of it: there is no noise between them."""
    noisy = with_yardstick(make_run(LABELS, launches=1, noise=0.3))
    comparison = compare(noisy, noisy)
    assert {change.verdict for case in comparison.cases for change in case.measures.values()} == {
        "same"
    }
    assert comparison.cases[0].measures[LATENCY].reason == "the very same samples"
    assert comparison.cases[0].measures[LATENCY].ratio == 1.0


def test_drift_of_the_whole_machine_is_no_change() -> None:
    """Everything takes 30% longer, the yardstick too."""
    comparison = compare(make_small_run(), make_small_run(drift=1.3, seed=1))
    assert answers(comparison) == ["same"] * 4
    assert comparison.verdict == "same"


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
    assert page.startswith("Regression: 1 of 4 cases worse: csp (training): latency 1.0")
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
    assert f"{setting}: " in page
    assert "so latency is not compared" in page


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
    """A verdict and cases; each case its key, each measure its six values."""
    comparison = compare(make_small_run(), make_small_run(slower={3: 1.05}, seed=1)).to_dict()
    assert comparison["verdict"] == "regression"
    assert set(comparison["cases"][0]["measures"]["macs"]) == {
        "baseline",
        "candidate",
        "ratio",
        "interval",
        "verdict",
        "reason",
        "more_launches",
    }
    json.dumps(comparison)


def test_a_comment_fits_however_many_cases_there_are() -> None:
    """1,200 cases with a regression each: the verdict stands, the rows are cut and counted."""
    labels = [f"entry_{index}" for index in range(600)]
    baseline = with_yardstick(make_run(labels, launches=2, turns=2, reference=None))
    candidate = baseline
    records = []
    for record in baseline.records:
        assert record.counts is not None
        counts = msgspec.structs.replace(record.counts, macs=record.counts.macs + 1)
        records.append(with_measurements(record, counts))
    candidate = msgspec.structs.replace(baseline, records=tuple(records))
    page = markdown(compare(baseline, candidate))
    assert len(page) <= MOST_CHARACTERS
    assert page.startswith("**Regression: 1200 of 1200 cases worse: ")
    assert "further rows are left out here" in page


def test_the_terminal_gets_at_most_100_columns() -> None:
    """Tables, sentences and reasons alike."""
    comparison = compare(make_small_run(), make_small_run(slower={0: 1.2, 3: 1.05}, seed=1))
    assert max(map(len, text(comparison).splitlines())) <= 100


@pytest.mark.parametrize("label", ["<img src=x>", "a|b `c` @user", "\x1b[31mred\n# no"])
def test_hostile_labels_are_no_markup(label: str) -> None:
    """A case's name comes from a file that somebody else wrote."""
    run = make_small_run()
    case = msgspec.structs.replace(run.records[1].case, label=label)
    baseline = change(run, 1, case=case)
    counts = run.records[1].counts
    assert counts is not None
    candidate = change(baseline, 1, msgspec.structs.replace(counts, macs=1))
    comparison = compare(baseline, candidate)
    page = markdown(comparison)
    outside = "".join(page.split("`")[::2]) if "`" not in label else ""
    assert "<img" not in outside
    assert "\x1b" not in page + text(comparison)
    assert "\n# no" not in page


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes runs into folders, and names them."""

    def write(*runs: Run) -> list[str]:
        names = []
        for index, run in enumerate(runs):
            path = tmp_path / f"run{index}"
            with RunFolder.create(path, run.info) as folder:
                folder.append(lines_of(run))
            names.append(str(path))
        return names

    return write


@pytest.mark.parametrize(
    ("slower", "code", "opening"), [({}, 0, "No change"), ({3: 1.05}, 1, "Regression: 1 of 4")]
)
def test_the_verb_prints_and_exits_by_the_contract(
    folders: Callable[..., list[str]],
    capsys: pytest.CaptureFixture[str],
    slower: dict[int, float],
    code: int,
    opening: str,
) -> None:
    """Table, Markdown and JSON of the same comparison."""
    names = folders(make_small_run(), make_small_run(slower=slower, seed=1))
    assert cli.main(["compare", *names]) == code
    assert capsys.readouterr().out.startswith(opening)
    assert cli.main(["compare", *names, "--format", "markdown"]) == code
    assert capsys.readouterr().out.startswith(f"**{opening}")
    assert cli.main(["compare", *names, "--format", "json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == ("regression" if code else "same")
    assert cli.main(["compare", *names, "--threshold", "10%"]) == 0


def test_a_record_file_stands_for_its_folder(
    folders: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """records.jsonl or run.json, as a shell completes them."""
    baseline, candidate = folders(make_small_run(), make_small_run(seed=1))
    assert cli.main(["compare", f"{baseline}/records.jsonl", f"{candidate}/run.json"]) == 0
    assert capsys.readouterr().out.startswith("No change")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "nowhere"], "it is not a run folder"),
        (["a", "b", "--threshold=-1%"], "a threshold is a share"),
        (["a", "b", "--threshold", "many"], "a threshold is a share"),
        (["a", "b", "--format", "xml"], "format"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed but the line."""
    assert cli.main(["compare", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_the_python_function_takes_folders_and_runs(folders: Callable[..., list[str]]) -> None:
    """`cspbench.compare`, whose text is the table."""
    import cspbench

    baseline, candidate = folders(make_small_run(), make_small_run(slower={3: 1.05}, seed=1))
    comparison = cspbench.compare(baseline, read(Path(candidate)))
    assert comparison.verdict == "regression"
    assert str(comparison).startswith("Regression")
