"""The benchmark of the benchmark, on made-up trials: rules of other tools, verdicts, the page."""

import math
import random

import pytest
from factories import make_activity
from trust.judged import Judged
from trust.page import HAND_COUNTED, coverage, page
from trust.rules import RULES
from trust.trials import (
    ADAPTIVE,
    COPIES,
    LAUNCHES,
    PLANTED,
    Overhead,
    Peaks,
    Results,
    Tool,
    Trial,
    cases,
)

from cspbench.records.lines import YARDSTICK, Latency, Launch


def side(
    centre: float, *, launches: int = 6, spread: float = 0.001, seed: int = 0
) -> list[list[float]]:
    chance = random.Random(seed)
    return [
        [centre * math.exp(chance.gauss(0, spread)) for _ in range(20)] for _ in range(launches)
    ]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_sees_a_change_of_20_percent_and_passes_the_same_samples(name: str) -> None:
    """Quiet samples: all tools agree."""
    baseline = side(1.0)
    assert RULES[name](baseline, side(1.2, seed=1))
    assert not RULES[name](baseline, baseline)


def test_the_rules_differ_where_launches_do() -> None:
    """Levels that move by 5% a launch: pooling takes them for a difference, launches do not."""
    chance = random.Random(3)
    alarms = dict.fromkeys(RULES, 0)
    for _trial in range(40):
        sides = [
            [
                [level * math.exp(chance.gauss(0, 0.01)) for _ in range(20)]
                for level in (math.exp(chance.gauss(0, 0.05)) for _ in range(6))
            ]
            for _ in range(2)
        ]
        for name, rule in RULES.items():
            alarms[name] += rule(*sides)
    assert alarms["pooled t test (pyperf)"] > 20
    assert alarms["pooled bootstrap, 1% (criterion)"] > 15
    assert alarms["permutation of launch medians"] < 8


def trial(number: int, *, spread: float = 0.004) -> Trial:
    """Launches in which planted changes cost 1%, 2% and 5%."""
    chance = random.Random(number)
    true = dict.fromkeys(COPIES, 1.0) | dict(zip(PLANTED, (1.01, 1.02, 1.05), strict=True))
    launches, latencies = [], []
    for launch in range(LAUNCHES):
        level = 4e-3 * math.exp(chance.gauss(0, 0.05))
        for key, ratio in (true | {YARDSTICK: 0.3}).items():
            case_level = level * ratio * math.exp(chance.gauss(0, spread))
            latencies.append(
                Latency(
                    case=key,
                    launch=launch,
                    samples_s=(case_level,) * 3,
                    iterations=4,
                    first_call_s=1.0,
                    warmup_iterations=8,
                    steady=True,
                )
            )
        launches.append(
            Launch(
                launch=launch,
                cases=tuple(true),
                seed=launch,
                threads=1,
                allocator="pinned",
                activity=make_activity(),
                seconds=3.5,
            )
        )
    return Trial(number=number, seconds=40.0, launches=tuple(launches), latencies=tuple(latencies))


def test_the_judged_trials_give_the_stated_rates() -> None:
    """Forty made-up trials with a spread of 0.4%: hardly an alarm, 5% and 2% found, truth told."""
    judged = Judged([trial(number) for number in range(41)])
    answers = {
        kind: [verdict.answer for name, verdict in judged.in_turns if name == kind]
        for kind in ("same", *PLANTED)
    }
    assert len(answers["same"]) == 40 * 6
    assert len(answers["5 more"]) == 40 * 4
    assert sum(answer in {"worse", "better"} for answer in answers["same"]) <= 4
    assert set(answers["5 more"]) == {"worse"}
    assert answers["2 more"].count("worse") / 160 > 0.95
    assert judged.truth("2 more") == pytest.approx(1.02, abs=0.001)
    assert sum(verdict.answer in {"worse", "better"} for verdict in judged.between) <= 5


def test_coverage_tells_an_interval_that_is_too_narrow() -> None:
    """Values that scatter by 10% and state ±1%: few hold, and ten times the width is missing."""
    chance = random.Random(5)
    tools = [
        Tool(
            tool="optimist",
            trial=number,
            seconds=1.0,
            latency_s=math.exp(chance.gauss(0, 0.1)),
            half_width=0.01,
        )
        for number in range(200)
    ]
    judged = Judged([trial(number) for number in range(3)])
    row = coverage(judged, tools)[-1]
    assert row[0].startswith("optimist")
    assert row[1] == "±1.00%"
    assert float(row[2].split("%")[0]) < 15
    assert float(row[3]) > 10


def test_the_page_says_what_was_measured_and_how_to_repeat_it() -> None:
    """Every table is there, and the peaks meet the live sets that were counted by hand."""
    from cspbench.catalogue import ENTRIES
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.tensor_peak import tensor_peak
    from cspbench.plan.case import make_case

    peaks = {}
    for entry in ENTRIES.values():
        case = make_case(entry, {})
        peaks[case.key] = tensor_peak(BuiltSubject(case)).peak_tensor_bytes
    assert set(HAND_COUNTED) <= set(ENTRIES)
    results = Results(
        about={
            "environment": {"device": "a processor", "packages": {"torch": "2.13"}},
            "settings": {"threads": 2, "launches": 12, "turns": 30},
            "git": {"commit": "0123456789abcdef", "dirty": False},
            "trials": 3,
        },
        trials=[trial(number) for number in range(3)],
        tools=[
            Tool(
                tool=ADAPTIVE,
                trial=number,
                seconds=5.0,
                latency_s=4e-3,
                half_width=0.01,
            )
            for number in range(3)
        ],
        overhead=Overhead(seconds=2e-6),
        peaks=[Peaks(process=number, real=peaks, fake=peaks) for number in range(2)],
    )
    text = page(results)
    for title in ("False alarms", "Verdicts in turns", "Intervals", "Time", "Memory"):
        assert title in text
    assert "code         commit 0123456789ab\n" in text
    assert "repeat       make fidelity\n" in text
    assert "0.200%" in text  # 2 µs of 1 ms
    assert text.count("| 0 bytes |") == 2


def test_a_planted_change_is_more_work_and_the_same_result() -> None:
    """Five more convolutions add their MACs and parameters, and not one digit to the output."""
    import torch
    from trust.trials import COMMON, ROWS, planted_block

    from cspbench.measures.counts import count
    from cspbench.measures.execution.subject import BuiltSubject

    by_key = {case.key: case for case in cases()}
    macs = {key: count(BuiltSubject(case)).macs for key, case in by_key.items()}
    assert {macs[key] for key in COPIES} == {macs["A1"]}
    assert macs["5 more"] - macs["A1"] == 5 * 64 * 64 * ROWS * 28
    torch.manual_seed(0)
    block = planted_block(extra=COMMON).eval()
    wider_block = planted_block(extra=COMMON + 5).eval()
    wider_block.load_state_dict(block.state_dict(), strict=False)
    x = torch.randn(1, 64, 28, 28)
    with torch.no_grad():
        assert torch.equal(block(x), wider_block(x))
