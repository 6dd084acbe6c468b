"""The benchmark of the benchmark, on made-up results: order, trials, rules, resuming, the page."""

import json
import math
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from factories import make_case, make_info, make_latency, make_launch
from trust import commands, measuring, time_figures, tools, trials, verdict_figures
from trust.lines import (
    LINES,
    About,
    AnyLine,
    Code,
    Defaults,
    Failed,
    InTurns,
    Keeper,
    Overhead,
    Peaks,
    Results,
    RunTrial,
    Sampling,
    Tool,
    Verdict,
    Widths,
    read,
    write_about,
)
from trust.own_costs import HAND_COUNTED, memory
from trust.page import page
from trust.planted import Block
from trust.rules import RULES, clear_gap, median_intervals, smaller_noise
from trust.schedule import COMPARED, CYCLES, Cell, cells
from trust.sizes import SIZES_MS, Size, pixels_by_change
from trust.wording import half_width_text

from cspbench.records.assembly import assemble
from cspbench.records.lines import Line
from cspbench.records.run import Run


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
    assert RULES[name](side(1.2, seed=1), baseline)
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
    assert alarms["pooled t test, 5% (pyperf)"] > 20
    assert alarms["bootstrap, 1% (criterion)"] > 15
    assert alarms["permutation of launch medians, 5%"] < 8


@pytest.mark.parametrize(("candidate", "expected"), [(1.044, False), (1.046, True)])
def test_the_robust_rule_asks_for_a_gap_of_half_a_percent(candidate: float, expected: bool) -> None:
    """Of 1.00, 1.02, 1.04 and 1.06 the third quartile, by nvbench's rank, is 1.04."""
    baseline = [[1.00, 1.02, 1.04, 1.06]]
    assert clear_gap(baseline, [[candidate, 1.1, 1.2, 1.3]]) is expected


def test_the_first_rule_takes_the_quieter_side() -> None:
    """A change of 3% beside deviations of 1.6% and 8%."""
    quiet, loud = [[0.99, 1.01, 1.02, 0.98]], [[0.93, 1.13, 1.03, 1.03]]
    assert smaller_noise(quiet, loud)
    assert not smaller_noise(loud, [[1.02, 1.04, 1.02, 1.04]])


def test_the_rule_of_intervals_asks_for_a_factor_of_a_tenth() -> None:
    """However sure the change is."""
    assert not median_intervals(side(1.0), side(1.09, seed=1))
    assert median_intervals(side(1.0), side(1.12, seed=1))
    assert not median_intervals([[1.0, 1.1]], [[1.3, 1.4]])  # no 99% interval of two values


def test_all_repetitions_are_as_many_as_promised_and_balanced() -> None:
    """Over 200 verdicts on identical code in turns and between runs, every cell alike."""
    everything = list(cells())
    assert [cell.number for cell in everything] == list(range(len(everything)))
    ab = [cell for cell in everything if cell.kind == "ab"]
    assert sum(not cell.change for cell in ab) == 4 * CYCLES >= 200
    assert Counter(cell.busy for cell in ab) == {False: 2 * 4 * 36, True: 2 * 4 * 18}
    for busy, least in ((False, 7), (True, 3)):
        counted = Counter(
            (cell.size_ms, cell.change) for cell in ab if cell.change and cell.busy is busy
        )
        assert len(counted) == 20
        assert min(counted.values()) == least
        assert max(counted.values()) == least + 1
    changes = Counter(
        change
        for before, after in compared(everything)
        for change in [after.planted[entry] - before.planted[entry] for entry in after.planted]
    )
    assert changes[0] >= 200
    assert changes[5] + changes[-5] >= 45
    assert changes[10] + changes[-10] >= 45


def compared(everything: list[Cell]) -> Iterator[tuple[Cell, Cell]]:
    runs: dict[tuple[float, bool], list[Cell]] = {}
    for cell in everything:
        if cell.kind == "run":
            of_kind = runs.setdefault((cell.size_ms, cell.busy), [])
            assert cell.ordinal == len(of_kind)
            yield from ((before, cell) for before in of_kind[-COMPARED:])
            of_kind.append(cell)


