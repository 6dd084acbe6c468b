"""The split between launches and turns: by simulation with known variances, and its bounds."""

import math
import random
from statistics import fmean

import msgspec
import pytest
from factories import SETTINGS, make_activity, make_case, make_info

from cspbench.engine.split import Cost, best_turns, costs, plan
from cspbench.plan.case import Case
from cspbench.records.assembly import assemble
from cspbench.records.lines import YARDSTICK, Latency, Launch, Line
from cspbench.records.run import Run
from cspbench.verdicts.turns import Variances, log_ratio

REFERENCE = make_case("Good", reference="Good infer")


def cases(*names: str) -> tuple[Case, ...]:
    """The reference and cases that are compared with it."""
    others = [msgspec.structs.replace(REFERENCE, key=name, label=name) for name in names]
    return (REFERENCE, *others)


def latency(key: str, launch: int, samples: list[float], **fields: object) -> Latency:
    line = Latency(
        case=key,
        launch=launch,
        samples_s=tuple(samples),
        iterations=1,
        first_call_s=1.0,
        warmup_iterations=8,
        steady=True,
    )
    return msgspec.structs.replace(line, **fields)


def launch_lines(
    chance: random.Random,
    number: int,
    group: tuple[Case, ...],
    turns: dict[str, int],
    *,
    call_s: float = 2e-3,
    overhead_s: float = 0.3,
    deviations: dict[str, tuple[float, float]],
) -> list[Line]:
    """A launch of calls of ``call_s``, with deviations within and between launches by case."""
    lines: list[Line] = []
    for case in group:
        within, between = deviations.get(case.key, (0.0, 0.0))
        level = call_s * math.exp(chance.gauss(0, between))
        samples = [level * math.exp(chance.gauss(0, within)) for _ in range(turns[case.key])]
        lines.append(latency(case.key, number, samples))
    wall_s = sum(2 * call_s * turns[case.key] for case in group)
    lines.append(
        Launch(
            launch=number,
            cases=tuple(case.key for case in group),
            seed=1,
            threads=1,
            allocator="pinned",
            activity=msgspec.structs.replace(make_activity(), wall_s=wall_s),
            seconds=overhead_s + wall_s,
        )
    )
    return lines


def simulated(
    group: tuple[Case, ...],
    launches: int,
    *,
    seed: int = 0,
    budget_s: float = 60.0,
    **options: object,
) -> Run:
    """A run whose launches have the turns that `plan` gives them."""
    settings = msgspec.structs.replace(SETTINGS, turns=None, launches=6, budget_s=budget_s)
    info = make_info(*group, settings=settings)
    chance, lines = random.Random(seed), list[Line]()
    for number in range(1, launches + 1):
        turns = dict(plan(assemble(info, lines), group).turns)
        lines += launch_lines(chance, number, group, turns, **options)  # type: ignore[arg-type]
    return assemble(info, lines)


def price(turns: float, variances: Variances, cost: Cost) -> float:
    """The time of a launch times the variance of its ratio, which a split is to make small."""
    return (cost.launch_s + turns * cost.turn_s) * variances.of_launch(turns)


def variance_of_turns(within: float) -> float:
    """The variance of a launch's ratio, times its turns, by 1500 launches of 100."""
    chance = random.Random(9)
    logs = []
    for _ in range(1500):
        samples = [math.exp(chance.gauss(0, within)) for _ in range(100)]
        logs.append(log_ratio(samples, [1.0] * 100))
    return 100 * fmean(log**2 for log in logs)


@pytest.mark.parametrize(
    ("within", "between"), [(0.08, 0.008), (0.05, 0.01), (0.1, 0.02), (0.03, 0.003)]
)
def test_the_split_is_within_a_fifth_of_the_best(within: float, between: float) -> None:
    """20 runs of 12 launches with known variances: the mean price of the last split, by the truth.

    The best is searched for, not taken from the formula.
    """
    group = cases("a")
    variances = Variances(within=variance_of_turns(within), between=between**2)
    cost = Cost(launch_s=0.3, turn_s=8e-3)  # of the case and its reference
    best = min(price(turns, variances, cost) for turns in range(1, 2000))
    prices = []
    for seed in range(20):
        run = simulated(group, 12, seed=seed, deviations={"a": (within, between)})
        prices.append(price(len(run.records[1].latencies[-1].samples_s), variances, cost))
    assert fmean(prices) < 1.2 * best


def test_each_case_gets_the_turns_of_its_own_variances() -> None:
    """B varies more from launch to launch, so that turns help it less; the reference takes all."""
    group = cases("a", "b")
    run = simulated(group, 8, deviations={"a": (0.08, 0.004), "b": (0.08, 0.04)})
    turns = dict(plan(run, group).turns)
    assert turns["b"] < turns["a"] / 3
    assert turns["Good infer"] == turns["a"]
    assert turns[YARDSTICK] == turns["a"]


