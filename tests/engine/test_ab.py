"""`ab`: two revisions of somebody's code in one process, from the trees to the exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from model_trees import TWO_MORE, write_tree
from test_worktrees import git, state

from cspbench.comparison.compare import compare
from cspbench.comparison.in_turns import in_turns
from cspbench.records.folder import read
from cspbench.report.comparison import text
from cspbench.report.html import comparison_page

slow = pytest.mark.slow

BRANCHES = ("main", "slower")

SUITE = """
description = "mine"
mode = ["infer"]
[[case]]
entry = "mine.blocks:Block"
input = [1, 8, 24, 24]
set = {{ width = 16 }}
{more}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """main: a block; slower: two more convolutions; twin: the same function written otherwise."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for branch, code in (
        ("main", {}),
        ("slower", {"more": TWO_MORE, "forward": "x = self.more(x)"}),
        ("twin", {"scaled": "* 1.0"}),
        ("other", {"scaled": "* 1.001"}),
    ):
        if branch != "main":
            git(folder, "checkout", "--quiet", "-b", branch, "main")
        write_tree(folder, **code)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", branch)
    git(folder, "checkout", "--quiet", "main")
    return folder


def ab(repository: Path, *words: str, suite: str = "") -> "subprocess.CompletedProcess[str]":
    path = repository.parent / "suite.toml"
    path.write_text(SUITE.format(more=suite))
    return subprocess.run(
        [
            *(sys.executable, "-m", "cspbench", "ab", "main", *words, "suite.toml"),
            *("--path", str(repository), "--out", "out", "--launches", "3", "--turns", "5"),
        ],
        cwd=repository.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@slow
def test_a_slower_revision_is_a_regression_and_nothing_is_left(repository: Path) -> None:
    """Three times the work: counts exactly, latency by its verdict, exit code 1."""
    before = state(repository)
    process = ab(repository, "slower", "--format", "json")
    assert process.returncode == 1, process.stderr
    comparison = json.loads(process.stdout)
    (case,) = comparison["cases"]
    assert comparison["verdict"] == "regression"
    assert case["key"] == "mine.blocks:Block[width=16] 1x8x24x24 cpu fp32 infer"
    macs = case["measures"]["macs"]
    assert (macs["baseline"], macs["candidate"]) == (
        8 * 16 * 9 * 24 * 24,
        (8 * 16 + 2 * 16 * 16) * 9 * 24 * 24,
    )
    assert case["measures"]["latency"]["ratio"] > 1.2
    assert state(repository) == before
    run = read(repository.parent / "out")
    assert set(run.info.revisions) == {"baseline", "candidate"}
    comment = repository.parent / "out" / "comparison.md"
    page = comment.read_text()
    assert page.startswith("**Regression: `mine.blocks:Block width=16` ")
    commits = " → ".join(f"`{git(repository, 'rev-parse', name)[:12]}`" for name in BRANCHES)
    assert f"\n\n{commits}; " in page
    assert "\n\nOutputs not comparable: the weights differ in number.\n" in page
    assert "Warning: The outputs" not in page
    for side in (comment, repository.parent / "out"):
        again = compare(side, side)
        assert again.verdict == "regression"
        assert [case.key for case in again.cases] == [case["key"]]
        assert again.cases[0].measures["macs"].candidate == macs["candidate"]
        assert again.cases[0].measures["latency"].is_comparable
    assert str(repository) not in (repository.parent / "out" / "run.json").read_text()

    resumed = subprocess.run(
        [sys.executable, "-m", "cspbench", "run", "--resume", "out"],
        cwd=repository.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (resumed.returncode, resumed.stdout) == (2, "")
    assert "it compares two revisions" in resumed.stderr


@slow
def test_the_same_function_written_otherwise_is_equal(repository: Path) -> None:
    """Counts are the same and the outputs equal; what is printed is what the files say.

    The threshold that was asked for is kept, and draws them again.
    """
    process = ab(repository, "twin", "--threshold", "30%")
    assert process.returncode in {0, 1}, process.stderr  # tiny blocks: an elementwise product shows
    assert "The outputs are equal within rounding." in process.stdout
    run = read(repository.parent / "out")
    assert run.info.gate.threshold("mine.blocks:Block", "latency") == 0.3
    assert run.info.command.endswith(" --threshold 30%")
    page = (repository.parent / "out" / "comparison.txt").read_text()
    assert process.stdout.startswith(page)
    assert page == text(in_turns(run)) + "\n"
    html = (repository.parent / "out" / "comparison.html").read_text()
    assert html == comparison_page(in_turns(run), run.info.command)
    changes = in_turns(run).cases[0].measures
    assert {change.verdict for name, change in changes.items() if name in {"macs", "params"}} == {
        "same"
    }


@slow
def test_what_only_one_revision_has_is_added_and_what_breaks_is_recorded(
    repository: Path,
) -> None:
    """A new class is no regression; a revision that raises is exit code 3, and the rest is told."""
    git(repository, "checkout", "--quiet", "-b", "broken", "main")
    write_tree(repository, forward="raise ValueError('not today')")
    blocks = repository / "src" / "mine" / "blocks.py"
    blocks.write_text(blocks.read_text() + "\n\nclass Newer(nn.Conv2d):\n    pass\n")
    git(repository, "commit", "--quiet", "--all", "-m", "broken")
    newer = (
        '[[case]]\nentry = "mine.blocks:Newer"\ninput = [1, 8, 24, 24]\n'
        "set = {in_channels = 8, out_channels = 8, kernel_size = 3}"
    )
    process = ab(repository, "broken", "--format", "json", suite=newer)
    assert process.returncode == 3, process.stderr
    comparison = json.loads(process.stdout)
    broken, added = comparison["cases"]
    assert added["verdict"] == "added"
    assert broken["verdict"] == "changed"
    assert "not today" in broken["measures"]["latency"]["reason"]
    assert len(comparison["failed"]) == 1


@slow
def test_each_form_has_a_row_with_a_verdict_of_its_own(repository: Path) -> None:
    """Both revisions' forms take turns, each compared with the same form of the other."""
    process = ab(repository, "slower", "--format", "json", "--form", "eager,onnxruntime")
    assert process.returncode == 1, process.stderr
    comparison = json.loads(process.stdout)
    labels = [case["label"] for case in comparison["cases"]]
    assert labels == ["mine.blocks:Block width=16", "mine.blocks:Block width=16 onnxruntime"]
    for case in comparison["cases"]:
        assert case["measures"]["macs"]["verdict"] == "worse"
        assert case["measures"]["latency"]["ratio"] > 1
    records = read(repository.parent / "out").records
    assert [record.deployment is not None for record in records] == [False, False, True, True]
    assert all(record.deployment.is_equal for record in records if record.deployment)


