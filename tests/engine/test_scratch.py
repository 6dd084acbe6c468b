"""Folders for temporary files: those of killed processes go, all others stay."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cspbench.engine import scratch

HOLDER = """
import tempfile
from cspbench.engine import scratch
print(scratch.folder(), flush=True)
input()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and of the `holder`."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(temporary: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process with a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        yield process
        process.kill()


def aged(folder: Path) -> Path:
    """``folder``, made an hour ago by a process that has ended."""
    folder.mkdir()
    os.utime(folder, (0, 0))
    return folder


@pytest.mark.slow
def test_a_folder_goes_with_its_process_or_after_it(holder: "subprocess.Popen[str]") -> None:
    """It stays while the process lives, and the next removes what a killed one left."""
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    (folder / "w1").mkdir()
    (folder / "w1" / "file").touch()
    scratch.remove_left(folder)
    assert (folder / "w1" / "file").exists()
    holder.kill()
    holder.wait()
    scratch.remove_left(folder)
    assert not folder.exists()


@pytest.mark.slow
def test_a_process_that_ends_in_good_order_removes_its_folder(
    holder: "subprocess.Popen[str]",
) -> None:
    """Nothing is left to the next."""
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    holder.communicate("\n")
    assert not folder.exists()


def test_only_folders_of_this_kind_are_removed(temporary: Path) -> None:
    """Not what a link names, not other folders, not one that is about to be locked."""
    other = aged(temporary / "cspbench-other")
    target = aged(temporary / "target")
    (target / "file").touch()
    link = temporary / f"{scratch.PREFIX}link"
    link.symlink_to(target)
    file = temporary / f"{scratch.PREFIX}file"
    file.touch()
    new = temporary / "cspbench-new-folder"
    new.mkdir()
    left = aged(temporary / f"{scratch.PREFIX}left")
    with_link = temporary / f"{scratch.PREFIX}with-link"
    with_link.mkdir()
    (with_link / "link").symlink_to(target)
    for path in list(temporary.iterdir()):
        scratch.remove_left(path)
    assert sorted(temporary.iterdir()) == sorted([other, target, link, file, new])
    assert (target / "file").exists()
    assert not left.exists()


def test_folders_of_another_user_stay(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where this user may remove them."""
    left = aged(temporary / f"{scratch.PREFIX}left")
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    scratch.remove_left(left)
    assert left.exists()
