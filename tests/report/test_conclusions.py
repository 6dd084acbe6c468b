"""The sentence at the top of a report: who is fastest, and how the others stand."""

import math

import msgspec
from factories import make_activity
from synthetic import change, change_case, make_run, render_report, report_text

from cspbench.catalogue.inputs import Inputs, TensorSpec
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Run

THREE = ("dense", "csp", "csp_fusion_first")
UNRANKED = "No entry is ranked at inference: the only other entry is undecided against dense."


def test_the_conclusion_names_the_fastest_and_how_the_others_stand() -> None:
    """Entry 2 of the made-up run costs 1 / 1.2 of the first, with little noise."""
    text = " ".join(report_text(make_run(THREE, noise=0.001)).split())
    assert (
        "csp_fusion_first is 16.66% faster than dense at inference (95% CI 16.63–16.68%), "
        "with 16.7% fewer MACs: the fastest of 3 entries. Against dense: 2 faster." in text
    )


def test_of_two_entries_the_other_is_compared_with_the_reference() -> None:
    """Faster, slower or the same; nobody is ranked."""
    run = make_run(("dense", "csp"), modes=("infer",))

    def conclusion(factor: float) -> str:
        latencies = tuple(
            msgspec.structs.replace(
                old,
                samples_s=tuple(s * factor * 1.0001 ** (-1) ** old.launch for s in ref.samples_s),
            )
            for old, ref in zip(run.records[1].latencies, run.records[0].latencies, strict=True)
        )
        text = " ".join(report_text(change(run, 1, latencies=latencies)).split())
        return text.partition("different in every run")[2].strip("- ").partition(" device ")[0]

    assert conclusion(0.8) == (
        "csp is 20.00% faster than dense at inference (95% CI 19.99–20.01%), with 9.1% fewer MACs."
    )
    assert conclusion(1.2).startswith("csp is 20.00% slower than dense at inference (95% CI ")
    assert conclusion(1.0) == (
        "csp takes as long as dense at inference, within 1% (95% CI -0.01% to +0.01%)."
    )
    assert conclusion(0.995) == (
        "csp takes as long as dense at inference, within 1% (95% CI -0.51% to -0.49%)."
    )


def test_only_what_was_counted_is_ranked_by_counts() -> None:
    """One entry is not the least of two; equal ones have no winner; what failed takes no part."""
    run = make_run(("dense", "csp"), modes=("infer",))
    counts = [record.counts for record in run.records]
    assert counts[0] is not None
    assert counts[1] is not None

    def sentence(changed: Run) -> str:
        text = " ".join(report_text(changed).split())
        return text.partition("same code ")[2].strip("- ").partition(" Inference, input")[0]

    equal = change(run, 1, msgspec.structs.replace(counts[1], macs=counts[0].macs))
    assert sentence(equal).startswith("Both entries have 231,211,008 MACs; csp has the lowest peak")
    failure = CaseFailure(
        case=run.records[1].case.key, stage="counts", cause="raised", reason="no", is_fatal=True
    )
    assert sentence(change(run, 1, failures=(failure,))) == (
        "dense has 231,211,008 MACs and 5,103,840 bytes of peak tensor memory at inference."
    )


def test_equal_entries_are_not_told_apart() -> None:
    """The same samples but for noise: the sentence does not cry a winner."""
    run = make_run(("dense", "csp"), modes=("infer",))
    twin = tuple(
        msgspec.structs.replace(
            old, samples_s=tuple(s * f for s, f in zip(ref.samples_s, noise * 5, strict=True))
        )
        for old, ref, noise in zip(
            run.records[1].latencies,
            run.records[0].latencies,
            [(0.99, 0.99), (1.02, 1.02), (0.99, 0.99), (1.01, 1.01), (0.98, 0.98), (1.0, 1.0)],
            strict=True,
        )
    )
    text = " ".join(report_text(change(run, 1, latencies=twin)).split())
    assert (
        "No entry is ranked at inference: the only other entry is undecided against dense." in text
    )


def test_an_undecided_case_is_never_the_fastest() -> None:
    """Six ratios about 3% below 1 with t = 3: the 95% interval excludes 1, the 1% asked for not."""
    run = make_run(("dense", "csp"), modes=("infer",))
    faster = tuple(
        msgspec.structs.replace(
            old,
            samples_s=tuple(s * math.exp(-0.03 + sign * 0.02236) for s in ref.samples_s),
        )
        for old, ref, sign in zip(
            run.records[1].latencies, run.records[0].latencies, [1, -1] * 3, strict=True
        )
    )
    run = change(run, 1, latencies=faster)
    text = " ".join(report_text(run).split())
    assert "more launches should decide it" in text
    failure = CaseFailure(
        case=run.records[1].case.key, stage="latency", cause="signal", reason="killed", launch=7
    )
    broken = " ".join(report_text(change(run, 1, failures=(failure,))).split())
    assert "Undecided: csp (inference)." in broken
    assert "should decide" not in broken  # it does not run any more
    assert (
        "No entry is ranked at inference: the only other entry is undecided against dense." in text
    )
    beside = make_run(THREE, modes=("infer",), noise=0.001)
    factor = math.exp(0.3)
    noisy = tuple(
        msgspec.structs.replace(
            old, samples_s=tuple(s * 0.7 * factor ** (-1) ** old.launch for s in old.samples_s)
        )
        for old in beside.records[1].latencies
    )
    text = " ".join(report_text(change(beside, 1, latencies=noisy)).split())
    assert ": the fastest of 2 entries with a verdict, not distinguishable from csp. " in text
    assert "Against dense: 1 faster, 1 undecided." in text


