"""Revisions in worktrees: what is checked out, and that nothing is left behind."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cspbench.engine import scratch
from cspbench.engine.worktrees import Repository
from cspbench.errors import CspbenchError


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    process = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return process.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits on main, and a third on a branch from the first."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for branch, content in (("main", "one"), ("main", "two"), ("side", "three")):
        if branch == "side":
            git(folder, "checkout", "--quiet", "-b", "side", "main~1")
        (folder / "file.txt").write_text(content)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", content)
    git(folder, "checkout", "--quiet", "main")
    return folder


def state(folder: Path) -> tuple[str, ...]:
    """Branches, worktrees, the checkout, and what lies below .git/worktrees."""
    worktrees = sorted(path.name for path in (folder / ".git").glob("worktrees/*"))
    commands = (("branch", "-a", "-v"), ("worktree", "list"), ("status", "--porcelain"))
    return (*(git(folder, *words) for words in commands), *worktrees)


def test_each_revision_has_a_tree_and_none_is_left(repository: Path) -> None:
    """Uncommitted changes of the user's own checkout stay, and are in neither tree."""
    (repository / "file.txt").write_text("unsaved")
    before = state(repository)
    checkout = Repository(repository)
    commits = {"baseline": checkout.commit("main~1"), "candidate": checkout.commit("side")}
    with checkout.checked_out(commits) as roots:
        contents = {name: (root / "file.txt").read_text() for name, root in roots.items()}
        assert len(git(repository, "worktree", "list").splitlines()) == 3
    assert contents == {"baseline": "one", "candidate": "three"}
    assert not any(root.exists() for root in roots.values())
    assert state(repository) == before


def spoil(root: Path, error: type[BaseException]) -> None:
    (root / "file.txt").write_text("changed")
    (root / "new.txt").write_text("new")
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_trees_go_whatever_is_raised_inside(repository: Path, error: type[BaseException]) -> None:
    """Changed files in a tree do not keep it."""
    before = state(repository)
    checkout = Repository(repository)
    with pytest.raises(error), checkout.checked_out({"a": checkout.commit("main")}) as roots:
        spoil(roots["a"], error)
    assert state(repository) == before


def test_a_tree_that_cannot_be_made_takes_the_others_with_it(repository: Path) -> None:
    """The second commit does not exist."""
    before = state(repository)
    checkout = Repository(repository)
    with (
        pytest.raises(CspbenchError, match="cannot check out 000000000000"),
        checkout.checked_out({"a": checkout.commit("main"), "b": "0" * 40}),
    ):
        pass
    assert state(repository) == before


def test_worktrees_of_a_killed_process_are_removed_by_the_next(
    repository: Path, tmp_path: Path
) -> None:
    """Those of a user stay, and those of a process that is alive."""
    own, alive, left, gone = (
        tmp_path / "own" / "trees" / "baseline",
        scratch.folder() / "trees" / "baseline",
        tmp_path / f"{scratch.PREFIX}left" / "trees" / "baseline",
        tmp_path / f"{scratch.PREFIX}gone" / "trees" / "baseline",
    )
    for root in (own, alive, left, gone):
        git(repository, "worktree", "add", "--detach", str(root))
    shutil.rmtree(own.parents[1])
    shutil.rmtree(gone.parents[1])
    (repository / ".git" / "worktrees" / "baseline3" / "locked").write_text("initializing")
    checkout = Repository(repository)
    with checkout.checked_out({"a": checkout.commit("main")}):
        pass
    listing = git(repository, "worktree", "list")
    assert [str(root) in listing for root in (own, alive, left, gone)] == [True, True, False, False]
    assert (alive.exists(), left.exists()) == (True, False)
    git(repository, "worktree", "remove", "--force", str(alive))


def test_a_repository_whose_path_is_not_utf8_is_taken(repository: Path) -> None:
    """As are branches, whose names git does not check."""
    renamed = repository.rename(repository.parent / os.fsdecode(b"caf\xe9"))
    checkout = Repository(renamed)
    assert checkout.root == renamed
    with checkout.checked_out({"a": checkout.commit("main")}) as roots:
        assert (roots["a"] / "file.txt").read_text() == "two"
    with pytest.raises(CspbenchError, match="no revision"):
        checkout.commit(os.fsdecode(b"\xe9"))


def test_the_hooks_of_the_repository_do_not_run(repository: Path) -> None:
    """Somebody else's code runs only where it is measured."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {repository.parent}/ran\n")
    hook.chmod(0o755)
    checkout = Repository(repository)
    with checkout.checked_out({"a": checkout.commit("main")}):
        pass
    assert not (repository.parent / "ran").exists()


def test_the_merge_base_is_where_two_revisions_parted(repository: Path) -> None:
    """The side branch left main before its second commit."""
    checkout = Repository(repository)
    base = checkout.merge_base(checkout.commit("main"), checkout.commit("side"))
    assert base == checkout.commit("main~1")


def test_a_folder_below_the_root_will_do(repository: Path) -> None:
    """As git itself takes it."""
    below = repository / "a"
    below.mkdir()
    assert Repository(below).root == repository


@pytest.mark.parametrize("revision", ["nowhere", "--help", "-x", "main:file.txt", ""])
def test_what_is_no_commit_is_one_line(repository: Path, revision: str) -> None:
    """An option is never handed to git."""
    with pytest.raises(CspbenchError, match="no revision"):
        Repository(repository).commit(revision)


def test_unrelated_histories_and_folders_without_git_are_said(
    repository: Path, tmp_path: Path
) -> None:
    """No merge base, no repository."""
    git(repository, "checkout", "--quiet", "--orphan", "other")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "alone")
    checkout = Repository(repository)
    with pytest.raises(CspbenchError, match="no commit in common"):
        checkout.merge_base(checkout.commit("main"), checkout.commit("other"))
    with pytest.raises(CspbenchError, match="not a git repository"):
        Repository(tmp_path)
