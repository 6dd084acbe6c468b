"""The README says what is true: its commands run as written, its table is the reference run's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cspbench.comparison.thresholds import gate
from cspbench.records.folder import read

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = ROOT / "results" / "reference" / "cpu"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python ")])
def test_a_command_of_the_readme_runs_as_written(command: str, tmp_path: Path) -> None:
    """In an empty folder that holds the reference run; CUDA is refused where there is none."""
    (tmp_path / "results").mkdir()
    subprocess.run(["cp", "-r", ROOT / "results" / "reference", tmp_path / "results"], check=True)
    _, *words = shlex.split(command)
    completed = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "cuda" in words and completed.returncode == 2:
        assert "sees no CUDA device" in completed.stderr
    else:
        assert completed.returncode == 0, completed.stderr
        assert completed.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_target_of_the_readme_is_one_that_make_knows(command: str) -> None:
    """Run dry: these targets call this test."""
    completed = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    assert "-m cspbench run" in completed.stdout or "-m pytest" in completed.stdout


def test_no_command_of_the_readme_escapes_these_tests() -> None:
    """Each line is one of the two kinds above."""
    assert COMMANDS
    assert all(command.startswith(("python -m cspbench", "make ")) for command in COMMANDS)


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_of_the_readme_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And prints the tables that it promises."""
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "csp_fusion_last" in printed
    assert "Conv2d" in printed


def test_the_readmes_tables_are_the_reference_runs() -> None:
    """Not a figure of them was typed."""
    table, identical, planted, _ = blocks("text")
    report = (REFERENCE / "report.txt").read_text(encoding="utf-8")
    timed = report.partition("Timed: different in every run\n")[2]
    assert table.strip() in timed
    for fidelity, name in ((identical, "fidelity_confirmation"), (planted, "fidelity")):
        page = REFERENCE.parent / name / "fidelity.txt"
        assert fidelity.strip() in page.read_text(encoding="utf-8")


def test_the_wings_of_the_readmes_diagram_are_those_of_the_package() -> None:
    """Every box but the worker's process and the folder of results."""
    *_, diagram = blocks("text")
    boxes = {box.strip() for box in re.split(r"[─►├└│\n]", diagram)} - {""}
    assert {"engine", "measures", "report"} < boxes
    wings = {path.parent.name for path in (ROOT / "cspbench").glob("*/__init__.py")}
    assert boxes - {"worker process", "results/"} <= wings


def test_the_table_of_gradients_is_the_reference_runs() -> None:
    """All that the page says of the trainings, from a clean tree."""
    text = (ROOT / "docs" / "gradients.md").read_text(encoding="utf-8")
    tables = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for table, name in zip(tables, ("gradients", "gradients_conv"), strict=True):
        folder = REFERENCE.parent / name
        assert table.strip() in (folder / "report.txt").read_text(encoding="utf-8")
        run = read(folder)
        assert run.info.git is not None
        assert not run.info.git.dirty
        assert [len(record.trainings) for record in run.records] == [15] * 4


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "docs/method.md", "docs/comparing.md", "docs/extending.md"),
        "docs/gradients.md",
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link is a file of the repository."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / name).parent.joinpath(target).exists(), target


def test_the_settings_in_the_readme_are_read(tmp_path: Path) -> None:
    """As a pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text(blocks("toml")[0], encoding="utf-8")
    thresholds = gate(start=tmp_path)
    assert thresholds.is_strict
    assert thresholds.threshold("c3x", "latency") == 0.05


def test_the_suite_in_the_documentation_is_one_that_loads(tmp_path: Path) -> None:
    """docs/extending.md shows a whole suite."""
    from cspbench.plan import suite

    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "shown.toml").write_text(toml, encoding="utf-8")
    # two batch sizes, each with six combinations and the reference
    assert len(suite.load(str(tmp_path / "shown.toml")).cases) == 14
