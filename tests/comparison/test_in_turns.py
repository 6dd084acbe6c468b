"""Two revisions that took turns in one run: ratios launch by launch, and notes on outputs."""

import random
from typing import Any

import msgspec
import pytest
from factories import make_energy, make_floor, make_launch, with_measurements
from synthetic import change, make_run

from cspbench.comparison.in_turns import in_turns
from cspbench.plan.case import Case
from cspbench.records.deployment import Deployment
from cspbench.records.gate import LATENCY, Gate, Rule
from cspbench.records.lines import CaseFailure, Cause, Latency
from cspbench.records.measurements import Equivalence, UnsharedWeights
from cspbench.records.run import SIDES, Record, Run
from cspbench.report.comparison import markdown, text
from cspbench.verdicts.looks import level, looks

BASELINE, CANDIDATE = 0, 1  # the records of `two_revisions`


def two_revisions(*, slower: float = 1.0, launches: int = 6, shift: float = 0.2) -> Run:
    """One entry in two revisions; each launch shifts both alike, and the candidate is slower."""
    run = make_run(["c3"], modes=("infer",), launches=launches, reference=None)
    (record,) = run.records
    chance = random.Random(0)
    shifts = [1 + chance.uniform(-shift, shift) for _ in range(launches)]
    factors = {"baseline": 1.0, "candidate": slower}
    records = []
    for side in SIDES:
        case = msgspec.structs.replace(
            record.case,
            key=f"{record.case.key} @ {side}",
            label=f"{record.case.label} @ {side}",
            side=side,
            reference=f"{record.case.key} @ baseline" if side == "candidate" else None,
        )
        latencies = tuple(
            scaled(line, case, factors[side] * launch_shift, chance)
            for line, launch_shift in zip(record.latencies, shifts, strict=True)
        )
        measurements = {
            stage: msgspec.structs.replace(measurement, case=case.key)
            for stage, measurement in record.measurements.items()
        }
        records.append(Record(case=case, measurements=measurements, latencies=latencies))
    info = msgspec.structs.replace(
        run.info,
        cases=tuple(record.case for record in records),
        revisions={"baseline": "0" * 40, "candidate": "1" * 40},
    )
    return msgspec.structs.replace(run, info=info, records=tuple(records))


def scaled(line: Latency, case: Case, factor: float, chance: random.Random) -> Latency:
    samples = tuple(sample * factor * chance.gauss(1, 0.003) for sample in line.samples_s)
    return msgspec.structs.replace(line, case=case.key, samples_s=samples)


def with_failure(run: Run, index: int, *, cause: Cause, stage: str = "latency") -> Run:
    failure = CaseFailure(
        case=run.records[index].case.key, stage=stage, cause=cause, reason="no such thing"
    )
    return change(run, index, latencies=(), measurements={}, failures=(failure,))


def with_gate(run: Run, gate: Gate) -> Run:
    return msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, gate=gate))


def with_equivalence(run: Run, **fields: Any) -> Run:
    values: dict[str, Any] = {
        "case": run.records[CANDIDATE].case.key,
        "is_equal": False,
        "distance": None,
        "rtol": 1e-4,
        "atol": 1e-5,
        "weights": "shared",
    }
    return change(run, CANDIDATE, Equivalence(**{**values, **fields}))


def test_a_slower_candidate_is_worse_by_the_ratio_of_each_launch() -> None:
    """5%, though launches differ by 40% among themselves; no yardstick is needed."""
    run = two_revisions(slower=1.05)
    comparison = in_turns(run)
    assert run.yardstick == ()
    assert (comparison.verdict, comparison.in_turns, comparison.discrepancies) == (
        "regression",
        True,
        (),
    )
    (case,) = comparison.cases
    latency = case.measures[LATENCY]
    assert (case.verdict, latency.verdict) == ("worse", "worse")
    assert latency.ratio == pytest.approx(1.05, abs=0.005)
    assert latency.interval is not None
    assert latency.ratio is not None
    low, high = latency.interval
    assert 1.045 < low < latency.ratio < high < 1.055
    assert latency.baseline is not None
    assert 0.015 < latency.baseline < 0.025  # seconds


def test_a_case_is_named_without_its_side() -> None:
    """By the key and the label that it has in a run of one revision."""
    (case,) = in_turns(two_revisions()).cases
    assert (case.key, case.label) == ("c3 1x64x56x56 cpu fp32 infer", "c3")
    assert in_turns(two_revisions(slower=0.9)).verdict == "improvement"
    assert case.measures["macs"].verdict == "same"


