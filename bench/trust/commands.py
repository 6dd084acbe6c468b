"""The product's command lines, run on small repositories as a user would run them."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cspbench

from .sizes import Size

MODELS = "models.py"
_PLANTED = Path(__file__).parent / "planted.py"
_ROOT = Path(cspbench.__file__).parent.parent
_LIMIT_S = 900.0
_ANSWERS = {0, 1}  # exit codes of a comparison that was made; 1: something got worse
_BUSY = """
import os
parent = {parent}
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


class CommandError(Exception):
    """A command of the product's that did not do what it was to do."""


def write_models(repository: Path, size: Size, planted: dict[str, int], comment: str = "") -> None:
    """Write the model file: a function for each entry, with the work that is planted in it."""
    functions = [
        f"\n\ndef {entry}() -> Block:\n    return {size.call(change)}\n"
        for entry, change in planted.items()
    ]
    text = _PLANTED.read_text(encoding="utf-8") + "".join(functions) + comment
    (repository / MODELS).write_text(text, encoding="utf-8")


def make_repository(repository: Path, size: Size, change: int) -> None:
    """Make two commits of the entry ``block``, the second with ``change`` percent more work.

    Where ``change`` is 0, they differ in a comment.
    """
    repository.mkdir()
    _git(repository, "init", "--quiet")
    for planted, comment in ((0, ""), (change, "" if change else "# the same code\n")):
        write_models(repository, size, {"block": planted}, comment)
        _git(repository, "add", MODELS)
        _git(repository, "commit", "--quiet", "--message", f"{planted}% planted {comment}")


def _git(repository: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=fidelity", "-c", "user.email=fidelity@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, env=_environment())


def command(*arguments: str, folder: Path) -> str:
    """What `python -m cspbench` prints in ``folder``; raises `CommandError` if it fails.

    The user's noise floor is out of reach, so that thresholds are the defaults.
    """
    try:
        process = subprocess.run(
            [sys.executable, "-m", "cspbench", *arguments],
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            env=_environment() | {"XDG_STATE_HOME": str(folder / ".state")},
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{arguments[0]} took longer than {_LIMIT_S:.0f} s") from None
    if process.returncode not in _ANSWERS:
        raise CommandError(
            f"{arguments[0]} ended with exit code {process.returncode}: {process.stderr[-500:]}"
        )
    return process.stdout


def latencies(comparison: str) -> dict[str, dict[str, Any]]:
    """The change of latency that a comparison printed as JSON, by the entry's function."""
    return {
        case["label"].partition(":")[2]: case["measures"]["latency"]
        for case in json.loads(comparison)["cases"]
    }


def _environment() -> dict[str, str]:
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


@contextlib.contextmanager
def beside(*, busy: bool) -> Iterator[None]:
    """Within it, if ``busy``, another process keeps one core busy; it ends with this process."""
    if not busy:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", _BUSY.format(parent=os.getpid())]) as process:
        try:
            yield
        finally:
            process.kill()
