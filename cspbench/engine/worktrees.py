"""Revisions of a git repository, checked out beside it and removed again.

Its own checkout stays untouched: worktrees are detached and lie in a temporary folder, no branch
is made or moved, no hook runs.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from ..errors import CspbenchError
from .signals import signals_held

Name = TypeVar("Name", bound=str)

_LIMIT_S = 600  # for a checkout of a large repository


class Repository:
    """A git repository, by any folder in it; raises `CspbenchError` where there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = Path(self._git("rev-parse", "--show-toplevel", failing=f"{folder}: "))

    def commit(self, revision: str) -> str:
        """The hash of the commit that ``revision`` names."""
        if revision.startswith("-"):
            raise CspbenchError(f"no revision {revision!r}")
        return self._git(
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"),
            failing=f"no revision {revision!r} in {self._folder}",
        )

    def merge_base(self, one: str, other: str) -> str:
        """The hash of the last commit that both have in their history."""
        return self._git(
            *("merge-base", one, other),
            failing=f"{one[:12]} and {other[:12]} have no commit in common "
            "(a shallow clone? fetch its history, or give --no-merge-base); ",
        )

    @contextlib.contextmanager
    def checked_out(self, commits: Mapping[Name, str]) -> Iterator[dict[Name, Path]]:
        """Each of ``commits`` in a worktree of its own, by the same name; removed in the end."""
        made: list[Path] = []
        with tempfile.TemporaryDirectory(prefix="cspbench-trees-") as folder:
            try:
                for name, commit in commits.items():
                    path = Path(folder, name)
                    made.append(path)
                    with signals_held():
                        self._git(
                            *("-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet"),
                            *("--detach", str(path), commit),
                            failing=f"cannot check out {commit[:12]}: ",
                        )
                yield dict(zip(commits, made, strict=True))
            finally:
                for path in made:
                    with signals_held(), contextlib.suppress(CspbenchError):  # it was never made
                        self._git("worktree", "remove", "--force", str(path), failing="")

    def _git(self, *arguments: str, failing: str) -> str:
        """What git answers; in place of an error of git's, one that begins with ``failing``."""
        try:
            done = subprocess.run(  # noqa: S603 -- no shell, and revisions are never options
                ["git", "-C", str(self._folder), *arguments],  # noqa: S607 -- the user's own git
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CspbenchError(f"git cannot be run: {error}") from error
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise CspbenchError(failing + (said[-1] if said else ""))
        return done.stdout.strip()