def test_the_gate_decides_what_matters() -> None:
    """5% slower is the same within 10%, and one MAC more within 1%."""
    run = two_revisions(slower=1.05)
    counts = run.records[CANDIDATE].counts
    assert counts is not None
    run = change(run, CANDIDATE, msgspec.structs.replace(counts, macs=counts.macs + 1))
    assert in_turns(run).cases[0].measures["macs"].verdict == "worse"
    gate = Gate((Rule("c3", LATENCY, 0.1), Rule("*", "macs", 0.01)))
    assert in_turns(with_gate(run, gate)).verdict == "same"
    other_entry = Gate((Rule("c4", LATENCY, 0.1), Rule("c4", "macs", 0.01)))
    assert in_turns(with_gate(run, other_entry)).verdict == "regression"


def test_the_machines_noise_floor_raises_the_threshold() -> None:
    """A spread of 10% from launch to launch, in turns: 5% cannot be called worse."""
    run = two_revisions(slower=1.05)
    info = msgspec.structs.replace(run.info, noise_floor=make_floor(0.10))
    latency = in_turns(msgspec.structs.replace(run, info=info)).cases[0].measures[LATENCY]
    assert latency.verdict == "same"
    assert "threshold 11.0" in latency.reason
    assert latency.threshold == pytest.approx(0.11, abs=1e-3)


def test_the_reason_names_the_shares_in_force() -> None:
    """Of the look at which a run with a budget is; in JSON, and where it is undecided on pages."""
    run = two_revisions(slower=1.011, shift=0.0)
    settings = msgspec.structs.replace(run.info.settings, launches=2, budget_s=60.0)
    info = msgspec.structs.replace(run.info, settings=settings, noise_floor=make_floor(0.01))
    comparison = in_turns(msgspec.structs.replace(run, info=info))
    latency = comparison.cases[0].measures[LATENCY]
    assert latency.verdict == "undecided"
    assert latency.alpha == level(0.01, looks(2, len(run.launches)))
    assert latency.threshold == pytest.approx(0.0105, abs=1e-4)
    assert latency.reason == "p < 0.0001 over all cases (significant below 0.0015); threshold 1.05%"
    for page in (text(comparison), markdown(comparison)):
        words = " ".join(page.split())
        assert "latency of" in words
        assert "is undecided at a threshold of 1.1%" in words


def test_no_more_launches_are_asked_of_a_case_that_does_not_run() -> None:
    """It failed in a later launch: what it has is judged, and no launch can follow."""
    run = two_revisions(slower=1.0095, launches=3)
    assert in_turns(run).cases[0].measures[LATENCY].more_launches is not None
    failure = CaseFailure(
        case=run.records[CANDIDATE].case.key, stage="latency", cause="signal", reason="killed"
    )
    latency = in_turns(change(run, CANDIDATE, failures=(failure,))).cases[0].measures[LATENCY]
    assert (latency.verdict, latency.more_launches) == ("undecided", None)


@pytest.mark.parametrize(
    ("index", "verdict", "failed"), [(BASELINE, "added", ()), (CANDIDATE, "removed", ())]
)
def test_a_case_that_a_revision_lacks_is_added_or_removed(
    index: int, verdict: str, failed: tuple[str, ...]
) -> None:
    """It has not failed: it is not there."""
    comparison = in_turns(with_failure(two_revisions(), index, cause="absent", stage="counts"))
    assert [case.verdict for case in comparison.cases] == [verdict]
    assert comparison.failed == failed
    assert comparison.verdict == "not_comparable"


def test_a_case_that_no_revision_has_has_failed() -> None:
    """Nothing of it is the same on both sides: there is nothing."""
    run = two_revisions()
    for index in (BASELINE, CANDIDATE):
        run = with_failure(run, index, cause="absent", stage="counts")
    comparison = in_turns(run)
    assert comparison.failed == (run.records[CANDIDATE].case.key,)
    (case,) = comparison.cases
    assert list(case.measures) == [LATENCY]
    assert case.measures[LATENCY].reason == "baseline: failed at counts (absent): no such thing"


@pytest.mark.parametrize(("index", "failures"), [(BASELINE, 0), (CANDIDATE, 1)])
def test_a_failure_is_the_reason_why_there_is_no_verdict(index: int, failures: int) -> None:
    """Only those of the candidate count as failed."""
    run = two_revisions()
    comparison = in_turns(with_failure(run, index, cause="raised"))
    change_of_latency = comparison.cases[0].measures[LATENCY]
    assert (change_of_latency.verdict, change_of_latency.ratio) == ("undecided", None)
    assert change_of_latency.reason == f"{SIDES[index]}: failed at latency (raised): no such thing"
    assert comparison.failed == (run.records[CANDIDATE].case.key,) * failures


