"""The progress display: a line every 10 s in a log, a bar and running estimates on a terminal."""

import io
import re
from collections.abc import Sequence

import msgspec
from factories import SETTINGS, make_case, make_info, make_latency, make_launch

from cspbench.cli.progress import LiveProgress, PlainProgress
from cspbench.cli.terminal import SteadyStream
from cspbench.engine.launch_plan import LaunchPosition
from cspbench.records.assembly import assemble
from cspbench.records.lines import CaseFailure, Line
from cspbench.records.run import Run

GOOD, BAD = make_case("Good"), make_case("Raises")
INFO = make_info(GOOD, BAD, settings=msgspec.structs.replace(SETTINGS, launches=6))
FAILURE = CaseFailure(case=BAD.key, stage="counts", cause="raised", reason="RuntimeError: no")


def run_with(launches: int) -> Run:
    lines: list[Line] = [FAILURE]
    for number in range(1, launches + 1):
        lines += [make_latency(GOOD, number, 0.002, 0.002), make_launch(number, GOOD)]
    return assemble(make_info(GOOD, BAD), lines)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Log:
    """A plain display, its clock, and the lines that it has printed."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.clock = Clock()
        self.progress = PlainProgress(SteadyStream(self._stream), self.clock)
        self.progress.began(INFO)

    @property
    def lines(self) -> list[str]:
        """The lines after that of the plan."""
        return self._stream.getvalue().splitlines()[1:]


def test_a_log_says_what_is_done_left_and_decided_every_ten_seconds() -> None:
    """Launches of 4 s: the third and the sixth get a line, which speaks for those before it."""
    log = Log()
    for number in range(1, 7):
        log.progress.launch_started(number, 6, 1, None if number == 1 else 4.0 * (7 - number))
        log.clock.now += 4.0
        log.progress.launch_ended(number, run_with(number))
    log.progress.close()
    assert log.lines == [
        "latency: 1 case takes its turns",
        "latency: 3 of 6 launches done; about 12 s left; widest interval ±0.0%",
        "latency: 6 of 6 launches done; widest interval ±0.0%",
    ]


def test_a_log_of_cases_has_the_first_the_last_and_one_every_ten_seconds() -> None:
    """Twenty cases of 3 s; a case that fails has its line whenever that happens."""
    log = Log()
    for number in range(1, 21):
        log.clock.now += 3.0
        case, lines = (BAD, [FAILURE]) if number == 3 else (GOOD, [])
        log.progress.case_measured(number, 20, case, lines)
    numbers = [re.findall(r"case (\d+) of 20", line)[0] for line in log.lines]
    assert numbers == ["1", "3", "7", "11", "15", "19", "20"]
    assert log.lines[1] == (
        "counted case 3 of 20: Raises, infer: FAILED (raised): RuntimeError: no; about 51 s left"
    )


def test_the_first_launch_is_said_right_after_the_last_case() -> None:
    """A phase does not wait for the interval of the one before."""
    log = Log()
    log.progress.case_measured(1, 1, GOOD, [])
    log.progress.launch_started(1, None, 2, 60.0)
    log.progress.launch_ended(1, run_with(1))
    assert log.lines[1:] == ["latency: 2 cases take turns; about 1 min 0 s left"]


def test_failed_launches_are_said_at_once_and_time_spent_where_none_is_known_to_be_left() -> None:
    """The failure does not put off the next line."""
    log = Log()
    log.progress.launch_started(1, 6, 1, None)
    log.clock.now += 5.0
    log.progress.launch_failed(1, "out of\nmemory")
    log.clock.now += 5.0
    log.progress.launch_ended(1, run_with(1))
    assert log.lines[1:] == [
        "latency: launch 1 failed and does not count: out of memory",
        "latency: 1 of 6 launches done; 10 s spent; widest interval not yet known",
    ]


JUDGED = tuple(make_case(name, reference="A infer") for name in ("A", "Twin", "Noisy"))


def judged(launches: int, *, taken: Sequence[float] = ()) -> Run:
    """A reference, its twin and a noisy case; others took shares of some launches."""
    reference, *others = cases = JUDGED
    lines: list[Line] = []
    for number in range(1, launches + 1):
        lines += [make_latency(reference, number, 1e-3), make_latency(others[0], number, 1e-3)]
        lines += [make_latency(others[1], number, 1e-3 * 1.3 ** (number % 2))]
        share = taken[number - 1] if number <= len(taken) else 0.0
        lines += [make_launch(number, *cases, taken=share)]
    return assemble(make_info(*cases), lines)


def test_a_log_says_why_the_number_of_launches_grows_and_counts_decided_cases() -> None:
    """Two of the first three launches were contended and are made again."""
    log = Log()
    log.progress.launch_started(3, 6, 3, 30.0)
    log.clock.now += 10.0
    log.progress.launch_started(4, 8, 3, 20.0)
    log.progress.launch_ended(3, judged(6, taken=(0.3, 0.0, 0.2)))
    assert log.lines[1] == (
        "latency: 3 of 8 launches done, 2 added to repeat contended ones, 2 contended; "
        "about 20 s left; 1 of 2 cases decided"
    )


def test_a_terminal_gets_a_bar_and_the_estimates_and_is_left_clean() -> None:
    """Markup in a label is no markup; the cursor is shown again."""
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    progress = LiveProgress(SteadyStream(stream))
    progress.began(INFO)
    progress.case_measured(1, 2, GOOD, [])
    progress.launch_started(1, 6, 1, 12.0)
    progress.launch_ended(1, run_with(2))
    progress.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "[1/2] Good, infer" in text
    assert "latency: 0 of 6 launches done; 1 case takes its turns, about 12 s left" in text
    assert "case 1 of 2: Good, infer: 2 ms ±0.0%" in text
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_a_terminal_keeps_what_disturbed_the_last_launch_and_the_running_total() -> None:
    """Also while the next launch runs; who watches learns why there are more launches."""
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    progress = LiveProgress(SteadyStream(stream))
    progress.began(make_info(*JUDGED))
    progress.launch_started(3, 6, 3, None)
    progress.launch_ended(3, judged(3, taken=(0.0, 0.3, 0.2)))
    stream.truncate(0)
    progress.launch_started(4, 8, 3, 12.0)
    progress.close()
    text = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).split())
    assert "3 of 8 launches done, 2 added to repeat contended ones, 2 contended; 3 cases" in text
    assert "the last launch was contended: other processes took 20% of its processor time" in text


def test_an_interval_that_says_nothing_is_not_shown_as_a_number() -> None:
    """Two launches of 1 and 2 ms span powers of ten; six of them are noise."""
    lines: list[Line] = []
    texts = []
    for number in range(1, 7):
        lines += [make_latency(GOOD, number, 1e-3 * 5 ** (number % 2)), make_launch(number, GOOD)]
        log = Log()
        log.progress.launch_started(number, 6, 1, None)
        log.clock.now += 10.0
        log.progress.launch_ended(number, assemble(make_info(GOOD, BAD), lines))
        texts.append(log.lines[-1].rpartition("widest interval ")[2])
    assert texts[1] == "not yet known"
    assert texts[5] == "too noisy to tell"


def test_a_long_launch_moves() -> None:
    """In a log by a line every 10 s, on a terminal in place."""
    position = LaunchPosition(phase="turns taken", done=40, total=186)
    log = Log()
    log.progress.launch_started(3, None, 1, 60.0)
    for seconds in (4.0, 6.0, 2.0):
        log.clock.now += seconds
        log.progress.launch_moved(3, position)
    assert log.lines[1:] == ["latency: launch 3: 40 of 186 turns taken; about 50 s left"]
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    live = LiveProgress(SteadyStream(stream))
    live.began(INFO)
    live.launch_started(3, 6, 1, None)
    live.launch_moved(3, position)
    live.close()
    assert "2 of 6 launches done; launch 3: 40 of 186 turns taken" in stream.getvalue()
