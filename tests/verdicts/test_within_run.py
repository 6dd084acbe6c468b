"""Verdicts within a run: the noise floor, and looks at data that grow."""

import math

import msgspec
import pytest
from assembled_runs import make_run

from cspbench.records.gate import LATENCY, Gate, Rule
from cspbench.verdicts.judge import ALPHA
from cspbench.verdicts.launches import launches_by_case
from cspbench.verdicts.within_run import alpha, next_look, verdicts


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


def test_looking_again_and_again_spends_no_more_than_the_whole_chance() -> None:
    """Without a budget there is one look; with one, however many looks sum to below alpha."""
    assert alpha(make_run(), 6) == ALPHA
    run = make_run(budget_s=60.0)
    assert alpha(run, 6) == ALPHA / 2
    assert alpha(run, 7) == alpha(run, 9) == ALPHA / 6
    looks, point = [], 6
    while point < 10**6:
        looks.append(alpha(run, point))
        point = next_look(point)
    assert sum(looks) < ALPHA
