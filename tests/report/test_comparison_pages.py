"""The page of a comparison: width, length, hostile names."""

import msgspec
import pytest
from compared_runs import make_small_run, scaled, with_yardstick
from factories import with_measurements
from synthetic import change, make_run

from cspbench.cli.exit_codes import ExitCode, comparison_exit_code
from cspbench.comparison.compare import compare
from cspbench.report.comparison import MAX_CHARACTERS, markdown, text


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
    assert len(page) <= MAX_CHARACTERS
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


def test_an_interval_that_says_nothing_is_not_yet_known() -> None:
    """Of two launches a side; neither its page nor its table shows powers of ten."""
    run = with_yardstick(make_run(["a"], modes=("infer",), launches=2))
    first, second = run.records[0].latencies
    comparison = compare(run, change(run, 0, latencies=(first, scaled(second, 5.0))))
    low, high = comparison.cases[0].measures["latency"].interval or (1.0, 1.0)
    assert high > 10 * low
    for page in (text(comparison), markdown(comparison)):
        assert "not yet known" in " ".join(page.split())


def test_noise_is_said_at_the_head_and_no_thousand_launches_are_promised() -> None:
    """Six launches of each side, the candidate's by turns 30 times slower and faster."""
    run = with_yardstick(make_run(["a"], modes=("infer",)))
    wild = tuple(scaled(line, 30.0 ** (-1) ** line.launch) for line in run.records[0].latencies)
    comparison = compare(run, change(run, 0, latencies=wild))
    for page in (text(comparison), markdown(comparison)):
        words = " ".join(page.split())
        assert "Poor timings: 1 of 1 interval too noisy to tell." in words
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
    fewer = change(other, 0, msgspec.structs.replace(counts, macs=counts.macs - 1))
    comparison = compare(run, fewer)
    assert comparison.to_dict()["verdict"] == "improvement"
    assert comparison_exit_code(comparison, strict=False) == ExitCode.UNDECIDED
    (sentence, *_) = " ".join(text(comparison).split()).partition(" Cases: ")
    assert sentence.endswith(" No latency can be compared.")
