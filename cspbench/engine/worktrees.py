"""Checkouts of a git repository's revisions in temporary worktrees.

The repository's own checkout is not touched: worktrees are detached and lie in a temporary folder,
no branch is created or moved, and no hook runs. Those of a killed process are removed by the next.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from ..errors import CspbenchError
from . import scratch
from .signals import signals_held

Key = TypeVar("Key", bound=str)

_LIMIT_S = 600  # for git commands; the checkout of a large repository takes long


class Repository:
    """The git repository that contains ``folder``; raises `CspbenchError` if there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = Path(
            self._git(
                *("rev-parse", "--show-toplevel"),
                error=f"ab needs a git repository (--path {folder})",
            )
        )

    def commit(self, revision: str) -> str:
        """The hash of the commit that ``revision`` names; raises `CspbenchError` for no commit."""
        no_revision = f"no revision {revision!r} in {self._folder} (give a commit, branch or tag)"
        if revision.startswith("-"):
            raise CspbenchError(no_revision)
        return self._git(
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"),
            error=no_revision,
        )

    def merge_base(self, baseline: str, candidate: str) -> str:
        """The hash of the last common commit; raises `CspbenchError` if there is none."""
        return self._git(
            *("merge-base", baseline, candidate),
            error=f"{baseline[:12]} and {candidate[:12]} have no commit in common (fetch the "
            "history of a shallow clone, or add --no-merge-base)",
        )

    @contextlib.contextmanager
    def checked_out(self, commits: Mapping[Key, str]) -> Iterator[dict[Key, Path]]:
        """Check out each commit; yields the roots by the same keys, and removes all on exit."""
        roots: dict[Key, Path] = {}
        with tempfile.TemporaryDirectory(prefix="trees-", dir=scratch.folder()) as folder:
            self._remove_left_worktrees()
            try:
                for key, commit in commits.items():
                    roots[key] = Path(folder, key)  # listed first, so that it is removed on errors
                    self._add_worktree(roots[key], commit)
                yield roots
            finally:
                for root in roots.values():
                    self._remove_worktree(root)

    def _add_worktree(self, root: Path, commit: str) -> None:
        with signals_held():
            self._git(
                *("-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach"),
                *(str(root), commit),
                error=f"cannot check out {commit[:12]}",
            )

    def _remove_worktree(self, root: Path) -> None:
        with signals_held(), contextlib.suppress(CspbenchError):  # adding it may have failed
            # twice: also one that git locked while it was added
            self._git("worktree", "remove", "--force", "--force", str(root), error="git worktree")

    def _remove_left_worktrees(self) -> None:
        """Remove the worktrees that lie in folders of processes that were killed."""
        listing = self._git("worktree", "list", "--porcelain", error="cannot list the worktrees")
        for line in listing.splitlines():
            root = Path(line.removeprefix("worktree "))
            owner = root.parent.parent
            if line.startswith("worktree ") and owner.name.startswith(scratch.PREFIX):
                scratch.remove_left(owner)
                if not owner.exists():
                    self._remove_worktree(root)

    def _git(self, *arguments: str, error: str) -> str:
        """The output of git; if it fails, raises ``error``, with the last line that git printed."""
        try:
            process = subprocess.run(  # noqa: S603 -- no shell, and revisions are never options
                ["git", "-C", str(self._folder), *arguments],  # noqa: S607 -- the user's own git
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",  # as paths that are not UTF-8 are written in Python
                check=False,
                timeout=_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as reason:
            raise CspbenchError(f"cannot run git: {reason}") from reason
        if process.returncode:
            last_line = "".join(process.stderr.strip().splitlines()[-1:]).removeprefix("fatal: ")
            raise CspbenchError(f"{error}: {last_line}" if last_line else error)
        return process.stdout.strip()
