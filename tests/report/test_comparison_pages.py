"""The pages of a comparison: golden text, lines before the fold, what comes first, names."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compared_runs import make_small_run, scaled, with_yardstick
from factories import make_floor, make_launch, with_measurements
from rendered import refuse_foreign_markup
from revisions import UNSHARED, make_ab_run, make_changed_run, with_outputs
from synthetic import change, make_run

from cspbench.cli.exit_codes import ExitCode, comparison_exit_code
from cspbench.comparison.compare import compare
from cspbench.comparison.in_turns import in_turns
from cspbench.comparison.result import Comparison
from cspbench.comparison.sides import excerpts
from cspbench.records.gate import Gate, Rule
from cspbench.records.lines import CaseFailure
from cspbench.records.machine import Git
from cspbench.records.run import Run
from cspbench.report.comparison import MAX_CHARACTERS, MAX_LINES, markdown, text
from cspbench.report.layout import Layout
from cspbench.report.tones import pieces, untoned

GOLDEN = Path(__file__).parent.parent / "golden"
FOUR = ("dense", "csp", "csp_fusion_first", "csp_fusion_last")


def reviewed_run() -> Run:
    """Of four entries, one grew and is slower, one has another count, one trains faster."""
    more = {"macs": 1.0514, "params": 1.03, "flops": 1.05, "peak_tensor_bytes": 1.043}
    run = make_changed_run(
        FOUR,
        slower={2: 1.12, 3: 1.15, 7: 0.92},
        grown={2: more, 3: {**more, "peak_tensor_bytes": 1.0}, 4: {"activations": 1.03}},
    )
    for index in range(8):
        run = with_outputs(run, index)
    for index in (2, 3):
        run = with_outputs(
            run, index, is_equal=False, distance=9e4, weights="seeded", unshared=UNSHARED
        )
    return run


def above_the_fold(page: str) -> list[str]:
    """The lines of a Markdown page that are shown at once."""
    return [line for line in page.partition("<details>")[0].splitlines() if line]


def first_line(comparison: Comparison) -> str:
    (line,) = {
        re.sub(r"\s+", " ", text(comparison).partition("\n\n")[0]),
        markdown(comparison).splitlines()[0].replace("*", "").replace("`", ""),
    }
    return line


@pytest.mark.parametrize("name", ["comparison.txt", "comparison.md"])
def test_a_page_meets_its_golden_text(name: str) -> None:
    """Every word and figure; the golden pages are kept by hand, as those of a run are."""
    run = reviewed_run()
    comparison = in_turns(run)
    page = text(comparison) + "\n"
    if name.endswith(".md"):
        page = markdown(comparison, excerpts(run)).partition("<details><summary>Records")[0]
    assert page == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("slower", "grown", "expected"),
    [
        ({2: 1.12}, {}, "Regression: csp is 12.1% slower at inference (95% CI 11.8–12.4%)"),
        (
            {2: 1.12, 3: 2.5},
            {},
            (
                "Regression: csp is 12.1% slower at inference (95% CI 11.8–12.4%) and 2.50 times "
                "as slow in training (95% CI 2.50–2.50)"
            ),
        ),
        (
            {2: 1.12, 3: 0.9},
            {},
            (
                "Regression: csp is 12.1% slower at inference (95% CI 11.8–12.4%), but is 9.9% "
                "faster in training (95% CI 9.8–10.1%)"
            ),
        ),
        (
            {2: 1.12, 4: 1.2, 7: 1.05},
            {},
            (
                "Regression: csp_fusion_first is 20.1% slower at inference (95% CI 19.9–20.2%); "
                "csp and csp_fusion_last are worse, too"
            ),
        ),
        (
            {},
            {2: {"macs": 1.051, "params": 1.03}, 3: {"macs": 1.051, "params": 1.03}},
            "Regression: csp has 5.1% more MACs and 3.0% more parameters",
        ),
        (
            {},
            {3: {"macs": 1.051, "peak_tensor_bytes": 1.1}},
            "Regression: csp has 5.1% more MACs in training",
        ),
        (
            {2: 0.9},
            {3: {"peak_tensor_bytes": 1.043}},
            (
                "Regression: csp needs 4.3% more peak memory in training, but is 9.9% faster at "
                "inference (95% CI 9.7–10.2%)"
            ),
        ),
        ({}, {2: {"activations": 1.03}}, "Regression: csp has 3.0% more activations at inference"),
        (
            {2: 0.84},
            {2: {"macs": 0.8}, 3: {"macs": 0.8}},
            (
                "Improvement: csp is 16.0% faster at inference (95% CI 15.7–16.2%), with 20.0% "
                "fewer MACs"
            ),
        ),
        (
            {},
            {2: {"peak_tensor_bytes": 0.9}, 3: {"peak_tensor_bytes": 0.95}},
            (
                "Improvement: csp needs 10.0% less peak memory at inference and 5.0% less peak "
                "memory in training"
            ),
        ),
        ({}, {}, "No change: counts and peaks are equal and every latency is within 1%"),
    ],
)
def test_the_first_line_names_the_entry_and_the_figure_first(
    slower: dict[int, float], grown: dict[int, dict[str, float]], expected: str
) -> None:
    """The worst entry with its figures, then the names of the others."""
    comparison = in_turns(make_changed_run(FOUR, slower=slower, grown=grown))
    assert first_line(comparison) == expected


def test_the_first_line_says_which_latency_is_undecided_and_a_line_what_to_do() -> None:
    """With its interval, and with the launches that decide it."""
    run = make_changed_run(FOUR, slower={2: 1.012}, spread=0.008)
    comparison = in_turns(run)
    assert first_line(comparison) == (
        "Undecided: csp at inference, +1.4% (95% CI +0.4% to +2.5%), and 2 more cases; no "
        "regression detected"
    )
    for page in (text(comparison), markdown(comparison)):
        words = " ".join(page.replace("`", "").split())
        assert (
            "To decide 2 of the 3 undecided latencies, run ab again with --launches 7 (about "
            "1 min 24 s)." in words
        )
    rows = [line for line in above_the_fold(markdown(comparison)) if line.startswith("| `")]
    assert rows[0].startswith("| `csp` | +1.4% (+0.4% to +2.5%) undecided |")


def test_every_status_has_a_word() -> None:
    """Also where there is nothing to compare."""
    nothing = compare(make_small_run(), with_yardstick(make_run(("c3",))))
    assert first_line(nothing) == "Not comparable: the two runs have no case in common"
    unmeasured = msgspec.structs.replace(make_small_run(), yardstick=())
    assert first_line(compare(unmeasured, make_small_run())) == (
        "Not comparable: no latency can be compared (the baseline has no ratios to the yardstick, "
        "only times that are rounded or of one process: give a run folder or a report.md); no "
        "count is worse"
    )


@pytest.mark.parametrize("entries", [1, 4, 9, 10, 11, 40, 300])
@pytest.mark.parametrize("has_warnings", [False, True])
def test_at_most_fifteen_lines_stand_before_the_fold(entries: int, *, has_warnings: bool) -> None:
    """With the line that comment.yml puts above them; what does not fit is counted."""
    labels = [f"entry_{index}" for index in range(entries)]
    slower = {2 * index: 1.1 + index / 50 for index in range(entries)}
    run = make_changed_run(labels, slower=slower)
    comparison = in_turns(run)
    if has_warnings:
        comparison = msgspec.structs.replace(
            comparison,
            warnings=tuple(f"Warning number {number}." for number in range(9)),
            outputs="Outputs not comparable: the weights differ in shape.",
            failed=tuple(case.key for case in comparison.cases),
        )
    page = markdown(comparison, excerpts(run))
    lines = above_the_fold(page)
    assert len(lines) <= MAX_LINES == 14
    assert len(page) <= MAX_CHARACTERS
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) >= min(entries, 4)
    assert rows[0].startswith(f"| `entry_{entries - 1}` |")  # the worst
    left_out = re.search(r"(\d+) more entr(?:y|ies) (?:is|are) in the details\.", "\n".join(lines))
    assert (int(left_out[1]) if left_out else 0) == entries - len(rows)
    if has_warnings:
        assert "Warning: 6 more are in the details." in lines
        assert "- Warning number 8." in page
    refuse_foreign_markup(page)


def test_a_comment_fits_however_many_cases_there_are() -> None:
    """1,200 cases with a regression each: the verdict stands, rows and records are left out."""
    labels = [f"entry_{index}" for index in range(600)]
    baseline = with_yardstick(make_run(labels, launches=2, turns=2, reference=None))
    records = []
    for record in baseline.records:
        assert record.counts is not None
        more = 1 if record.case.mode == "infer" else 2
        counts = msgspec.structs.replace(record.counts, macs=record.counts.macs + more)
        records.append(with_measurements(record, counts))
    candidate = msgspec.structs.replace(baseline, records=tuple(records))
    run = make_ab_run(baseline, candidate)
    page = markdown(in_turns(run), excerpts(run))
    assert len(page) <= MAX_CHARACTERS
    assert page.startswith("**Regression: `entry_599` has 0.000026% more MACs at inference and ")
    assert " `entry_595` and 595 more are worse, too**" in page
    assert "more rows of this table do not fit into a comment." in page
    assert re.search(
        r"The records \([\d,]+ characters\) do not fit into a comment: to compare with these "
        r"results later, keep the run folder\.\n$",
        page,
    )


def test_records_are_kept_before_unchanged_measures() -> None:
    """Those can be drawn from them."""
    labels = [f"entry_{index}" for index in range(45)]
    run = make_ab_run(*[with_yardstick(make_run(labels, modes=("infer",)))] * 2)
    page = markdown(in_turns(run), excerpts(run))
    assert len(page) <= MAX_CHARACTERS
    assert "Records: python -m cspbench compare reads them from here" in page
    assert "without a change" not in page


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_page_is_no_wider_than_its_layout(width: int) -> None:
    """Tables, sentences and reasons alike, also with every column and long names."""
    comparison = compare(make_small_run(), make_small_run(slower={0: 1.2, 3: 1.05}, seed=1))
    label = "csp gamma=0.25 layers=12 growth=16 bn_size=2 t1=0.5 t2=0.25 pool=avg"
    figures = {"macs": 1.05, "params": 1.03, "peak_tensor_bytes": 1.123}
    full = make_changed_run(
        (label, "dense"),
        slower={0: 1.12, 1: 0.9},
        grown={0: figures, 1: {**figures, "macs": 1.1, "params": 0.5}},
    )
    layout = Layout(width=width)
    for page in (text(comparison, layout), text(in_turns(full), layout)):
        assert max(map(len, page.splitlines())) <= width
    head = text(in_turns(full), layout).partition("Imaginary Xeon")[0]
    assert all(words in head for words in ("+5.0% at", "+10.0% in", "+12.0% slower", "+12.3% "))
    assert head.count("| entry ") == {80: 2, 100: 2, 160: 1}[width]


def test_other_measures_stand_below_the_table() -> None:
    """In the terminal; a comment has a column for them, and there may be nothing else."""
    both = in_turns(make_changed_run(FOUR, grown={4: {"activations": 1.03}, 2: {"macs": 1.1}}))
    table, below = text(both).split("\n\n")[1:3]
    assert "csp_fusion_first" not in table
    assert below == "Other measures\n- csp_fusion_first: activations +3.0% at inference"
    assert "| activations +3.0% at inference |\n" in markdown(both)
    alone = in_turns(make_changed_run(FOUR, grown={4: {"activations": 1.03}}))
    assert text(alone).split("\n\n")[1] == below


def test_counts_stand_once_and_with_their_modes_where_these_differ() -> None:
    """Unchanged cells are blank, unchanged entries and empty columns are not there."""
    grown = {
        2: {"macs": 1.05, "params": 1.03},
        3: {"macs": 1.05, "params": 1.04},
        5: {"macs": 1.02},
        6: {"activations": 1.03, "cio": 1.02, "flops": 1.01},
        7: {"activations": 1.03},
    }
    lines = above_the_fold(markdown(in_turns(make_changed_run(FOUR, grown=grown))))
    assert lines[1:6] == [
        "| entry | MACs | params | other |",
        "| :-- | --: | --: | --: |",
        "| `csp` | +5.0% | +3.0% at inference, +4.0% in training |  |",
        "| `csp_fusion_last` |  |  | FLOPs +1.0% at inference, activations +3.0% and 1 more |",
        "| `csp_fusion_first` | +2.0% in training |  |  |",
    ]


def test_entries_of_one_side_are_a_line() -> None:
    """Or one mode of an entry, which is then named."""
    larger = with_yardstick(make_run(("dense", "csp", "c3", "c2f"), noise=0.002))
    smaller = msgspec.structs.replace(larger, records=larger.records[:3])
    added, removed = compare(smaller, larger), compare(larger, smaller)
    assert "Added: `csp` in training, `c3` and `c2f`" in above_the_fold(markdown(added))
    assert "Removed: csp in training, c3 and c2f" in text(removed).splitlines()
    both = compare(
        with_yardstick(make_run(("dense", "csp"))), with_yardstick(make_run(("dense", "c3")))
    )
    assert "Added: `c3`; removed: `csp`" in above_the_fold(markdown(both))
    small = msgspec.structs.replace(smaller, records=smaller.records[:2])
    for index, record in enumerate(small.records):
        case = msgspec.structs.replace(
            record.case, key=record.case.key.replace("56x56", "28x28"), input_shape=(1, 64, 28, 28)
        )
        small = change(small, index, case=case)
    resized = above_the_fold(markdown(compare(smaller, small)))
    assert resized[1] == ("Added: `dense 1x64x28x28`; removed: `dense 1x64x56x56` and `csp`")
    assert not [line for line in resized if "threshold" in line]


def test_an_input_that_others_follow_is_not_called_the_only_one() -> None:
    run = with_yardstick(make_run(("dense",)))
    for index, record in enumerate(run.records):
        key = record.case.key.replace("56x56", "56x56,1x128x28x28")
        run = change(run, index, case=msgspec.structs.replace(record.case, key=key))
    page = markdown(compare(run, run))
    assert "First input: 1x64x56x56." in page
    assert " Input: " not in page


def setup_lines(comparison: Comparison) -> set[str]:
    return {
        line.replace("`", "")
        for page in (markdown(comparison), text(comparison).replace("\n", " ").replace("  ", "\n"))
        for line in page.splitlines()
        if "threshold" in line and "; " in line and not line.startswith("-")
    }


def test_a_line_says_what_was_compared_how_and_through_which_thresholds() -> None:
    """Of two revisions in turns, without a noise floor and with one, with rules of a gate."""
    run = make_changed_run(FOUR)
    (line,) = setup_lines(in_turns(run))
    assert line == (
        "aaaaaaaaaaaa → bbbbbbbbbbbb; Imaginary Xeon 8000 (cpu); 2 threads; torch 2.13.0; "
        "6 launches; thresholds: latency 1%, others 0; noise floor not measured"
    )
    gate = Gate((Rule("*", "latency", 0.02), Rule("c3*", "macs", 0.01)))
    info = msgspec.structs.replace(run.info, gate=gate, noise_floor=make_floor(0.05))
    (line,) = setup_lines(in_turns(msgspec.structs.replace(run, info=info)))
    assert line.endswith(
        "; thresholds: latency 2%, c3*:macs 1%, others 0; noise floor 5.4% (where higher)"
    )
    floor = msgspec.structs.replace(make_floor(0.05), in_turns={"infer": 0.05, "train": 0.02})
    info = msgspec.structs.replace(info, noise_floor=floor)
    (line,) = setup_lines(in_turns(msgspec.structs.replace(run, info=info)))
    assert line.endswith("; noise floor 2.1% to 5.4% (where higher)")


def test_two_runs_say_where_they_differ() -> None:
    """Commits of both, and what forbids to compare latencies, with the values, as a warning."""
    baseline, candidate = make_small_run(), make_small_run(slower={3: 1.5}, seed=1)
    (line,) = setup_lines(compare(baseline, candidate))
    assert line.startswith("0123456789ab with changes; Imaginary Xeon 8000 (cpu); 2 threads; ")
    assert line.endswith(
        "; thresholds: latency 1%, others 0; noise floor between runs 2.5% (where higher)"
    )
    settings = msgspec.structs.replace(candidate.info.settings, threads=1)
    commit = Git(commit="f" * 40, dirty=False)
    info = msgspec.structs.replace(candidate.info, settings=settings, git=commit)
    comparison = compare(baseline, msgspec.structs.replace(candidate, info=info))
    (line,) = setup_lines(comparison)
    assert line.startswith("0123456789ab with changes → ffffffffffff; ")
    assert "; 2 → 1 threads; " in line
    lines = above_the_fold(markdown(comparison))
    assert "Warning: Latency is not compared: the runs differ in threads (`2` → `1`)." in lines
    assert (
        "To compare latency, let both revisions take turns: `python -m cspbench ab "
        not in "\n".join(lines)
    )  # the baseline had changes that no commit holds


def test_what_a_reviewer_has_to_know_stands_above_the_fold() -> None:
    """Outputs that differ, contended launches, failed cases; each is one line."""
    run = with_outputs(make_changed_run(FOUR), 2, is_equal=False, distance=12.0)
    run = with_outputs(run, 3, is_equal=False, distance=30.0)
    cases = [record.case for record in run.records]
    launches = tuple(
        make_launch(launch.launch, *cases, taken=0.5 if launch.launch < 2 else 0.0)
        for launch in run.launches
    )
    failure = CaseFailure(case=cases[15].key, stage="latency", cause="raised", reason="no")
    run = change(
        msgspec.structs.replace(run, launches=launches), 15, latencies=(), failures=(failure,)
    )
    lines = above_the_fold(markdown(in_turns(run)))
    assert [line for line in lines if line.startswith("Warning: ")] == [
        (
            "Warning: The outputs of csp differ with the same weights and input, by up to 30 times "
            "the tolerance."
        ),
        "Warning: 2 of 6 launches were contended: other processes used their cores or GPU.",
    ]
    assert "| `csp_fusion_last` | not compared |" in lines
    assert lines[0] == (
        "**Failed: `csp_fusion_last` in training failed in the candidate "
        "(failed at latency (raised): no); "
        "the outputs of `csp` differ**"
    )


def test_a_failure_of_all_that_is_undecided_is_the_whole_verdict() -> None:
    """Nobody is told that no regression was detected in what does not run."""
    run = make_changed_run(["csp"])
    failures = [
        CaseFailure(case=run.records[index].case.key, stage="latency", cause="raised", reason="no")
        for index in (1, 3)
    ]
    for index, failure in zip((1, 3), failures, strict=True):
        run = change(run, index, latencies=(), failures=(failure,))
    assert first_line(in_turns(run)) == (
        "Failed: csp at inference and csp in training failed in the candidate "
        "(failed at latency (raised): no)"
    )


def test_why_a_case_has_no_verdict_is_said_once_for_all_its_measures() -> None:
    """Of a candidate that cannot be built; and the launches of the baseline are not 0."""
    run = make_changed_run(["csp"])
    key = run.records[1].case.key
    failure = CaseFailure(case=key, stage="counts", cause="raised", reason="boom")
    run = change(run, 1, latencies=(), failures=(failure,), measurements={})
    page = text(in_turns(run))
    assert page.count("boom") == 2  # in the first line, and where the measures are named
    assert "no verdict on params, weights, MACs, MACs (thop) and" in " ".join(page.split())
    assert "; 6 launches; " in " ".join(page.split())


def test_outputs_that_differ_come_first_where_no_cost_changed() -> None:
    """They are what is certain."""
    run = with_outputs(make_changed_run(["csp"]), 0, is_equal=False, distance=12.0)
    assert first_line(in_turns(run)) == (
        "Outputs differ: csp; no change: counts and peaks are equal and every latency is within 1%"
    )


def test_a_changed_structure_is_no_warning() -> None:
    """Its outputs cannot be compared, which one line says."""
    run = with_outputs(
        make_changed_run(FOUR), 2, is_equal=False, distance=1e5, weights="seeded", unshared=UNSHARED
    )
    lines = above_the_fold(markdown(in_turns(run)))
    assert not [line for line in lines if line.startswith("Warning")]
    assert "Outputs of csp (inference) not comparable: the weights differ in shape." in lines


@pytest.mark.parametrize("label", ["<img src=x>", "a|b `c` @user", "\x1b[31mred\n# no"])
def test_hostile_labels_are_no_markup(label: str) -> None:
    """A case's name comes from a file that somebody else wrote."""
    run = make_small_run()
    case = msgspec.structs.replace(run.records[1].case, label=label)
    baseline = change(run, 1, case=case)
    counts = run.records[1].counts
    assert counts is not None
    candidate = change(baseline, 1, msgspec.structs.replace(counts, macs=counts.macs + 1))
    comparison = compare(baseline, candidate)
    page = markdown(comparison)
    outside = "".join(page.split("`")[::2]) if "`" not in label else ""
    assert "<img" not in outside
    assert "\x1b" not in page + text(comparison)
    assert "\n# no" not in page
    refuse_foreign_markup(page)