def test_without_a_reference_the_fastest_is_told_apart_by_the_intervals_of_ratios() -> None:
    """Those of entries that took turns; equal ones are not ranked."""
    noisy = " ".join(report_text(make_run(THREE, modes=("infer",), reference=None)).split())
    assert "csp_fusion_first is the fastest of 3 entries at inference: 16.6" in noisy
    run = make_run(("a", "b"), modes=("infer",), reference=None)
    twin = tuple(
        msgspec.structs.replace(old, samples_s=ref.samples_s)
        for old, ref in zip(run.records[1].latencies, run.records[0].latencies, strict=True)
    )
    text = " ".join(report_text(change(run, 1, latencies=twin)).split())
    assert "a and b are not ranked at inference: none is distinguishably the fastest" in text


def test_poor_timings_are_said_at_the_head_of_a_report_and_more_launches_are_not_promised() -> None:
    """Five of six launches contended, and launches that differ by a factor of 30."""
    run = make_run(("dense", "csp"), modes=("infer",), launches=6)
    wild = tuple(
        msgspec.structs.replace(
            old, samples_s=tuple(s * 30.0 ** (-1) ** old.launch for s in old.samples_s)
        )
        for old in run.records[1].latencies
    )
    busy = tuple(
        msgspec.structs.replace(launch, activity=make_activity(0.4 if launch.launch else 0.0))
        for launch in run.launches
    )
    run = msgspec.structs.replace(change(run, 1, latencies=wild), launches=busy)
    text = " ".join(report_text(run).split())
    assert (
        "Poor timings: 5 of 6 launches contended, 1 of 1 interval too noisy to tell "
        "(python -m cspbench doctor says why)." in text
    )
    assert "More launches would not decide it in reasonable time." in text
    assert "should decide" not in text
    assert "Poor timings" not in report_text(make_run(("dense", "csp"), modes=("infer",)))


def test_a_throughput_that_is_noise_is_not_ranked() -> None:
    """Entries with a batch of their own, the faster of which differs from launch to launch."""
    run = make_run(("a", "b"), modes=("infer",), reference=None)
    for index, batch in enumerate((1, 4)):
        run = change_case(run, index, input_shape=(batch, 3, 8, 8))
    wild = tuple(
        msgspec.structs.replace(
            old, samples_s=tuple(s * 30.0 ** (-1) ** old.launch for s in old.samples_s)
        )
        for old in run.records[1].latencies
    )
    text = " ".join(report_text(change(run, 1, latencies=wild)).split())
    assert (
        "No throughput is ranked at inference: the highest, that of b, is too noisy to tell."
        in text
    )


def test_an_entry_at_another_input_is_shown_but_not_ranked() -> None:
    """Who is fastest is a fair question only on the same input."""
    run = make_run(THREE, modes=("infer",))
    run = change_case(run, 2, input_shape=(1, 128, 32, 32))
    text = " ".join(report_text(run).split())
    assert "csp is 9" in text  # percent faster than dense, which needs no rank
    assert "fastest" not in text
    assert "Not ranked, because their input differs: csp_fusion_first." in text
    assert "input 1x64x56x56 (csp_fusion_first: 1x128x32x32)" in text
    labelled = change_case(run, 2, label="mine.py:f 1x128x32x32")
    assert "(mine.py:f: 1x128x32x32)" in " ".join(report_text(labelled).split())
    assert "(`mine.py:f`: 1x128x32x32)" in render_report(labelled, "markdown")


def test_throughput_of_texts_is_no_number_of_images() -> None:
    """Entries with a batch of their own, on rows of tokens: samples a second."""
    run = make_run(("a", "b"), modes=("infer",), reference=None)
    for index, batch in enumerate((1, 4)):
        inputs = Inputs((TensorSpec((batch, 77), "int64"),))
        run = change_case(run, index, inputs=inputs, input_shape=(batch, 77))
    page = " ".join(report_text(run).split())
    assert "has the highest throughput of 2 entries, each at its own batch" in page
    assert "samples/s." in page
    assert "images" not in page


def test_cases_that_the_budget_ended_before_are_named() -> None:
    """Without a budget, or where a case has failed, the reason is another."""
    run = change(make_run(THREE, modes=("infer",)), 1, latencies=())
    sentence = "The budget ended before csp (inference) could be timed (--budget S raises it)."
    assert sentence not in " ".join(report_text(run).split())
    settings = msgspec.structs.replace(run.info.settings, budget_s=1.0)
    run = msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, settings=settings))
    assert sentence in " ".join(report_text(run).split())
    failure = CaseFailure(case=run.records[1].case.key, stage="counts", cause="raised", reason="no")
    failed = change(run, 1, failures=(failure,))
    assert sentence not in " ".join(report_text(failed).split())