def test_a_cycle_has_every_size_with_identical_code_and_with_a_change() -> None:
    """Two runs that can be compared, too, and the other tools in every second one."""
    idle, busy = list(cells(1)), list(cells(3))[-11:]
    for cycle in (idle, busy):
        assert [cell.kind for cell in cycle] == [*["ab"] * 8, *["run"] * 2, "tools"]
        ab = [cell for cell in cycle if cell.kind == "ab"]
        assert Counter(cell.size_ms for cell in ab if cell.change) == dict.fromkeys(SIZES_MS, 1)
        assert Counter(cell.size_ms for cell in ab if not cell.change) == dict.fromkeys(SIZES_MS, 1)
        assert [cell.ordinal for cell in cycle if cell.kind == "run"] == [0, 1]
    assert not any(cell.busy for cell in idle)
    assert all(cell.busy for cell in busy if cell.kind != "tools")
    assert len(list(cells(2))) == 21


SIZE = Size(
    size_ms=2.0,
    channels=4,
    side=8,
    depth=2,
    expansion=8,
    pixels={0: 4, 1: 8, 2: 16, 3: 24, 5: 32, 10: 64},
    latency_s=2e-3,
)


def test_pixels_are_interpolated_to_the_aimed_time() -> None:
    """8 µs at 16 pixels and 1 µs for each four more: 1% of 1 ms is 10 µs, 40 pixels more."""
    pixels = pixels_by_change([16, 56, 256], [8e-6, 18e-6, 68e-6], 1e-3)
    assert pixels == {0: 16, 1: 56, 2: 96, 3: 136, 5: 216, 10: 256}


def test_a_planted_change_is_more_work_and_the_same_result() -> None:
    """The pixels of the further convolution add its MACs, and not one digit to the output."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    block = Block(channels=4, depth=2, expansion=8, pixels=4).eval()
    more = Block(channels=4, depth=2, expansion=8, pixels=64).eval()
    more.load_state_dict(block.state_dict())
    x = torch.randn(1, 4, 8, 8)
    flops = []
    with torch.no_grad():
        for module in (block, more):
            with FlopCounterMode(display=False) as counter:
                module(x)
            flops.append(counter.get_total_flops())
        assert torch.equal(block(x), more(x))
    assert flops[1] - flops[0] == 2 * 4 * 32 * (64 - 4)


@pytest.mark.parametrize(("change", "pixels"), [(0, (4, 4)), (5, (4, 32))])
def test_a_repository_has_two_commits_of_one_model_file(
    tmp_path: Path, change: int, pixels: tuple[int, int]
) -> None:
    """That of identical code differs in a comment; both build the block."""
    repository = tmp_path / "repository"
    commands.make_repository(repository, SIZE, change)
    built, texts = [], []
    for revision in ("HEAD~1", "HEAD"):
        text = subprocess.run(
            ["git", "show", f"{revision}:models.py"],
            cwd=repository,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        names: dict[str, Callable[[], Block]] = {}
        exec(text, names)
        texts.append(text)
        built.append(names["block"]().pixels)
    assert tuple(built) == pixels
    assert texts[0] != texts[1]


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    """With its exit code; the user's state is out of reach."""
    with pytest.raises(commands.CommandError, match=r"show ended with exit code 2: .*no-such"):
        commands.command("show", "no-such-entry", folder=tmp_path)


TURNS_S = (1.000e-3, 1.001e-3, 1.003e-3)


def ab_run(*ratios: float) -> Run:
    """Two revisions in turns: one launch of a second for each ratio."""
    before, after = make_case("Good"), make_case("Good", reference="before")
    before = msgspec.structs.replace(
        before, key="before", label="models.py:block @ baseline", side="baseline"
    )
    after = msgspec.structs.replace(
        after, key="after", label="models.py:block @ candidate", side="candidate"
    )
    lines: list[Line] = []
    for launch, ratio in enumerate(ratios, start=1):
        lines += [make_latency(before, launch, *TURNS_S)]
        lines += [make_latency(after, launch, *[ratio * turn_s for turn_s in TURNS_S])]
        lines += [make_launch(launch, before, after, taken=0.3 if launch == 1 else 0.0)]
    return assemble(make_info(before, after), lines)


