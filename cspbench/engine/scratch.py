"""The folder for temporary files of this process, and removal of those that killed ones left.

A process holds a lock on its folder until it ends, however it ends: a folder without one is left.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

PREFIX = "cspbench-run-"
_NEW_S = 60.0  # age up to which an empty folder may be one that is about to be locked


@cache
def folder() -> Path:
    """The folder of this process, made at the first call and removed at exit.

    Folders that killed processes of this user left beside it are removed. Raises OSError if it
    cannot be made.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        remove_left(left)
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    fcntl.flock(_open(path), fcntl.LOCK_EX)  # open until this process ends
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
            is_used = any(path.iterdir()) or time.time() - status.st_mtime > _NEW_S
            if is_used and status.st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked from it
        shutil.rmtree(path, ignore_errors=True)
