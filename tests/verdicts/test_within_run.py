"""Verdicts within a run: the noise floor, and looks at data that grow."""

import math

import msgspec
import pytest
from assembled_runs import make_run

from cspbench.records.gate import LATENCY, Gate, Rule
from cspbench.verdicts.judge import ALPHA
from cspbench.verdicts.launches import launches_by_case
from cspbench.verdicts.looks import level, looks
from cspbench.verdicts.stats import CONFIDENCE
from cspbench.verdicts.turns import difference
from cspbench.verdicts.within_run import verdicts


def test_a_verdict_takes_the_noise_floor_where_it_is_above_the_threshold() -> None:
    """A spread of 3% in A/A launches is ±3.2% over six: 2% slower is then undecided or the same."""
    from factories import make_floor

    run = make_run(1.02)
    assert verdicts(run, launches_by_case(run))["case 0"].answer == "worse"
    noisy = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, noise_floor=make_floor(0.03))
    )
    verdict = verdicts(noisy, launches_by_case(noisy))["case 0"]
    assert verdict.answer == "same"
    assert verdict.criterion.threshold == pytest.approx(
        math.expm1(2.5706 * 0.03 / math.sqrt(6)), rel=1e-4
    )
    quiet = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, noise_floor=make_floor(0.001))
    )
    assert verdicts(quiet, launches_by_case(quiet))["case 0"].criterion.threshold == 0.01


def test_the_runs_gate_holds_in_its_own_verdicts() -> None:
    """2% slower is the same within 5%: reports and the choice of launches say as `ab` does."""
    run = make_run(1.02)
    gate = Gate((Rule("*", LATENCY, 0.05),))
    run = msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, gate=gate))
    verdict = verdicts(run, launches_by_case(run))["case 0"]
    assert (verdict.answer, verdict.criterion.threshold) == ("same", 0.05)


def test_a_run_with_a_budget_spends_its_errors_over_looks() -> None:
    """Worse, better and same alike; the criterion names the share in force. Else there is one."""
    run = make_run(1.02)
    criterion = verdicts(run, launches_by_case(run))["case 0"].criterion
    assert (criterion.alpha, criterion.confidence) == (ALPHA, CONFIDENCE)
    for launches in (6, 8):
        run = make_run(1.02, launches=launches, budget_s=60.0)
        verdict = verdicts(run, launches_by_case(run))["case 0"]
        numbers = looks(6, launches)
        assert verdict.criterion.alpha == level(ALPHA, numbers) < ALPHA / 2
        assert verdict.criterion.confidence == 1 - level(1 - CONFIDENCE, numbers) > 0.97
        plain = verdict.ratio
        pair = difference(*(launches_by_case(run)[key].samples for key in ("case 0", "Good infer")))
        assert pair is not None
        assert (plain.low, plain.high) == (
            pair.estimate(verdict.criterion.confidence).low,
            pair.estimate(verdict.criterion.confidence).high,
        )
