"""Damaged and hostile run folders and reports: one line and exit code 2, or a safe answer.

``make fuzz`` runs more of them; an input that failed is run again by its number (``ONLY=K``).
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answers import COMPARED, check_compare, check_history, check_report
from inputs import INPUTS, check_inputs
from mutations import mutated
from synthetic import render_report, report_text, write_folder
from whole_runs import RUNS

from cspbench.records.folder import INFO, RECORDS, read
from cspbench.report import FORMATS

DRAWN = 320  # of so many damaged folders, the plots of one are drawn


@pytest.fixture(scope="module", params=RUNS)
def run_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, whole."""
    path = tmp_path_factory.mktemp("fuzz") / "good"
    write_folder(RUNS[request.param](), path)
    return path


@pytest.fixture
def few_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take a hundred times as long as the rest of a report: none are drawn."""
    monkeypatch.setattr("cspbench.report.plots.plots_of", lambda derived: {})
    monkeypatch.setattr("cspbench.report.plots.encode", lambda figure, suffix, alt: b"<svg/>")


def damage(run_folder: Path, path: Path, name: str, number: int) -> None:
    """Makes the run folder ``path`` anew, its file ``name`` damaged."""
    for old in path.rglob("*"):
        if old.is_file():
            old.unlink()
    path.mkdir(exist_ok=True)
    for file in (RECORDS, INFO):
        (path / file).write_bytes((run_folder / file).read_bytes())
    content = (run_folder / name).read_bytes()
    (path / name).write_bytes(mutated(content, random.Random(f"{name}{number}")))


@pytest.mark.parametrize("name", [RECORDS, INFO])
def test_a_damaged_run_folder_is_said_or_compared(
    run_folder: Path, tmp_path: Path, name: str
) -> None:
    """Either file of it, in either place of the comparison."""
    path = tmp_path / "bad"

    def check(number: int) -> None:
        damage(run_folder, path, name, number)
        sides = (run_folder, path) if number % 2 else (path, run_folder)
        check_compare(*sides, COMPARED[number % len(COMPARED)])

    check_inputs(check, INPUTS // 4)


@pytest.mark.usefixtures("few_plots")
@pytest.mark.parametrize("name", [RECORDS, INFO])
def test_a_damaged_run_folder_is_said_or_reported(
    run_folder: Path, tmp_path: Path, name: str
) -> None:
    """In every format, and in a history."""
    path = tmp_path / "bad"

    def check(number: int) -> None:
        damage(run_folder, path, name, number)
        form = number % (len(FORMATS) + 1)
        if form == len(FORMATS):
            check_history([run_folder, path], tmp_path / "history")
        else:
            check_report(path, FORMATS[form])

    check_inputs(check, INPUTS // 8)


@pytest.mark.parametrize("name", [RECORDS, INFO])
def test_a_damaged_run_folder_is_said_or_drawn(run_folder: Path, tmp_path: Path, name: str) -> None:
    """With the plots of the report, or that of a history."""
    path = tmp_path / "bad"

    def check(number: int) -> None:
        damage(run_folder, path, name, 1_000_000 + number)
        if number % 2:
            check_history([run_folder, path], tmp_path / "history")
        else:
            check_report(path, "table")

    check_inputs(check, max(1, INPUTS // DRAWN))


def of_pytest(run: Any) -> str:
    return render_report(run, "pytest-benchmark")


@pytest.mark.parametrize(
    "render",
    [lambda run: render_report(run, "markdown"), report_text, of_pytest],
    ids=["markdown", "table", "pytest-benchmark"],
)
def test_a_damaged_report_is_said_or_compared(
    run_folder: Path, tmp_path: Path, render: Callable[[Any], str]
) -> None:
    """What was pasted may be anything."""
    content = render(read(run_folder)).encode()
    path = tmp_path / "comment.txt"

    def check(number: int) -> None:
        path.write_bytes(mutated(content, random.Random(f"{len(content)} {number}")))
        sides = (run_folder, path) if number % 2 else (path, run_folder)
        check_compare(*sides, COMPARED[number % len(COMPARED)])

    check_inputs(check, INPUTS // 4)
