"""The progress display: a line a case in a log, a bar and running estimates on a terminal."""

import io
import re

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


def test_a_log_has_one_plain_line_a_case_with_phase_count_and_estimate() -> None:
    """Case i of n, the phase, the running estimate, the time left, and a failure's reason."""
    stream = io.StringIO()
    progress = PlainProgress(SteadyStream(stream))
    progress.began(INFO)
    progress.case_measured(2, 2, BAD, [FAILURE])
    progress.launch_started(1, 6, 1, None)
    progress.launch_ended(1, run_with(1))
    progress.launch_started(2, 6, 1, 75.0)
    progress.launch_ended(2, run_with(2))
    progress.close()
    assert stream.getvalue().splitlines() == [
        "2 cases: counts and memory first, then 6 launches; loading torch",
        ("counted, case 2 of 2: Raises, infer: FAILED (raised): RuntimeError: no; done"),
        "latency, launch 1 of 6: 1 case takes its turns",
        "  launch 1, case 1 of 2: Good, infer: 2 ms",
        "latency, launch 2 of 6: 1 case takes its turns; about 1 min 15 s left",
        "  launch 2, case 1 of 2: Good, infer: 2 ms ±0.0%",
    ]


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
    assert "latency: launch 0 of 6 done; 1 case takes its turns, about 12 s left" in text
    assert "case 1 of 2: Good, infer: 2 ms ±0.0%" in text
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_a_contended_launch_is_said_at_once() -> None:
    """Who watches learns that the launch will be repeated, and why."""
    stream = io.StringIO()
    lines: list[Line] = [make_latency(GOOD, 1), make_launch(1, GOOD, taken=0.3)]
    progress = PlainProgress(SteadyStream(stream))
    progress.began(INFO)
    progress.launch_ended(1, assemble(make_info(GOOD), lines))
    line = stream.getvalue().splitlines()[1]
    assert line == "  launch 1: contended: other processes took 30% of its processor time"


def test_an_interval_that_says_nothing_is_not_shown_as_a_number() -> None:
    """Two launches of 1 and 2 ms: the interval spans many powers of ten."""
    lines: list[Line] = []
    for number, seconds in ((1, 1e-3), (2, 2e-3)):
        lines += [make_latency(GOOD, number, seconds), make_launch(number, GOOD)]
    stream = io.StringIO()
    progress = PlainProgress(SteadyStream(stream))
    progress.began(INFO)
    progress.launch_ended(2, assemble(make_info(GOOD, BAD), lines))
    assert "Good, infer: 1.41 ms, interval not yet known (2 launches)\n" in stream.getvalue()


def test_a_long_launch_moves() -> None:
    """In a log by a line, on a terminal in place."""
    position = LaunchPosition(phase="turns taken", done=40, total=186)
    stream = io.StringIO()
    PlainProgress(SteadyStream(stream)).launch_moved(3, position)
    assert stream.getvalue() == "  launch 3: 40 of 186 turns taken\n"
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    live = LiveProgress(SteadyStream(stream))
    live.began(INFO)
    live.launch_moved(3, position)
    live.close()
    assert "launch 3: 40 of 186 turns taken" in stream.getvalue()