def test_an_interval_that_says_nothing_is_not_yet_known() -> None:
    """Of two launches a side; neither its page nor its table shows powers of ten."""
    run = with_yardstick(make_run(["a"], modes=("infer",), launches=2))
    first, second = run.records[0].latencies
    comparison = compare(run, change(run, 0, latencies=(first, scaled(second, 5.0))))
    low, high = comparison.cases[0].measures["latency"].interval or (1.0, 1.0)
    assert high > 10 * low
    assert first_line(comparison) == (
        "Undecided: a at inference, not yet known; no regression detected"
    )
    assert "| `a` | undecided (not yet known) |" in markdown(comparison).splitlines()


def test_noise_is_said_at_the_head_and_no_thousand_launches_are_promised() -> None:
    """Six launches of each side, the candidate's by turns 30 times slower and faster."""
    run = with_yardstick(make_run(["a"], modes=("infer",)))
    wild = tuple(scaled(line, 30.0 ** (-1) ** line.launch) for line in run.records[0].latencies)
    comparison = compare(run, change(run, 0, latencies=wild))
    for page in (text(comparison), markdown(comparison)):
        words = " ".join(page.split())
        assert (
            "Warning: Poor timings: 1 of 1 interval too noisy to tell; python -m cspbench doctor "
            "says what disturbs this machine." in words
        )
        assert "More launches would not decide the undecided latency in reasonable time." in words
        assert "is undecided at a threshold of 2.5%: more launches would not decide it in" in words
        assert "should decide" not in words


