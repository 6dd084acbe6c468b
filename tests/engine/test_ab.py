"""`ab`: two revisions of somebody's code in one process, from the trees to the exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from test_worktrees import git, state

from cspbench.catalogue import find
from cspbench.catalogue.loading import build_from
from cspbench.comparison.in_turns import in_turns
from cspbench.errors import AbsentError
from cspbench.measures.execution.equivalence import equivalence
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.plan.case import Case, make_case
from cspbench.records.folder import read

slow = pytest.mark.slow

MODULE = """
import torch
from torch import nn
from .parts import layer

class Block(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first = layer(8, width)
        {more}

    def forward(self, x):
        x = self.first(x)
        {forward}
        return x {scaled}
"""
SUITE = """
description = "mine"
mode = ["infer"]
[[case]]
entry = "mine.blocks:Block"
input = [1, 8, 24, 24]
set = {{ width = 16 }}
{more}
"""
TWO_MORE = "self.more = nn.Sequential(layer(width, width), layer(width, width))"


def write(folder: Path, *, more: str = "", forward: str = "", scaled: str = "") -> None:
    """A package whose module imports a sibling by a relative import."""
    package = folder / "src" / "mine"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(
        "from torch import nn\n\n"
        "def layer(inputs, outputs):\n"
        "    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)\n"
    )
    (package / "blocks.py").write_text(MODULE.format(more=more, forward=forward, scaled=scaled))


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
        write(folder, **code)
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
    assert (repository.parent / "out" / "comparison.md").read_text().startswith("**Regression")
    assert str(repository) not in (repository.parent / "out" / "run.json").read_text()

    resumed = subprocess.run(
        [sys.executable, "-m", "cspbench", "run", "--resume", "out"],
        cwd=repository.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (resumed.returncode, resumed.stdout) == (2, "")
    assert "it holds two revisions" in resumed.stderr


@slow
def test_the_same_function_written_otherwise_is_equal(repository: Path) -> None:
    """Counts are the same and the outputs equal; a changed constant is said to differ."""
    process = ab(repository, "twin")
    assert process.returncode in {0, 1}, process.stderr  # tiny blocks: an elementwise product shows
    assert "The outputs of 1 of 1 cases are equal within rounding." in process.stdout
    run = read(repository.parent / "out")
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
    write(repository, forward="raise ValueError('not today')")
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
        if line.startswith("latency, launch 2"):
            break
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "cspbench: interrupted; what was measured by then is all that was compared\n" in errors
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


def external(**overrides: int) -> Case:
    return make_case(find("mine.blocks:Block"), dict(overrides), shape=(1, 8, 6, 6))


def build(root: Path, case: Case) -> Any:
    return build_from(root, case.entry, case.build, case.arguments)


def test_two_trees_with_modules_of_one_name_stay_apart(tmp_path: Path) -> None:
    """Each is built from its own code, again and again, and this process keeps its modules."""
    write(tmp_path / "one")
    write(tmp_path / "two", more=TWO_MORE, forward="x = self.more(x)")
    imported = {name: module for name, module in sys.modules.items() if name.startswith("cspbench")}
    modules = [build(tmp_path / name, external(width=4)) for name in ("one", "two", "one", "two")]
    assert [len(list(module.parameters())) for module in modules] == [1, 3, 1, 3]
    assert type(modules[0]) is type(modules[2])
    assert type(modules[0]) is not type(modules[1])
    assert "mine" not in sys.modules
    assert all(sys.modules[name] is module for name, module in imported.items())


def test_an_entry_of_the_catalogue_is_the_trees_own(tmp_path: Path) -> None:
    """Its defaults included; what the tree lacks is absent, not broken."""
    root = Path(__file__).parents[2]
    case = make_case(find("csp"), {"layers": 2})
    module = build(root, case)
    assert type(module).__name__ == "CSP"
    assert type(module).__module__ == "cspbench.blocks.csp"
    write(tmp_path)
    with pytest.raises(AbsentError):
        build(tmp_path, case)
    with pytest.raises(AbsentError):
        build(tmp_path, make_case(find("mine.blocks:Gone"), {}, shape=(1, 8, 6, 6)))


@pytest.mark.parametrize(
    ("code", "is_equal", "reason"),
    [
        ({}, True, ""),
        ({"scaled": "* 1.0"}, True, ""),
        ({"scaled": "+ 1e-3"}, False, ""),
        ({"scaled": "* float('nan')"}, False, ""),
        ({"scaled": "[:, :1]"}, False, "outputs of shapes"),
        ({"forward": "raise ValueError('no')"}, False, "ValueError: no"),
    ],
)
def test_outputs_are_compared_element_by_element(
    tmp_path: Path, code: dict[str, str], is_equal: bool, reason: str
) -> None:
    """From the same weights and input; a shape, a value or an error that differs is said."""
    write(tmp_path / "one")
    write(tmp_path / "two", **code)
    case = external(width=4)
    sides = [BuiltSubject(case, tmp_path / name) for name in ("one", "two")]
    answer = equivalence(sides[0], sides[1], seed=0)
    assert answer.is_equal is is_equal
    assert reason in answer.reason
    assert answer.weights == "shared"


def test_another_order_of_construction_takes_the_same_weights(tmp_path: Path) -> None:
    """Layers made in another order draw other weights from the seed: the names decide."""
    swapped = "self.more = layer(width, width); self.first = layer(8, width)"
    write(tmp_path / "one", more="self.more = layer(width, width)", forward="x = self.more(x)")
    write(tmp_path / "two", more=swapped, forward="x = self.more(x)")
    case = external(width=4)
    sides = [BuiltSubject(case, tmp_path / name) for name in ("one", "two")]
    answer = equivalence(sides[0], sides[1], seed=0)
    assert (answer.is_equal, answer.weights, answer.distance) == (True, "shared", 0.0)
    assert torch.is_grad_enabled()


def test_a_record_of_equivalence_reads_back() -> None:
    """Also where the distance is out of all bounds."""
    from cspbench.records.measurements import Equivalence

    record = Equivalence(
        case="a", is_equal=False, distance=1e300, rtol=0.0, atol=0.0, weights="seeded"
    )
    assert msgspec.json.decode(msgspec.json.encode(record), type=Equivalence) == record
