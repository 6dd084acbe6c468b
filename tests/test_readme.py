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
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "cuda" in words and done.returncode == 2:
        assert "sees no CUDA device" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert done.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_target_of_the_readme_is_one_that_make_knows(command: str) -> None:
    """Run dry: these targets call this test."""
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "-m cspbench run" in done.stdout or "-m pytest" in done.stdout


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
    table, fidelity = blocks("text")
    report = (REFERENCE / "report.txt").read_text(encoding="utf-8")
    timed = report.partition("Timed: different in every run\n")[2]
    assert table.strip() in timed
    page = (REFERENCE.parent / "fidelity" / "fidelity.txt").read_text(encoding="utf-8")
    assert fidelity.strip() in page


def test_the_reference_run_is_whole_and_of_a_clean_tree() -> None:
    """Eight entries in two modes, six launches or more, no failure, and the commit it measured."""
    run = read(REFERENCE)
    assert len(run.records) == 16
    assert not any(record.failures for record in run.records)
    assert min(len(record.latencies) for record in run.records) == 6
    assert run.info.git is not None
    assert not run.info.git.dirty
    assert run.notes == ()


def test_the_reference_runs_exact_figures_are_still_this_codes() -> None:
    """A change of the counts must come with a new reference."""
    from cspbench.measures.counts import count
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.tensor_peak import tensor_peak

    for record in read(REFERENCE).records:
        built = BuiltSubject(record.case)
        assert count(built) == record.counts
        assert tensor_peak(built) == record.tensor_peak


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


def test_the_reference_runs_terms_are_still_this_codes() -> None:
    """A change of what is traced must come with a new reference."""
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.gradient_terms import gradient_terms

    for record in read(REFERENCE.parent / "gradients").records:
        assert gradient_terms(BuiltSubject(record.case)) == record.gradient_terms


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
    found = gate(start=tmp_path)
    assert found.is_strict
    assert found.threshold("c3x", "latency") == 0.05


def test_the_suite_in_the_documentation_is_one_that_loads(tmp_path: Path) -> None:
    """docs/extending.md shows a whole suite."""
    from cspbench.plan import suite

    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "shown.toml").write_text(toml, encoding="utf-8")
    # two batch sizes, each with six combinations and the reference
    assert len(suite.load(str(tmp_path / "shown.toml")).cases) == 14
