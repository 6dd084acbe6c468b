"""What commands that measure print beside their progress."""

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
