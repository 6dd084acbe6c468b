"""Revisions before and after the package was laid out in wings still compare.

Two small trees hold the parts of a revision that are built from: its blocks and its catalogue.
Before, the entries stood in the catalogue's ``__init__`` and `resolve` beside `Entry`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_worktrees import git

import cspbench
from cspbench.catalogue import find
from cspbench.catalogue.loading import build
from cspbench.plan.case import make_case

PACKAGE = Path(cspbench.__file__).parent
SUITE = """
description = "two layouts"
mode = ["infer"]
[[case]]
entry = "dense"
input = [1, 64, 8, 8]
"""
RESOLVE = """

def resolve(reference, *, package="cspbench"):
    import importlib
    module, _, name = reference.rpartition(":")
    return getattr(importlib.import_module(module, package), name)
"""


def write_wings(root: Path) -> None:
    """The layout of today: what a checkout is built from, and nothing else of the package."""
    package = root / "cspbench"
    for folder in ("blocks", "catalogue"):
        shutil.copytree(
            PACKAGE / folder, package / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for module in ("errors.py", "files.py", "toml.py", "units.py"):
        shutil.copy(PACKAGE / module, package)
    (package / "__init__.py").write_text("")


def write_flat(root: Path) -> None:
    """The layout before: no module of entries, and none of loading."""
    write_wings(root)
    catalogue = root / "cspbench" / "catalogue"
    shutil.move(catalogue / "entries.py", catalogue / "__init__.py")
    (catalogue / "loading.py").unlink()
    with (catalogue / "entry.py").open("a") as file:
        file.write(RESOLVE)


def test_each_layout_builds_from_its_own_code(tmp_path: Path) -> None:
    """Side by side in one process, with arguments that differ from the defaults."""
    write_flat(tmp_path / "before")
    write_wings(tmp_path / "after")
    case = make_case(find("dense"), {"layers": 2})
    names = ("before", "after", "before")
    before, after, before_again = (
        build(case.entry, case.build, case.arguments, tmp_path / name) for name in names
    )
    assert len(set(map(type, (before, after, before_again)))) == 2
    assert type(before) is type(before_again)
    assert [len(list(module.parameters())) for module in (before, after)] == [15, 15]


@pytest.mark.slow
def test_ab_compares_a_revision_of_one_layout_with_one_of_the_other(tmp_path: Path) -> None:
    """The candidate has one layer more by default: counts say so, and outputs are compared."""
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    write_flat(repository)
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "before")
    shutil.rmtree(repository / "cspbench")
    write_wings(repository)
    family = repository / "cspbench" / "catalogue" / "figure3.py"
    family.write_text(family.read_text().replace('count("layers", 6,', 'count("layers", 7,'))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "after")
    (tmp_path / "suite.toml").write_text(SUITE)

    completed = subprocess.run(
        [
            *(sys.executable, "-m", "cspbench", "ab", "HEAD~1", "HEAD", "suite.toml"),
            *("--path", str(repository), "--launches", "2", "--turns", "3", "--format", "json"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 1, completed.stderr
    (case,) = json.loads(completed.stdout)["cases"]
    assert case["measures"]["macs"]["verdict"] == "worse"
    assert case["measures"]["params"]["baseline"] < case["measures"]["params"]["candidate"]
