"""What a run says of its machine and its commit."""

import os
import subprocess
from pathlib import Path

import pytest

from cspbench import environment


def test_threads_default_to_the_cores_that_the_process_may_use() -> None:
    """An affinity to one core means one thread."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert environment.physical_cores() == 1
        assert environment.describe(None).affinity == (min(before),)
    finally:
        os.sched_setaffinity(0, before)


def test_the_environment_names_which_thop_ran() -> None:
    """Two distributions install a module of that name, under different licences."""
    described = environment.describe(None)
    assert described.thop_distribution == "thop"
    assert described.packages["torch"].startswith("2.")
    assert environment.describe("a GPU").device == "a GPU"


def _git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_commit_and_a_dirty_tree_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout that holds the package; none where the package is not tracked in one."""
    package = tmp_path / "cspbench"
    package.mkdir()
    module = package / "environment.py"
    module.write_text("")
    monkeypatch.setattr(environment, "__file__", str(module))
    assert environment.git() is None
    _git(tmp_path, "init", "-q")
    assert environment.git() is None
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    found = environment.git()
    assert found is not None
    assert (found.commit, found.dirty) == (_git(tmp_path, "rev-parse", "HEAD"), False)
    (package / "new.py").write_text("")
    found = environment.git()
    assert found is not None
    assert found.dirty