def test_what_a_run_spent_and_when_its_interval_was_narrow() -> None:
    """Two launches far apart, then many alike: narrow from the sixteenth second on."""
    run = ab_run(1.0, 1.05, *[1.02, 1.021] * 12)
    sampling = trials.sampling(run, 30.0)
    assert (sampling.launches, sampling.contended, sampling.turns) == (26, 1, (3, 3))
    assert (sampling.launch_s, sampling.wall_s) == (26.0, 30.0)
    reached = trials.seconds_to(run, 0.01)
    assert reached is not None
    assert 3.0 < reached < 20.0
    assert trials.seconds_to(run, 1e-6) is None
    early, final = trials.widths(trials.until(run, 5.5)), trials.widths(run)
    assert len(trials.until(run, 5.5).launches) == 5
    assert early.ratio[0] is not None
    assert final.ratio[0] is not None
    assert final.ratio[0] < early.ratio[0]
    before, after = trials.sides(run).values()
    assert before[0] == TURNS_S
    assert len(after) == 25  # the contended launch is left out, as in the verdict


def latency_change(answer: str, ratio: float) -> dict[str, object]:
    return {
        "baseline": 1e-3, "candidate": ratio * 1e-3, "ratio": ratio,
        "interval": [ratio - 0.002, ratio + 0.002], "verdict": answer, "reason": "p 0.5",
        "threshold": 0.01, "alpha": 0.005,
    }  # fmt: skip


def test_an_ab_trial_keeps_the_verdict_that_the_command_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only entry, mode, input, folder and format are given; the verdict is not made again."""
    calls = []

    def command(*arguments: str, folder: Path) -> str:
        calls.append(arguments)
        change = latency_change("worse", 1.02)
        case = {"label": "models.py:block", "measures": {"latency": change}}
        return json.dumps({"cases": [case]})

    monkeypatch.setattr(trials, "command", command)
    monkeypatch.setattr(trials, "read", lambda _: ab_run(*[1.02] * 4))
    cell = Cell(number=3, kind="ab", size_ms=2.0, change=2, busy=True)
    trial, defaults = trials.measure_in_turns(cell, SIZE, tmp_path)
    assert calls == [
        ("ab", "HEAD~1", "HEAD", "models.py:block", "--mode", "infer", "--input", "1,4,8,8",
         "--out", str(tmp_path / "out"), "--format", "json"),
    ]  # fmt: skip
    assert (trial.verdict.answer, trial.verdict.ratio, trial.verdict.change) == ("worse", 1.02, 2)
    assert trial.verdict.half_width == pytest.approx(0.002 / 1.02)
    assert trial.verdict.alarms["pooled t test, 5% (pyperf)"]
    assert not trial.verdict.alarms["7% change (torchbench)"]
    assert defaults.settings["launches"] == 1


ABOUT = About(
    environment={"device": "a processor", "packages": {"torch": "2.13"}},
    threads=2,
    sizes=tuple(msgspec.structs.replace(SIZE, size_ms=size_ms) for size_ms in SIZES_MS),
    tools={"pyperf": "2.11.0", "hyperfine, a whole process": "skipped: not on the path"},
)
CODE = Code(commit="0123456789abcdef", dirty=False)
SAMPLING = Sampling(launches=20, contended=1, turns=(10, 40), launch_s=18.0, wall_s=25.0)


def made_verdict(answer: str, ratio: float, change: float = 0) -> Verdict:
    return Verdict(
        change=change, answer=answer, reason="", ratio=ratio, low=ratio - 0.004,
        high=ratio + 0.004, threshold=0.01, alpha=0.005, alarms=dict.fromkeys(RULES, False),
    )  # fmt: skip


def in_turns(cell: Cell, answer: str, ratio: float) -> InTurns:
    return InTurns(
        cell=cell,
        sampling=SAMPLING,
        verdict=made_verdict(answer, ratio, cell.change),
        latency_s=2e-3,
        one_percent_s=12.0,
    )


def made_line(cell: Cell) -> AnyLine:
    """Changes are found from 2% on, and those of 1% are called the same on the idle machine."""
    if cell.kind == "ab":
        found = "worse" if cell.change >= 2 else "undecided" if cell.busy else "same"
        return in_turns(cell, found, 1 + cell.change / 100 + 0.001)
    if cell.kind == "run":
        return RunTrial(
            cell=cell,
            sampling=SAMPLING,
            early=Widths(latency=(0.03, 0.02, 0.04), ratio=(0.01, None)),
            final=Widths(latency=(0.02, 0.02, 0.02), ratio=(0.005, 0.006)),
            verdicts=(
                made_verdict("same", 1.0),
                made_verdict("worse", 1.05, 5.0),
                made_verdict("worse", 0.91, -9.09),
            ),
        )
    return Tool(cell=cell, tool="pyperf", seconds=60.0, value_s=2e-3, half_width=0.03)


def test_a_measurement_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is not measured again, a torn line and what failed is; time bounds it."""
    folder = tmp_path / "results"
    write_about(folder, ABOUT)
    schedule = list(cells(1))
    keeper = Keeper(folder)
    keeper.keep(Overhead(seconds=1e-6), Peaks(process=0, real={}, fake={}))
    keeper.keep(made_line(schedule[0]), Failed(cell=schedule[1], reason="killed"))
    with (folder / LINES).open("ab") as file:
        file.write(b'{"kind":"InTurns","cell":')
    measured: list[int] = []

    def measure_cell(cell: Cell, _: Path) -> list[AnyLine]:
        measured.append(cell.number)
        return [made_line(cell)]

    monkeypatch.setattr(measuring, "measure_cell", measure_cell)
    assert read(folder).failed[0].reason == "killed"
    measuring.measure(folder, schedule, limit_s=10.0)
    assert not measured  # a trial takes longer
    measuring.measure(folder, schedule[:4], limit_s=math.inf)
    assert measured == [1, 2, 3]
    results = read(folder)
    assert results.done == {0, 1, 2, 3}
    assert results.failed == ()
    assert results.in_turns[0] == made_line(schedule[0])
    assert results.about == ABOUT
    assert len(results.code) == 1