def test_an_improvement_of_counts_says_that_no_latency_was_compared() -> None:
    """The exit code is then 4: page, JSON and exit code are of one mind."""
    run = make_small_run()
    environment = msgspec.structs.replace(run.info.environment, device="another processor")
    other = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, environment=environment)
    )
    counts = other.records[0].counts
    assert counts is not None
    fewer = change(other, 0, msgspec.structs.replace(counts, macs=counts.macs // 2))
    comparison = compare(run, fewer)
    assert comparison.to_dict()["verdict"] == "improvement"
    assert comparison_exit_code(comparison, strict=False) == ExitCode.UNDECIDED
    assert first_line(comparison) == (
        "Improvement: dense has 50.0% fewer MACs at inference; no latency can be compared"
    )


def test_figures_that_one_side_lacks_or_that_were_0_are_shown_as_they_are() -> None:
    """There is no percentage of nothing."""
    run = make_small_run()
    values: dict[int, dict[str, Any]] = {0: {"matmul_macs": 1024}, 1: {"matmul_macs": 0}}
    before = run
    for index in range(4):
        counts = run.records[index].counts
        assert counts is not None
        before = change(before, index, msgspec.structs.replace(counts, matmul_macs=0))
        figures = values.get(index, {"matmul_macs": 0})
        run = change(run, index, msgspec.structs.replace(counts, **figures))
    comparison = compare(before, run)
    assert first_line(comparison) == (
        "Regression: dense has 1,024 MACs, other products instead of 0 at inference"
    )
    assert (
        "| `dense` | MACs, other products 0 → 1,024 at inference |"
        in markdown(comparison).splitlines()
    )


def test_latencies_of_two_units_stand_in_two_tables() -> None:
    """One that cannot be put in units of the yardstick is in milliseconds, and says why."""
    comparison = compare(make_small_run(), make_small_run(slower={0: 1.5, 3: 1.5}, seed=1))
    first, *rest = comparison.cases
    latency = msgspec.structs.replace(
        first.measures["latency"], is_judged=False, verdict="undecided", reason="one launch"
    )
    first = msgspec.structs.replace(first, measures={**first.measures, "latency": latency})
    page = text(msgspec.structs.replace(comparison, cases=(first, *rest)))
    in_yardsticks, in_ms = page.split("Latency, in units of the yardstick\n")[1].split(
        "\n\nLatency, milliseconds\n"
    )
    assert latency.baseline is not None
    assert f" {latency.baseline * 1e3:,.0f} " in in_ms.split("\n\n")[0]
    assert "worse" in in_yardsticks
    assert "ms" not in in_yardsticks


def test_verdicts_and_the_status_have_their_tones() -> None:
    """On a terminal: of the first word, of the changes, and of the tables below."""
    comparison = in_turns(make_changed_run(FOUR, slower={2: 1.12, 6: 0.8}))
    page = text(comparison, Layout(has_tones=True))
    words = {(piece, tone) for piece, tone in pieces(page) if tone}
    assert words == {
        ("Regression", "worse"),
        ("slower", "worse"),
        ("faster", "better"),
        ("worse", "worse"),
        ("better", "better"),
    }
    assert untoned(page) == text(comparison)
