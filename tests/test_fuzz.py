"""Damaged and hostile input: one line and exit code 2, or an answer; never a traceback or a hang.

``make fuzz`` runs more of it; an input that fails is made again by its number.
"""

import contextlib
import io
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compared_runs import make_small_run
from factories import lines_of
from synthetic import render_report, report_text
from trained_runs import DENSE, make_trained_run

from cspbench import cli
from cspbench.comparison.thresholds import gate
from cspbench.errors import CspbenchError
from cspbench.plan import suite
from cspbench.records.folder import INFO, RECORDS, RunFolder, read

INPUTS = int(os.environ.get("FUZZ", "400"))
LIMIT_S = 20

SUITE = """description = "x"
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
SETTINGS = """[tool.cspbench]
strict = true
[tool.cspbench.thresholds]
latency = "2%"
"c3*:params" = 0.5
"""

WORDS = [
    *("null", "true", "-1", "0", "1e999", "-0.0", "NaN", "9" * 400, "1" * 25, '""', "{}", "[]"),
    *("[" * 20_000, '{"a":' * 5_000, '"\\u0000\\u001b[31m"', '"\\ud800"', "`" * 9, "|" * 40),
    *("\x1b[2J", "\u202e", "\0", "<script>", "../../etc/passwd", "inf", "1e-320", "\r", "\n\n"),
    *("__import__('os')", "+--+--+", "| entry |", '{"cspbench":1,"made":{}}', "Training, x"),
]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content after one to six random changes."""
    for _ in range(chance.randrange(1, 7)):
        place, length = chance.randrange(len(content) + 1), chance.choice((1, 1, 4, 60, 2_000))
        lines = content.splitlines(keepends=True)
        word = chance.choice(WORDS).encode("utf-8", "surrogatepass")
        change = chance.randrange(9)
        if change == 0 and content:
            content = content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
        elif change == 1:
            content = content[:place] + content[place + length :]
        elif change == 2:
            content = content[:place] + content[place : place + length] * 2 + content[place:]
        elif change == 3:
            content = content[:place]
        elif change == 4:
            content = content[:place] + word + content[place:]
        elif change == 5 and lines:
            chance.shuffle(lines)
            content = b"".join(lines)
        elif change == 6 and lines:
            content = b"".join(line for line in lines if chance.random() > 0.1)
        else:
            content = with_another_value(content, word, chance)
    return content


def with_another_value(content: bytes, word: bytes, chance: random.Random) -> bytes:
    """The content with one number or string of it replaced."""
    marks = [i for i, byte in enumerate(content) if byte in b'0123456789"']
    if not marks:
        return word
    start = chance.choice(marks)
    end = start + 1
    while end < len(content) and content[end] not in b',:}]\n "':
        end += 1
    return content[:start] + word + content[end:]


@contextlib.contextmanager
def limited(number: int) -> Iterator[None]:
    """Raises where an input takes too long."""

    def late(*_: object) -> None:
        raise TimeoutError(f"input {number} took longer than {LIMIT_S} s")

    handler = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)


def check_compare(number: int, baseline: Path, candidate: Path) -> None:
    """One line and nothing printed, or an answer that is whole and holds no control character."""
    form = ("table", "markdown", "json")[number % 3]
    out, err = io.StringIO(), io.StringIO()
    with limited(number), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(["compare", str(baseline), str(candidate), "--format", form])
    printed, message = out.getvalue(), err.getvalue()
    assert code in {0, 1, 2, 3, 4}, number
    if code == 2:
        assert printed == "", number
        assert message.count("\n") == 1, number
        assert message.startswith("cspbench: "), number
        assert len(message) < 2_000, number
        return
    assert message == "", number
    assert all(mark.isprintable() or mark == "\n" for mark in printed), number
    if form == "json":
        verdict = json.loads(printed)["verdict"]
        assert (verdict == "regression") == (code == 1), number
    if form == "markdown":
        assert len(printed) <= 65_537, number


RUNS = {
    "costs": make_small_run,
    "gradients": lambda: make_trained_run({"dense": DENSE, "csp": DENSE}),
}


@pytest.fixture(scope="module", params=RUNS)
def run_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, whole."""
    path = tmp_path_factory.mktemp("fuzz") / "good"
    run = RUNS[request.param]()
    with RunFolder.create(path, run.info) as folder:
        folder.append(lines_of(run))
    return path


@pytest.mark.parametrize("name", [RECORDS, INFO])
def test_a_damaged_run_folder_is_said_or_read(run_folder: Path, tmp_path: Path, name: str) -> None:
    """Either file of it, in either place of the comparison."""
    damaged = tmp_path / "bad"
    damaged.mkdir()
    for file in (RECORDS, INFO):
        (damaged / file).write_bytes((run_folder / file).read_bytes())
    content = (run_folder / name).read_bytes()
    for number in range(INPUTS // 4):
        (damaged / name).write_bytes(mutated(content, random.Random(f"{name}{number}")))
        check_compare(number, *((run_folder, damaged) if number % 2 else (damaged, run_folder)))


def of_pytest(run: Any) -> str:
    return render_report(run, "pytest-benchmark")


@pytest.mark.parametrize(
    "render",
    [lambda run: render_report(run, "markdown"), report_text, of_pytest],
    ids=["markdown", "table", "pytest-benchmark"],
)
def test_a_damaged_report_is_said_or_read(
    run_folder: Path, tmp_path: Path, render: Callable[[Any], str]
) -> None:
    """What was pasted may be anything."""
    content = render(read(run_folder)).encode()
    path = tmp_path / "comment.txt"
    for number in range(INPUTS // 4):
        path.write_bytes(mutated(content, random.Random(f"{len(content)} {number}")))
        check_compare(number, *((run_folder, path) if number % 2 else (path, run_folder)))


def test_a_damaged_suite_is_said_or_loaded(tmp_path: Path) -> None:
    """Never another error than the one with a line."""
    path = tmp_path / "suite.toml"
    for number in range(INPUTS):
        path.write_bytes(mutated(SUITE.encode(), random.Random(number)))
        with limited(number):
            try:
                assert suite.load(str(path)).cases, number
            except CspbenchError as error:
                assert str(error), number  # noqa: PT017 -- an error is one of two answers


def test_damaged_settings_are_said_or_read(tmp_path: Path) -> None:
    """The table in pyproject.toml."""
    path = tmp_path / "pyproject.toml"
    for number in range(INPUTS):
        path.write_bytes(mutated(SETTINGS.encode(), random.Random(number)))
        with limited(number):
            try:
                gate(start=tmp_path).threshold("c3", "params")
            except CspbenchError as error:
                assert "pyproject.toml" in str(error), number  # noqa: PT017 -- likewise
