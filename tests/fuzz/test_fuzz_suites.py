"""Damaged and hostile suites, settings and noise floors: one line, or an answer."""

import json
import random
from pathlib import Path

import msgspec
import pytest
from answers import check_line
from factories import SETTINGS, make_floor
from inputs import INPUTS, check_inputs
from mutations import mutated

from cspbench.cli.terminal import print_error
from cspbench.comparison.thresholds import gate
from cspbench.errors import CspbenchError
from cspbench.machine import noise_floor
from cspbench.plan import suite

SUITE = b"""description = "x"
reference = "dense"
mode = ["infer", "train"]
entries = ["dense", "c3"]
batch_size = [1, 2]
[[case]]
entry = "csp"
input = [1, 64, 28, 28]
set = { gamma = 0.25 }
grid = { layers = [2, 3], t1 = [0.5, 1.0] }
"""
CONFIGURED = b"""[tool.cspbench]
strict = true
[tool.cspbench.thresholds]
latency = "2%"
"c3*:params" = 0.5
"""
MAX_CASES = 100_000


def check_error(error: CspbenchError, capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed as one line."""
    print_error(str(error))
    check_line(capsys.readouterr().err)


def test_a_damaged_suite_is_said_or_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never another error than the one with a line."""
    path = tmp_path / "suite.toml"

    def check(number: int) -> None:
        path.write_bytes(mutated(SUITE, random.Random(number)))
        try:
            cases = suite.load(str(path)).cases
        except CspbenchError as error:
            check_error(error, capsys)
        else:
            assert 0 < len(cases) <= MAX_CASES

    check_inputs(check, INPUTS)


def test_damaged_settings_are_said_or_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table in pyproject.toml."""
    path = tmp_path / "pyproject.toml"

    def check(number: int) -> None:
        path.write_bytes(mutated(CONFIGURED, random.Random(number)))
        try:
            gate(start=tmp_path).threshold("c3", "params")
        except CspbenchError as error:
            check_error(error, capsys)

    check_inputs(check, INPUTS)


def test_a_damaged_noise_floor_is_left_out_or_read() -> None:
    """A file of the user's state is nobody's mistake, and no figure of it is out of bounds."""
    path = noise_floor.STORE.path()
    path.parent.mkdir(parents=True)
    content = json.dumps([msgspec.to_builtins(make_floor(0.004))]).encode()

    def check(number: int) -> None:
        path.write_bytes(mutated(content, random.Random(number)))
        floor = noise_floor.load("here", SETTINGS)
        if floor is not None:
            spreads = (*floor.in_turns.values(), *floor.between_runs.values())
            assert all(0 <= spread <= 100 for spread in spreads), spreads

    check_inputs(check, INPUTS // 2)