def test_a_run_is_compared_with_the_last_ones_of_its_kind_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of another size and those left on another machine are not, and older ones go."""
    folder = tmp_path / "results"
    write_about(folder, ABOUT)
    runs = [Cell(number=n, kind="run", size_ms=2.0, ordinal=n) for n in range(5)]
    other = Cell(number=9, kind="run", size_ms=0.5)
    Keeper(folder).keep(Overhead(seconds=1e-6), Peaks(process=0, real={}, fake={}))
    Keeper(folder).keep(*map(made_line, [*runs[:4], other]))
    for number in (0, 1, 3, 9):
        (folder / "runs" / str(number)).mkdir(parents=True)
    compared: list[str] = []

    def measure_run(
        cell: Cell, _: Size, __: Path, keep: Path, previous: Sequence[trials.Previous]
    ) -> tuple[AnyLine, Defaults]:
        keep.mkdir()
        compared.extend(run.folder.name for run in previous)
        return made_line(cell), Defaults(command="run", settings={})

    monkeypatch.setattr(measuring, "measure_run", measure_run)
    measuring.measure(folder, [runs[4]], limit_s=math.inf)
    assert compared == ["1", "3"]
    assert {path.name for path in (folder / "runs").iterdir()} == {"3", "4", "9"}


def test_a_command_that_fails_costs_one_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is kept."""
    write_about(tmp_path / "results", ABOUT)

    def command(*_: str, folder: Path) -> str:
        raise commands.CommandError("ab ended with exit code 3: no memory")

    monkeypatch.setattr(trials, "command", command)
    cell = next(cells(1))
    lines = measuring.measure_cell(cell, tmp_path / "results")
    assert lines == [Failed(cell=cell, reason="ab ended with exit code 3: no memory")]


def made_results(cycles: int) -> Results:
    defaults = Defaults(command="ab", settings={"budget_s": 60.0, "turns": None, "threads": 2})
    return Results.of(ABOUT, [CODE, defaults, *(made_line(cell) for cell in cells(cycles))])


def test_the_page_says_what_was_measured_and_how_to_repeat_it() -> None:
    """Every table is there, with its figures."""
    text = page(made_results(4))
    for title in ("each rule", "identical code", "planted changes", "compare", "Intervals", "Time"):
        assert title in text
    assert "code         commit 0123456789ab\n" in text
    assert "repeat       make fidelity\n" in text
    assert "trials       32 ab and 8 run of 540 in all\n" in text
    assert "skipped      hyperfine, a whole process, skipped: not on the path" in text
    assert "ab           no options: budget_s 60.0, threads 2\n" in text
    assert "contention   40 of 800 launches" in text
    assert "repeat       make fidelity FULL=1\n" in page(made_results(CYCLES))