@slow
def test_an_interrupt_leaves_the_repository_as_it_was(repository: Path) -> None:
    """Ctrl-C amid the launches: exit code 130, no worktree, no branch, and the records are kept."""
    before = state(repository)
    (repository.parent / "suite.toml").write_text(SUITE.format(more=""))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cspbench", "ab", "main", "slower", "suite.toml"),
            *("--path", str(repository), "--out", "out", "--launches", "1000"),
        ],
        cwd=repository.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if re.match(r"latency: \d+ of \d+ launches done", line):
            break
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    message = "cspbench: interrupted: the comparison covers what was measured until then\n"
    assert message in errors
    assert output
    deadline = time.monotonic() + 10
    while state(repository) != before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert read(repository.parent / "out").launches


def test_wrong_usage_is_one_line(repository: Path) -> None:
    """A revision that is none, and a folder that is no repository."""
    process = ab(repository, "nowhere")
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("cspbench: no revision 'nowhere'")


@pytest.mark.parametrize("file", ["nowhere.py", "{}/mine/blocks.py"])
def test_a_file_that_no_revision_has_is_refused(repository: Path, file: str) -> None:
    """A path into the checkout would be the same file for both."""
    file = file.format(repository)
    process = ab(repository, "slower", suite=f'[[case]]\nentry = "{file}:Block"\ninput = [1, 8]')
    assert (process.returncode, process.stdout) == (2, "")
    assert f"cspbench: no file {file} in either revision" in process.stderr


@slow
def test_a_helper_that_alone_changed_changes_outputs_counts_and_latency(tmp_path: Path) -> None:
    """Each side gets its own, imported from beside the model, at once or late, in the forward."""
    repository = tmp_path / "theirs"
    (repository / "models").mkdir(parents=True)
    git(repository, "init", "--quiet", "--initial-branch=main")
    (repository / "models" / "net.py").write_text(
        "from torch import nn\n"
        "import helpers\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(*helpers.layers())\n"
        "    def forward(self, x):\n"
        "        from late import scaled\n"
        "        return scaled(super().forward(x))\n"
    )
    for number, branch in ((1, "main"), (40, "deeper")):
        if branch != "main":
            git(repository, "checkout", "--quiet", "-b", branch)
        (repository / "models" / "helpers.py").write_text(
            "from torch import nn\n"
            "def layers():\n"
            f"    return [nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range({number})]\n"
        )
        (repository / "models" / "late.py").write_text(f"def scaled(x): return {number} * x\n")
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "-m", branch)
    suite = tmp_path / "suite.toml"
    suite.write_text(
        'description = "theirs"\nmode = ["infer"]\n'
        '[[case]]\nentry = "models/net.py:Net"\ninput = [4, 8, 48, 48]\n'
    )
    process = subprocess.run(
        [
            *(sys.executable, "-m", "cspbench", "ab", "main", "deeper", str(suite)),
            *("--path", "theirs", "--out", "out", "--launches", "3", "--turns", "5"),
            *("--format", "json"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1, process.stderr
    (case,) = json.loads(process.stdout)["cases"]
    macs = case["measures"]["macs"]
    assert (macs["baseline"], macs["candidate"]) == (
        8 * 8 * 9 * 4 * 48**2,
        40 * 8 * 8 * 9 * 4 * 48**2,
    )
    assert case["measures"]["latency"]["verdict"] == "worse"
    equivalences = [r.equivalence for r in read(tmp_path / "out").records if r.equivalence]
    assert [equivalence.is_equal for equivalence in equivalences] == [False]


def test_entries_of_the_catalogue_are_refused_where_no_revision_has_it(repository: Path) -> None:
    """As when `ab` is typed in a repository of models, without a suite."""
    process = ab(repository, "slower", suite='[[case]]\nentry = "dense"')
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == (
        "cspbench: no cspbench/catalogue in either revision, which the entries come from; name "
        "your own models: ab BASE_REV HEAD_REV path/to/net.py:Net --input N,C,H,W\n"
    )


@slow
def test_one_commit_against_itself_is_said_before_anything_is_measured(repository: Path) -> None:
    """As on a branch without a commit of its own; then the suite is refused, which is quick."""
    process = subprocess.run(
        [sys.executable, "-m", "cspbench", "ab", "main", "main", "dence", "--path", repository],
        cwd=repository.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    note, error = process.stderr.splitlines()
    assert note.startswith("main and main come down to one commit, ")
    assert note.endswith(": identical code is compared, which shows only noise")
    assert "no suite or entry 'dence'" in error
