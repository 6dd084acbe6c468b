"""What a run says of its machine and its commit."""

import os
import subprocess
from pathlib import Path

import pytest
from factories import make_gpu

from cspbench.machine import environment


def test_threads_default_to_the_cores_that_the_process_may_use() -> None:
    """An affinity to one core means one thread."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert environment.physical_cores() == 1
        assert environment.describe().affinity == (min(before),)
    finally:
        os.sched_setaffinity(0, before)


def test_the_environment_names_which_thop_ran() -> None:
    """Two distributions install a module of that name, under different licences."""
    described = environment.describe()
    assert described.thop_distribution == "thop"
    assert described.packages["torch"].startswith("2.")


def test_a_run_on_gpus_names_them_once_and_keeps_what_drives_them() -> None:
    """Two of one kind are one name; each has its description."""
    gpus = [make_gpu("one kind"), make_gpu("one kind")]
    described = environment.describe([gpu.description for gpu in gpus])
    assert described.device == "one kind"
    assert [gpu.cuda for gpu in described.gpus] == ["12.8", "12.8"]


def test_memory_is_planned_for_where_the_cases_run() -> None:
    """On the fuller of two GPUs; in the main memory only without one."""
    assert environment.memory_budget_bytes([10_000, 5_000]) == 3_000
    assert environment.memory_budget_bytes() > 1 << 28


def _git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    completed = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True
    )
    return completed.stdout.strip()


def test_the_commit_and_a_dirty_tree_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout that holds the package; none where the package is not tracked in one."""
    package = tmp_path / "cspbench"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(environment, "_PACKAGE", package)
    assert environment.git() is None
    _git(tmp_path, "init", "-q")
    assert environment.git() is None
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    git = environment.git()
    assert git is not None
    assert (git.commit, git.dirty) == (_git(tmp_path, "rev-parse", "HEAD"), False)
    (package / "new.py").write_text("")
    git = environment.git()
    assert git is not None
    assert git.dirty
