"""The doctor: the noise floor from A/A launches, its grade, and what is kept and printed."""

import json
import math
import random
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import CEILINGS, SETTINGS, make_activity

from cspbench import cli
from cspbench.engine import isolate
from cspbench.engine.doctor import diagnose
from cspbench.engine.launch_plan import LaunchPlan
from cspbench.errors import CspbenchError
from cspbench.machine import ceilings, noise_floor
from cspbench.plan.case import Case
from cspbench.records.diagnosis import Diagnosis, Finding
from cspbench.records.lines import YARDSTICK, CaseFailure, Latency, Launch, Line
from cspbench.records.machine import NoiseFloor
from cspbench.records.run import Settings
from cspbench.report.diagnosis import plain_values, text
from cspbench.verdicts.stats import half_width

DEFAULTS = msgspec.structs.replace(SETTINGS, launches=6, turns=10)


def launch_lines(
    number: int,
    cases: tuple[Case, ...],
    chance: random.Random,
    *,
    spread: float,
    taken: float,
    yardstick_s: float,
) -> list[Line]:
    """A launch in which each copy has a level of its own that differs by ``spread``."""
    lines: list[Line] = []
    for key in (*(case.key for case in cases), YARDSTICK):
        level_s = yardstick_s if key == YARDSTICK else 5e-3 * math.exp(chance.gauss(0, spread))
        lines.append(
            Latency(
                case=key,
                launch=number,
                samples_s=(level_s,) * 10,
                iterations=1,
                first_call_s=1.0,
                warmup_iterations=8,
                steady=True,
            )
        )
    keys = tuple(case.key for case in cases)
    return [
        *lines,
        Launch(
            launch=number,
            cases=keys,
            seed=number,
            threads=1,
            allocator="pinned",
            activity=make_activity(taken),
            seconds=1.0,
        ),
    ]


class FakeLaunches:
    """In place of `isolate.run`: launches of a machine with a known spread."""

    def __init__(
        self,
        *,
        spread: float = 0.01,
        taken: float = 0.0,
        fails: bool = False,
        incomplete: Collection[int] = (),
        yardsticks_s: tuple[float, float] = (1e-3, 1e-3),
    ) -> None:
        self.numbers: list[int] = []
        self.plan: LaunchPlan | None = None
        self.before_launch: Callable[[], None] = lambda: None
        self._incomplete = incomplete
        self._yardsticks_s = yardsticks_s
        self._spread, self._taken, self._fails = spread, taken, fails
        self._chance = random.Random(1)

    def __call__(
        self,
        task: str,
        number: int,
        cases: tuple[Case, ...],
        settings: Settings,
        plan: LaunchPlan,
        *_: object,
        receive: Callable[[Any], None],
        **_options: object,
    ) -> isolate.Exit | None:
        self.before_launch()
        self.numbers.append(number)
        self.plan = plan
        cases = cases[: 2 if number in self._incomplete else None]
        if self._fails:
            receive(
                CaseFailure(case=cases[0].key, stage="latency", cause="raised", reason="no room")
            )
        for line in launch_lines(
            number,
            cases,
            self._chance,
            spread=self._spread,
            taken=self._taken,
            yardstick_s=self._yardsticks_s[number % 2],
        ):
            receive(line)
        return None


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeLaunches]:
    """Puts fake launches in place of the real ones, and a machine without findings."""

    def install(**options: Any) -> FakeLaunches:
        fake = FakeLaunches(**options)
        monkeypatch.setattr(isolate, "run", fake)
        finding = Finding(name="load", level="good", text="none")
        monkeypatch.setattr("cspbench.machine.health.findings", lambda **_: (finding,))
        monkeypatch.setattr("cspbench.engine.doctor.measure_ceilings", lambda *_: CEILINGS)
        return fake

    return install


def diagnosis_and_messages() -> tuple[Diagnosis, list[str]]:
    messages: list[str] = []
    return diagnose(DEFAULTS, (), messages.append, lambda _: None), messages


