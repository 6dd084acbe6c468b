"""What a comparison needs of a run, and how it travels in a comment."""

from statistics import median

import msgspec
import pytest
from compared_runs import make_small_run
from synthetic import change

from cspbench.comparison.excerpt import CaseExcerpt, Excerpt, excerpt, write_down
from cspbench.records.base import Failure
from cspbench.records.lines import CaseFailure
from cspbench.verdicts.turns import log_ratio


def test_a_case_has_its_exact_figures_and_a_ratio_a_launch() -> None:
    """The interquartile mean over turns of its samples over the yardstick's, to seven digits."""
    run = make_small_run()
    case = excerpt(run).cases[0]
    record = run.records[0]
    assert (case.key, case.name, case.mode) == (record.case.key, "dense", "infer")
    assert record.counts is not None
    assert case.exact["macs"] == record.counts.macs
    assert "backward_flops" not in case.exact  # of an inference
    yardstick = {line.launch: line.samples_s for line in run.yardstick}
    logs = [log_ratio(line.samples_s, yardstick[line.launch]) for line in record.latencies]
    assert len(case.yardsticks) == 6
    for ratio, log in zip(case.yardsticks, logs, strict=True):
        assert ratio == pytest.approx(2.718281828459045**log, rel=1e-6)
        assert len(f"{ratio:g}".replace(".", "")) <= 7
    for yardstick_s, samples in zip(case.yardstick_s, yardstick.values(), strict=True):
        assert yardstick_s == pytest.approx(median(samples), rel=1e-3)


def test_without_a_yardstick_there_are_no_ratios() -> None:
    """The latency is still shown."""
    case = excerpt(msgspec.structs.replace(make_small_run(), yardstick=())).cases[0]
    assert case.yardsticks == ()
    assert case.latency_s == pytest.approx(0.02, rel=0.05)
    assert case.missing == ""


def test_a_failed_case_says_why_in_place_of_each_figure() -> None:
    """By its first failure."""
    run = make_small_run()
    key = run.records[0].case.key
    failures = (
        CaseFailure(case=key, stage="counts", cause="raised", reason="no"),
        CaseFailure(case=key, stage="latency", cause="timeout", reason="late"),
    )
    failed = change(run, 0, latencies=(), measurements={}, failures=failures)
    case = excerpt(failed).cases[0]
    assert case.failed
    assert case.missing == "failed at counts (raised): no"
    assert case.exact["macs"] == Failure(reason="failed at counts (raised): no")


def test_what_the_run_was_not_to_measure_is_left_out() -> None:
    """No figure, and no word of a latency that is missing."""
    run = make_small_run()
    info = msgspec.structs.replace(run.info, stages=("counts",))
    case = excerpt(msgspec.structs.replace(run, info=info)).cases[0]
    assert "macs" in case.exact
    assert "peak_tensor_bytes" not in case.exact
    assert not case.timed


def test_an_excerpt_is_written_as_lines_that_read_back() -> None:
    """One of the circumstances, and one a case."""
    made = excerpt(make_small_run())
    head, *cases = write_down(made).splitlines()
    assert msgspec.json.decode(head, type=Excerpt) == msgspec.structs.replace(made, cases=())
    assert tuple(msgspec.json.decode(line, type=CaseExcerpt) for line in cases) == made.cases


def test_hostile_names_end_no_code_block_and_begin_no_markup() -> None:
    """ASCII without the characters of fences and tags, and the same names when read."""
    run = make_small_run()
    label = "```\n<script> & `é` \x1b[31m"
    case = msgspec.structs.replace(run.records[1].case, label=label, entry=label)
    text = write_down(excerpt(change(run, 1, case=case)))
    assert text.isascii()
    assert not set("<>&`\x1b") & set(text)
    read_back = msgspec.json.decode(text.splitlines()[2], type=CaseExcerpt)
    assert read_back.entry == label