def test_the_page_of_a_measurement_cut_off_at_once_is_made_too() -> None:
    """Nothing but the folder's beginning."""
    assert "0 ab and 0 run" in page(Results.of(ABOUT, []))


def test_the_page_of_identical_code_alone_has_no_tables_of_planted_changes() -> None:
    """They would be full of dashes."""
    trials = [made_line(cell) for cell in cells(2) if cell.purpose == "identical"]
    text = page(Results.of(ABOUT, [CODE, *trials]))
    assert "`ab` of identical code" in text
    for title in ("planted in turns", "`ab` of planted", "Wrong verdicts", "Planted changes"):
        assert title in page(made_results(2))
        assert title not in text


def test_verdicts_are_counted_by_what_was_planted() -> None:
    """Runs: 5% is found, the change back from 10% is told the wrong way, which is an alarm."""
    results = made_results(10)
    rows = {row[0]: row[1:] for row in verdict_figures.between_runs(results)}
    assert rows["identical, idle"][:2] == ("–", "0.0% of 14")
    assert rows["5%, idle"][:2] == ("100.0% of 14", "0.0% of 14")
    assert rows["10%, idle"][:2] == ("0.0% of 14", "100.0% of 14")
    planted = {row[0]: row[1:] for row in verdict_figures.planted(results)}
    assert planted["1%, idle"][2:4] == ("0.0% of 5", "100.0% of 5")
    assert planted["1%, beside a busy process"][1:3] == ("0.0% of 3", "100.0% of 3")
    assert planted["2%, idle"][:2] == ("+2.1% to +2.1%", "100.0% of 6")
    assert planted["2%, beside a busy process"][:2] == ("+2.1% to +2.1%", "100.0% of 2")
    assert verdict_figures.wrong_same(results) == "17.9% of 28"
    own, *others = verdict_figures.alarms(results)
    assert own == ("cspbench", "0.0% of 40", "0.0% of 20", "0%, 100%, 100%, 100%, 100%")
    assert {row[3] for row in others} == {"0%, 0%, 0%, 0%, 0%"}


def test_a_width_beyond_all_use_is_no_figure() -> None:
    """Beside a busy process, two launches may leave a factor of 700."""
    assert [half_width_text(width) for width in (0.0123, 700.0)] == ["±1.23%", "beyond ±100%"]


def test_a_verdict_that_is_never_reached_counts_in_the_median_time() -> None:
    """Two of five undecided: the median is a time; three of five: there is none."""
    cell = Cell(number=0, kind="ab", size_ms=2.0)

    def times(*answers: str) -> str:
        results = Results.of(ABOUT, [in_turns(cell, answer, 1.0) for answer in answers])
        return verdict_figures.identical(results)[-1][4]

    assert times("same", "same", "same", "undecided", "undecided") == "18.0"
    assert times("same", "same", "undecided", "undecided", "undecided") == "–"


def test_coverage_is_by_the_ratio_over_all_idle_trials() -> None:
    """Two of 2%, 1.010 and 1.030: the mean, 1.02, is in neither interval of ±0.39%.

    A third beside a busy process tells nothing of it.
    """
    cell = Cell(number=0, kind="ab", size_ms=2.0, change=2)
    other = msgspec.structs.replace(cell, number=1)
    busy = msgspec.structs.replace(cell, number=2, busy=True)
    ratios = {cell: 1.01, other: 1.03, busy: 2.0}
    lines = [in_turns(trial, "worse", ratio) for trial, ratio in ratios.items()]
    results = Results.of(ABOUT, [*lines])
    true_ratio = verdict_figures.true_ratio(results, 2.0, 2)
    assert true_ratio == pytest.approx(math.sqrt(1.01 * 1.03), abs=3e-4)
    assert time_figures.coverage(results) == [("2%, the mean of all trials", "±0.39%", "0.0% of 2")]