def floor_of(diagnosis: Diagnosis) -> NoiseFloor:
    assert diagnosis.floor is not None
    return diagnosis.floor


def test_the_floor_is_the_spread_that_identical_copies_show(
    launches: Callable[..., FakeLaunches],
) -> None:
    """Copies of 1% each: their ratio spreads by 1.4%, and theirs to the yardstick by 1%."""
    floors = []
    for seed in range(40):
        fake = launches(spread=0.01)
        fake._chance.seed(seed)
        floors.append(floor_of(diagnosis_and_messages()[0]))
    in_turns = [floor.in_turns["infer"] ** 2 for floor in floors]
    between = [floor.between_runs["train"] ** 2 for floor in floors]
    assert math.sqrt(sum(in_turns) / 40) == pytest.approx(0.01 * math.sqrt(2), rel=0.1)
    assert math.sqrt(sum(between) / 40) == pytest.approx(0.01, rel=0.1)


def test_the_floor_between_runs_is_that_of_launches_in_a_like_state(
    launches: Callable[..., FakeLaunches],
) -> None:
    """In every other launch the yardstick alone takes 1.4 times as long: no noise of the copies."""
    launches(spread=0.01, yardsticks_s=(1e-3, 1.4e-3))
    floor = floor_of(diagnosis_and_messages()[0])
    assert 0.005 < floor.between_runs["infer"] < 0.02
    assert 0.005 < floor.between_runs["train"] < 0.02


@pytest.mark.parametrize(("spread", "grade"), [(0.001, "good"), (0.01, "fair"), (0.1, "poor")])
def test_the_grade_follows_the_noise(
    launches: Callable[..., FakeLaunches], spread: float, grade: str
) -> None:
    """Below 1% good, below 3% fair, in turns at default settings; the worst finding decides."""
    launches(spread=spread)
    assert diagnosis_and_messages()[0].grade == grade


def test_the_floor_is_kept_for_later_runs(launches: Callable[..., FakeLaunches]) -> None:
    """What a run on this machine loads is what was measured."""
    launches()
    diagnosis, messages = diagnosis_and_messages()
    assert noise_floor.load(floor_of(diagnosis).machine, DEFAULTS) == diagnosis.floor
    assert messages[0] == "checking the machine"
    assert messages[-1] == "noise floor, launch 6 of 6: copies of dense take turns"


