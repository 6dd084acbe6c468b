"""What commands that measure print beside their progress."""

import sys
from pathlib import Path
from typing import cast

import pytest
from factories import make_case, make_info

from cspbench.cli import output
from cspbench.engine.session import Session
from cspbench.records.base import Failure
from cspbench.records.lines import Stage


class FakeSession:
    """A session that measures nothing."""

    path = Path("run")

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self.info = make_info(make_case("Good"), stages=stages)

    def measure(self, _: object) -> bool:
        """Say that it is complete."""
        return True


@pytest.mark.parametrize(
    ("is_terminal", "columns", "width"),
    [(True, "120", 120), (True, "80", 80), (True, "12", 40), (False, "120", 80)],
)
def test_pages_are_as_wide_as_the_terminal_and_elsewhere_as_files(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, columns: str, width: int
) -> None:
    """What is piped into a file is the file that a run writes; no page is useless."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert output.layout().width == width


@pytest.mark.parametrize(
    ("taken", "stages", "words"),
    [
        (
            1.9,
            ("latency",),
            "other processes use 1.9 of 2 cores: timings will be poor; wait until they end\n",
        ),
        (0.1, ("latency",), ""),
        (1.9, ("counts",), ""),
        (Failure(reason="no /proc"), ("latency",), ""),
    ],
)
def test_a_busy_machine_is_said_before_anything_is_timed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    taken: float | Failure,
    stages: tuple[Stage, ...],
    words: str,
) -> None:
    """Not where nothing is timed, or where it cannot be read."""
    monkeypatch.setattr("cspbench.machine.contention.taken_cores", lambda: taken)
    monkeypatch.setattr("cspbench.machine.environment.usable_cores", lambda: 2)
    assert output.measure(cast("Session", FakeSession(stages)))
    assert capsys.readouterr().err == words