def test_sides_that_shared_no_launch_are_not_compared() -> None:
    """Each was in a launch that the other was not in."""
    run = two_revisions(launches=2)
    for index in (BASELINE, CANDIDATE):
        run = change(run, index, latencies=run.records[index].latencies[index : index + 1])
    latency = in_turns(run).cases[0].measures[LATENCY]
    assert (latency.verdict, latency.reason) == (
        "undecided",
        "not measured: no launch of both sides was completed",
    )


SHAPES = UnsharedWeights(differ_in=("shape",), detail="conv.weight: 8x4x3x3 and 16x4x3x3")


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        (
            {"distance": 12.3456},
            (
                "differ: with the same weights by up to 12.3 times the tolerance (rtol 0.0001, "
                "atol 1e-05)."
            ),
        ),
        (
            {"reason": "ValueError: outputs of shapes (1, 2) and (1, 3)"},
            "differ: outputs of shapes (1, 2) and (1, 3).",
        ),
        (
            {"distance": 0.0, "reason": "output is int64 in the baseline, int32 in the candidate"},
            "differ: output is int64 in the baseline, int32 in the candidate.",
        ),
        (
            {"distance": 3.0, "reason": "output.ids differs"},
            (
                "differ: output.ids differs; with the same weights by up to 3 times the tolerance "
                "(rtol 0.0001, atol 1e-05)."
            ),
        ),
        (
            {"distance": 1e300, "rtol": 0.0, "atol": 0.0, "reason": "output.ids differs"},
            "differ: output.ids differs.",
        ),
        (
            {"weights": "seeded", "unshared": SHAPES, "reason": "the candidate raised OSError: no"},
            "differ: the candidate raised OSError: no.",
        ),
    ],
)
def test_outputs_that_differ_with_the_same_weights_are_a_warning(
    fields: dict[str, Any], warning: str
) -> None:
    """It changes no verdict, and its details are not repeated; what raises is one, too."""
    comparison = in_turns(with_equivalence(two_revisions(), **fields))
    assert comparison.warnings == (f"The outputs of c3 (inference) {warning}",)
    assert (comparison.verdict, comparison.outputs, comparison.notes) == ("same", "", ())


@pytest.mark.parametrize(
    ("fields", "kinds", "detail"),
    [
        ({"distance": 2.0}, "name or shape", ""),  # of a version that did not record which
        (
            {"distance": 2e5, "unshared": SHAPES},
            "shape",
            " (conv.weight: 8x4x3x3 and 16x4x3x3)",
        ),
        (
            {
                "reason": "ValueError: outputs of shapes (1, 2) and (1, 3)",
                "unshared": UnsharedWeights(differ_in=("number", "shape"), detail="2 and 3"),
            },
            "number and shape",
            " (2 and 3)",
        ),
    ],
)
def test_outputs_of_a_changed_structure_are_not_comparable_and_raise_no_alarm(
    fields: dict[str, Any], kinds: str, detail: str
) -> None:
    """The weights of the two are not the same ones, so that outputs say nothing."""
    comparison = in_turns(with_equivalence(two_revisions(), weights="seeded", **fields))
    assert comparison.warnings == ()
    assert comparison.outputs == f"Outputs not comparable: the weights differ in {kinds}."
    assert comparison.notes == (
        f"The outputs of c3 (inference) are not comparable: the weights differ in {kinds}{detail}.",
    )


def test_layers_that_were_renamed_compute_the_same() -> None:
    """From one seed: equal outputs are equal, whatever the weights are called."""
    run = with_equivalence(two_revisions(), is_equal=True, distance=0.0, weights="seeded")
    comparison = in_turns(run)
    assert comparison.outputs == "The outputs are equal within rounding."
    assert (comparison.warnings, comparison.notes) == ((), ())


def test_nan_on_both_sides_is_equal_and_said() -> None:
    """A model that computes nothing is not equal without a word."""
    run = with_equivalence(two_revisions(), is_equal=True, distance=0.0, nans=1200)
    comparison = in_turns(run)
    assert comparison.outputs == "The outputs are equal within rounding."
    assert comparison.notes == (
        "The outputs of c3 (inference) are NaN on both sides in 1,200 elements.",
    )