def test_a_state_folder_that_cannot_be_written_is_said_at_once(
    launches: Callable[..., FakeLaunches], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a minute of measuring, which would be lost."""
    (tmp_path / "state").write_text("a file")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fake = launches()
    with pytest.raises(CspbenchError, match=r"cannot store the noise floor in .*: Not a directory"):
        diagnosis_and_messages()
    assert not fake.numbers


def test_the_doctor_stops_in_time_on_a_slow_machine(
    launches: Callable[..., FakeLaunches], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Launches of 14 s: a fourth would end after 45 s, so three have to do."""
    now = [0.0]

    def clock() -> float:
        now[0] += 7.0  # a launch reads it twice
        return now[0]

    fake = launches()
    monkeypatch.setattr("cspbench.engine.aa_launches.time.monotonic", clock)
    diagnosis, messages = diagnosis_and_messages()
    assert fake.numbers == [1, 2, 3]
    assert floor_of(diagnosis).launches == 3
    assert diagnosis.launches == 6  # of the runs whose noise is stated
    assert diagnosis.in_turns["infer"] == half_width(floor_of(diagnosis).in_turns["infer"], 6)
    assert messages[-1] == "the time is up after 3 launches"


def test_contended_launches_are_a_finding_of_their_own(
    launches: Callable[..., FakeLaunches],
) -> None:
    """Others took 20% in every launch: poor, with what to do."""
    launches(spread=0.001, taken=0.2)
    diagnosis, _ = diagnosis_and_messages()
    contention = next(finding for finding in diagnosis.findings if finding.name == "contention")
    assert (contention.level, diagnosis.grade) == ("poor", "poor")
    assert "6 of 6 launches contended" in contention.text
    assert contention.remedy


def test_the_floor_of_a_busy_machine_does_not_replace_that_of_a_quiet_one(
    launches: Callable[..., FakeLaunches],
) -> None:
    """It would hide real changes from every later verdict."""
    launches(spread=0.001)
    quiet, _ = diagnosis_and_messages()
    launches(spread=0.2, taken=0.2)
    busy, _ = diagnosis_and_messages()
    assert noise_floor.load(floor_of(quiet).machine, DEFAULTS) == quiet.floor
    assert (quiet.is_kept, busy.is_kept) == (True, False)
    assert "is not kept, as most launches were contended" in text(busy)
    assert plain_values(busy.findings, busy)["is_kept"] is False


def test_ceilings_are_kept_and_printed_with_the_floor(
    launches: Callable[..., FakeLaunches], capsys: pytest.CaptureFixture[str]
) -> None:
    """The highest rate of two launches, and how far they differ; not those of a busy machine."""
    launches(taken=0.2)
    assert diagnosis_and_messages()[0].ceilings == CEILINGS
    assert ceilings.load("here", "cpu", 1, "2.13.0") is None
    launches(spread=0.001)
    assert cli.main(["doctor", "--threads", "1"]) == 0
    assert ceilings.load("here", "cpu", 1, "2.13.0") == CEILINGS
    page = capsys.readouterr().out
    table = page[page.index("Ceilings of cpu") : page.index("The noise floor is kept")]
    assert (
        table
        == """\
Ceilings of cpu with 1 thread, the highest of 2 launches
+-----------+-----------------+--------------+-----------+
|           | matrix products | convolutions |  best two |
| precision |       [GFLOP/s] |    [GFLOP/s] | differ by |
+-----------+-----------------+--------------+-----------+
| fp32      |             100 |         80.0 |        5% |
| bf16      |             400 |          300 |        0% |
+-----------+-----------------+--------------+-----------+
+--------+----------+--------+--------+--------+-----------+
|        |          |   copy |  triad |    sum |  best two |
| level  |    holds | [GB/s] | [GB/s] | [GB/s] | differ by |
+--------+----------+--------+--------+--------+-----------+
| L2     | 1.00 MiB |   80.0 |    100 |   90.0 |        2% |
| memory |          |   8.00 |   10.0 |   9.00 |        0% |
+--------+----------+--------+--------+--------+-----------+

"""
    )
    assert "So are the ceilings" in " ".join(page.split())


def test_ceilings_that_cannot_be_measured_are_said(
    launches: Callable[..., FakeLaunches], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The noise floor is kept all the same."""
    launches(spread=0.001)

    def fail(*_: object) -> None:
        raise CspbenchError("cannot measure the ceilings: no room")

    monkeypatch.setattr("cspbench.engine.doctor.measure_ceilings", fail)
    diagnosis, messages = diagnosis_and_messages()
    assert messages[-1] == "cannot measure the ceilings: no room"
    assert (diagnosis.ceilings, diagnosis.is_kept) == (None, True)
    assert "eilings" not in text(diagnosis)
    assert plain_values(diagnosis.findings, diagnosis)["ceilings"] is None


def test_a_launch_that_fails_is_one_clear_line(launches: Callable[..., FakeLaunches]) -> None:
    """No floor is made up."""
    launches(fails=True)
    with pytest.raises(CspbenchError, match="cannot measure the noise floor: no room"):
        diagnosis_and_messages()


def test_findings_are_printed_as_they_are_made_then_the_conclusion_and_the_remedies(
    launches: Callable[..., FakeLaunches], capsys: pytest.CaptureFixture[str]
) -> None:
    """The cheap ones before the first launch; no terminal, so 80 columns."""
    fake = launches(spread=0.02)
    printed: list[str] = []
    fake.before_launch = lambda: printed.append(capsys.readouterr().out)
    assert cli.main(["doctor", "--threads", "1"]) == 0
    assert printed[0] == "load                 good     none\n"
    page = capsys.readouterr().out
    assert page.startswith("contention           good     0 of 6 launches contended")
    assert page.index("noise, in turns") < page.index("This machine is fair to measure on")
    assert page.index("6 launches") < page.index("How to fix it") < page.index("The noise floor is")
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_interrupt_keeps_what_was_found(
    launches: Callable[..., FakeLaunches], capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """Exit code 130; in JSON all that is not known is null."""
    fake = launches()

    def interrupt() -> None:
        raise KeyboardInterrupt

    fake.before_launch = interrupt
    assert cli.main(["doctor", "--threads", "1", *options]) == 130
    printed = capsys.readouterr()
    assert printed.err.endswith("cspbench: interrupted before the noise floor was measured\n")
    if not options:
        assert printed.out == "load                 good     none\n"
        return
    answer = json.loads(printed.out)
    assert answer.pop("findings") == [
        {"name": "load", "grade": "good", "text": "none", "remedy": ""}
    ]
    names = ("grade", "in_turns", "between_runs", "floor", "ceilings", "is_kept")
    assert answer == dict.fromkeys(names)


def test_copies_take_turns_until_their_launch_has_had_its_share(
    launches: Callable[..., FakeLaunches],
) -> None:
    """Of 45 s, less what starting takes: 6 s for each of six launches, at most 200 turns."""
    fake = launches()
    diagnosis, messages = diagnosis_and_messages()
    assert fake.plan is not None
    assert fake.plan.seconds == pytest.approx(6.0)
    assert set(fake.plan.turns.values()) == {200}
    assert floor_of(diagnosis).turns == 10  # those taken
    assert messages[1] == "noise floor: loading torch, then up to 45 s of launches"


def test_launches_that_could_not_build_every_copy_are_no_floor(
    launches: Callable[..., FakeLaunches],
) -> None:
    """One such launch is left out; if all are, the machine is too busy."""
    launches(incomplete={2})
    assert floor_of(diagnosis_and_messages()[0]).launches == 5
    launches(incomplete=set(range(1, 6)))
    diagnosis, _ = diagnosis_and_messages()
    assert (diagnosis.floor, diagnosis.grade, diagnosis.is_kept) == (None, "poor", False)
    page = text(diagnosis)
    assert page.partition("\n\n")[0].replace("\n", " ") == (
        "This machine is poor to measure on: it is too busy for its noise floor to be measured."
    )
    assert "kept" not in page
    assert plain_values(diagnosis.findings, diagnosis)["floor"] is None


def test_a_launch_that_takes_most_of_the_time_is_the_only_one(
    launches: Callable[..., FakeLaunches], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 30 s: a second would end after 45 s, however few launches there are."""
    now = [0.0]

    def clock() -> float:
        now[0] += 15.0  # a launch reads it twice
        return now[0]

    fake = launches()
    monkeypatch.setattr("cspbench.engine.aa_launches.time.monotonic", clock)
    _, messages = diagnosis_and_messages()
    assert fake.numbers == [1]
    assert messages[-1] == "the time is up after 1 launch"


def test_noise_beyond_bounds_is_said_in_a_word(launches: Callable[..., FakeLaunches]) -> None:
    """Not as millions of percent."""
    launches(spread=3.0)
    diagnosis, _ = diagnosis_and_messages()
    assert "over 100% at inference" in " ".join(text(diagnosis).split())
    noise = [finding.text for finding in diagnosis.findings if finding.name.startswith("noise")]
    assert all("over 100% in inference, over 100% in training" in words for words in noise)


def test_the_verb_prints_json_for_machines(
    launches: Callable[..., FakeLaunches], capsys: pytest.CaptureFixture[str]
) -> None:
    """The floor in it reads back as a record; progress goes to the other stream."""
    launches()
    assert cli.main(["doctor", "--threads", "1", "--json"]) == 0
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert msgspec.convert(answer["floor"], NoiseFloor).threads == 1
    assert {finding["name"] for finding in answer["findings"]} >= {"load", "noise, in turns"}
    assert "launch 1 of 6" in printed.err
