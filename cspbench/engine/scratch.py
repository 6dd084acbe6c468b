"""The folder for temporary files of this process, and removal of those that killed ones left.

A process holds a lock on its folder until it ends, however it ends: a folder without one is left.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

PREFIX = "cspbench-run-"
_UNLOCKED_PREFIX = "cspbench-new-"  # of a folder until it is locked


@cache
def folder() -> Path:
    """The folder of this process, made at the first call and removed at exit.

    Folders that killed processes of this user left beside it are removed. Raises OSError if it
    cannot be made.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        remove_left(left)
    unlocked = Path(tempfile.mkdtemp(prefix=_UNLOCKED_PREFIX))
    fcntl.flock(_open(unlocked), fcntl.LOCK_EX)  # open until this process ends
    path = unlocked.rename(unlocked.with_name(PREFIX + unlocked.name[len(_UNLOCKED_PREFIX) :]))
    atexit.register(_remove, path, os.getpid())
    return path


def remove_left(path: Path) -> None:
    """Remove ``path`` if it is such a folder of this user, and its process has ended."""
    if not path.name.startswith(PREFIX):
        return
    with contextlib.suppress(OSError):  # removed meanwhile, no folder, a link, or locked
        descriptor = _open(path)
        try:
            status = os.fstat(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if status.st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked from it
        shutil.rmtree(path, ignore_errors=True)