def test_the_first_launch_has_ten_turns() -> None:
    """Nothing is known by then."""
    group = cases("a")
    run = assemble(make_info(*group, settings=msgspec.structs.replace(SETTINGS, turns=None)), [])
    assert set(plan(run, group).turns.values()) == {10}


def test_turns_that_are_asked_for_are_taken() -> None:
    """Whatever the variances say."""
    group = cases("a")
    run = simulated(group, 8, deviations={"a": (0.08, 0.004)})
    settings = msgspec.structs.replace(run.info.settings, turns=33)
    run = msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, settings=settings))
    assert set(plan(run, group).turns.values()) == {33}


@pytest.mark.parametrize(("budget_s", "limit_s"), [(60.0, 1.5), (6.0, 0.6), (400.0, 10.0)])
def test_the_turns_of_a_launch_take_a_share_of_the_budget(budget_s: float, limit_s: float) -> None:
    """A fortieth, or twice what comes before them, at most a tenth: launches that all agree."""
    group = cases("a")
    run = simulated(group, 8, budget_s=budget_s, deviations={"a": (0.08, 0.0)})
    turns = plan(run, group).turns
    seconds = sum(turns[case.key] * 2 * 2e-3 for case in group)
    assert seconds == pytest.approx(limit_s, rel=0.03)


def test_a_budget_that_is_short_of_ten_turns_has_fewer() -> None:
    """Calls of 0.2 s and 6 s: three turns a launch, so that several launches can be made."""
    group = cases("a", "b")
    run = simulated(group, 1, budget_s=6.0, call_s=0.2, deviations={})
    assert set(plan(run, group).turns.values()) == {3}


def test_a_launch_is_planned_for_what_is_left_and_ends_with_it() -> None:
    """0.3 s of 0.8 go to what comes before the turns, each of which takes 8 ms."""
    group = cases("a")
    run = simulated(group, 8, deviations={"a": (0.08, 0.0)})
    launch_plan = plan(run, group, 0.8)
    assert launch_plan.seconds == 0.8
    assert launch_plan.turns["a"] == pytest.approx(0.5 / 8e-3, abs=1)


def test_the_yardstick_takes_no_more_turns_than_it_is_needed_for() -> None:
    """Two revisions in turns are compared without it."""
    group = cases("a", "b")
    run = simulated(group, 8, deviations={"a": (0.08, 0.004), "b": (0.08, 0.04)})
    revisions = {"baseline": "x", "candidate": "y"}
    info = msgspec.structs.replace(run.info, revisions=revisions)
    turns = plan(msgspec.structs.replace(run, info=info), group).turns
    assert turns[YARDSTICK] == turns["b"] < turns["a"]


def test_what_a_steady_launch_has_calibrated_holds_for_the_next() -> None:
    """Not where its warm-up ended at its cap."""
    group = cases("a")
    lines: list[Line] = [
        latency("Good infer", 1, [1.0], iterations=8),
        latency("a", 1, [1.0], iterations=4, steady=False),
        latency(YARDSTICK, 1, [1.0], iterations=2),
    ]
    closing = launch_lines(random.Random(0), 1, group, {"Good infer": 1, "a": 1}, deviations={})
    run = assemble(make_info(*group, settings=SETTINGS), [*lines, closing[-1]])
    assert plan(run, group).iterations == {"Good infer": 8, YARDSTICK: 2}


def test_a_case_without_a_reference_is_split_by_its_own_times() -> None:
    """Its latency is all that there is to know."""
    alone = (msgspec.structs.replace(REFERENCE, reference=None),)
    key = alone[0].key
    steady = simulated(alone, 8, deviations={key: (0.08, 0.002)})
    unsteady = simulated(alone, 8, deviations={key: (0.08, 0.08)})
    assert plan(steady, alone).turns[key] > 3 * plan(unsteady, alone).turns[key]


def test_a_cost_is_that_of_the_last_launch() -> None:
    """Half of 0.3 s before the turns; turns of twice 2 ms. Launches that agree: endless turns."""
    group = cases("a")
    run = simulated(group, 2, deviations={})
    cost = costs(run)["a"]
    assert cost.launch_s == pytest.approx(0.15)
    assert cost.turn_s == pytest.approx(4e-3)
    assert cost.least_s == pytest.approx(0.19)
    half = cost.with_share(costs(run)["Good infer"], 2)
    assert half.launch_s == pytest.approx(0.225)
    assert half.turn_s == pytest.approx(6e-3)
    assert best_turns(Variances(within=1.0, between=0.0), cost) == math.inf