@pytest.mark.parametrize(("index", "failures"), [(BASELINE, 0), (CANDIDATE, 1)])
def test_a_death_while_outputs_are_compared_leaves_the_latency_its_verdict(
    index: int, failures: int
) -> None:
    """It is said of the side that died, and only the candidate's counts as failed."""
    run = two_revisions(slower=1.05)
    failure = CaseFailure(
        case=run.records[index].case.key,
        stage="equivalence",
        cause="signal",
        reason="killed by SIGSEGV",
        is_fatal=False,
    )
    comparison = in_turns(change(run, index, failures=(failure,)))
    assert comparison.cases[0].measures[LATENCY].verdict == "worse"
    (warning,) = comparison.warnings
    assert warning == (
        f"The outputs of c3 (inference) were not compared: the process of the {SIDES[index]} ended "
        "(killed by SIGSEGV)."
    )
    assert len(comparison.failed) == failures


def test_of_a_case_that_one_side_lacks_nothing_is_said_of_outputs() -> None:
    """There is nothing to compare."""
    run = with_equivalence(two_revisions(), is_equal=True, distance=0.0)
    absent = CaseFailure(
        case=run.records[BASELINE].case.key, stage="counts", cause="absent", reason="no"
    )
    comparison = in_turns(change(run, BASELINE, failures=(absent,)))
    assert (comparison.outputs, comparison.warnings, comparison.notes) == ("", (), ())


def test_contended_launches_are_counted_in_a_note() -> None:
    """Two of six, and they are left out."""
    run = two_revisions()
    cases = [record.case for record in run.records]
    launches = tuple(
        make_launch(launch.launch, *cases, taken=0.5 if launch.launch < 2 else 0.0)
        for launch in run.launches
    )
    comparison = in_turns(msgspec.structs.replace(run, launches=launches))
    assert comparison.warnings == (
        "2 of 6 launches were contended: other processes used their cores or GPU.",
    )
    assert comparison.cases[0].measures[LATENCY].ratio is not None


def test_a_record_without_a_baseline_is_no_pair() -> None:
    """As those of a run of one revision."""
    run = two_revisions()
    record = with_measurements(run.records[BASELINE])
    assert in_turns(msgspec.structs.replace(run, records=(record,))).cases == ()


def test_energies_of_both_sides_are_a_note() -> None:
    """Of the case, without its side."""
    run = two_revisions()
    for index, energy_j in ((BASELINE, 400.0), (CANDIDATE, 500.0)):
        run = change(run, index, make_energy(run.records[index].case.key, energy_j))
    comparison = in_turns(run)
    assert comparison.notes[-1].startswith("Energy of a call [mJ]: c3 (inference) 400.0 to 500.0; ")
    assert "energy" not in comparison.cases[0].measures


def with_forms(run: Run, *sqnr_db: float | None) -> Run:
    """The run with a form of each side: equal to eager where there is no SQNR."""
    for index, decibels in enumerate(sqnr_db):
        made = Deployment(
            case=run.records[index].case.key,
            steps_s={"fuse": 0.1},
            form_bytes=1,
            is_equal=decibels is None,
            error=1e-6 if decibels is None else 0.1,
            tolerance=1e-4,
            sqnr_db=decibels,
        )
        run = change(run, index, made)
    return run


def test_a_form_that_computes_something_else_in_the_candidate_alone_is_an_alarm() -> None:
    """As outputs of the module itself that differ are."""
    comparison = in_turns(with_forms(two_revisions(), None, 12.3))
    assert comparison.different_outputs == ("c3",)
    (warning,) = comparison.warnings
    assert warning == (
        "The outputs of c3 (inference) are not those of the eager module in the candidate (SQNR "
        "12 dB), as they are in the baseline."
    )
    comparison = in_turns(with_forms(two_revisions(), None, None))
    assert comparison.different_outputs == comparison.warnings == comparison.notes == ()


@pytest.mark.parametrize(
    ("sqnr_db", "said"),
    [
        ((31.0, 28.0), "SQNR 28 dB, SQNR 31 dB in the baseline"),
        ((31.0, 31.1), "SQNR 31 dB, as in the baseline"),
        ((31.0, None), "equal, SQNR 31 dB in the baseline"),
    ],
)
def test_a_form_that_rounds_more_is_told_of_both_sides(
    sqnr_db: tuple[float, float | None], said: str
) -> None:
    """Without an alarm: 8 bits never give the eager module's outputs."""
    comparison = in_turns(with_forms(two_revisions(), *sqnr_db))
    assert comparison.different_outputs == comparison.warnings == ()
    assert comparison.notes == (
        f"The outputs of c3 (inference) beside the eager module's: {said}.",
    )