def test_a_tool_with_too_narrow_an_interval_is_told() -> None:
    """Three values 10% apart that state ±1%: only the middle one holds their mean."""
    lines: list[AnyLine] = [
        Tool(
            cell=Cell(number=number, kind="tools", size_ms=2.0),
            tool="optimist", seconds=1.0, value_s=value_s, half_width=0.01,
        )
        for number, value_s in enumerate((0.9, 1.0, 1.11))
    ]  # fmt: skip
    (row,) = time_figures.times(Results.of(ABOUT, lines))
    assert row == ("optimist, 2 ms", "1.0", "100.0% of 3", "1.0", "±1.00%", "33.3% of 3")


def test_the_tools_answers_are_read() -> None:
    """A standard deviation of pyperf and hyperfine, quartiles of pytest-benchmark."""
    runs = [
        {"metadata": {"duration": 2.0}},
        {"metadata": {"duration": 3.0}, "values": [0.9, 1.1]},
        {"metadata": {"duration": 3.0}, "values": [1.0]},
    ]
    read_pyperf = tools.TOOLS["pyperf"].read
    assert read_pyperf("", {"benchmarks": [{"runs": runs}]}) == pytest.approx((8.0, 1.0, 0.1))
    read_hyperfine = tools.TOOLS["hyperfine, a whole process"].read
    times = [0.9, 1.0, 1.1]
    first = {"results": [{"times": times}]}
    measurements = [{"time_wall_clock": {"value": time_s}} for time_s in times]
    second = {"results": [{"measurements": measurements}]}
    for answer in (first, second):
        assert read_hyperfine("", answer) == pytest.approx((3.0, 1.0, 0.1))
    stats = {"total": 1.5, "median": 2e-3, "iqr": 4e-4}
    read_pytest = tools.TOOLS["pytest-benchmark"].read
    assert read_pytest("", {"benchmarks": [{"stats": stats}]}) == pytest.approx((1.5, 2e-3, 0.1))
    read_torch = tools.TOOLS["torch adaptive_autorange"].read
    assert read_torch("[1.0, 2.0, 0.5]", None) == (1.0, 2.0, 0.5)


def test_a_tool_that_is_not_there_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program by the path, a package by what is installed."""
    monkeypatch.setenv("PATH", "/nowhere")
    versions = tools.versions()
    missing = versions["hyperfine, a whole process"]
    assert missing == "skipped: hyperfine is not on the path"
    assert tools.is_missing(missing)
    assert not tools.is_missing(versions["torch blocked_autorange"])


def test_the_peaks_meet_the_live_sets_that_were_counted_by_hand() -> None:
    """To the byte."""
    from cspbench.catalogue import ENTRIES
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.tensor_peak import tensor_peak
    from cspbench.plan.case import make_case as case_of

    peaks = {}
    for name in HAND_COUNTED:
        case = case_of(ENTRIES[name], {})
        peaks[case.key] = tensor_peak(BuiltSubject(case)).peak_tensor_bytes
    rows = memory([Peaks(process=number, real=peaks, fake=peaks) for number in range(2)])
    assert [value for _, value in rows] == ["0 bytes", "0 bytes"]


@pytest.mark.slow
def test_the_product_is_measured_by_its_own_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An `ab`, two runs and their comparison, cut short by options."""
    short = {"ab": ("--launches", "2", "--turns", "2"), "run": ("--launches", "2", "--turns", "2")}
    run_command = commands.command

    def command(*arguments: str, folder: Path) -> str:
        return run_command(*arguments, *short.get(arguments[0], ()), folder=folder)

    monkeypatch.setattr(trials, "command", command)
    folder = tmp_path / "results"
    write_about(folder, ABOUT)
    keeper = Keeper(folder)
    (ab, *_), runs = list(cells(1)), [cell for cell in cells(1) if cell.kind == "run"][:2]
    for cell in (ab, *runs):
        keeper.keep(*measuring.measure_cell(cell, folder))
    results = read(folder)
    assert results.failed == ()
    assert results.in_turns[0].sampling.launches >= 2  # contended ones are repeated
    assert results.in_turns[0].sampling.turns == (2, 2)
    assert results.in_turns[0].verdict.threshold == 0.01
    assert [defaults.command for defaults in results.defaults] == ["ab", "run"]
    first, second = results.runs
    assert first.verdicts == ()
    assert [verdict.change for verdict in second.verdicts] == [0, 5.0, 0]
    assert page(results).startswith("How far")
