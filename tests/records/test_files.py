"""Files that are replaced whole: whatever interrupts the writing, a reader sees old or new."""

import errno
from pathlib import Path

import pytest

from cspbench.records.files import replace_file


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def half_written(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
    full_disk()


def test_a_file_is_made_with_its_folders_and_replaced(tmp_path: Path) -> None:
    """Nothing but the file is left beside it."""
    path = tmp_path / "plots" / "deep" / "report.txt"
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("method", "failing"), [("write_bytes", half_written), ("replace", full_disk)]
)
def test_a_failed_write_leaves_the_older_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, failing: object
) -> None:
    """Half of the content was written, or all of it, when the disk was full."""
    path = tmp_path / "report.txt"
    path.write_bytes(b"the older report")
    monkeypatch.setattr(Path, method, failing)
    with pytest.raises(OSError, match="No space left on device"):
        replace_file(path, b"the newer report")
    monkeypatch.undo()
    assert path.read_bytes() == b"the older report"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_in_the_middle_of_a_write_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the content is written."""

    def interrupted(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:3])
        raise KeyboardInterrupt

    path = tmp_path / "report.txt"
    path.write_bytes(b"the older report")
    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, b"the newer report")
    assert path.read_bytes() == b"the older report"


def test_the_content_is_whole_before_the_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that opens the file at any moment finds one of the two contents."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    contents: list[bytes] = []
    replace = Path.replace

    def watched(temporary: Path, target: Path) -> Path:
        contents.extend([path.read_bytes(), temporary.read_bytes()])
        return replace(temporary, target)

    monkeypatch.setattr(Path, "replace", watched)
    replace_file(path, b"new")
    assert contents == [b"old", b"new"]


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    """A file stands in its place, and stays."""
    (tmp_path / "plots").write_bytes(b"mine")
    with pytest.raises(OSError, match="exists"):
        replace_file(tmp_path / "plots" / "latency.png", b"png")
    assert (tmp_path / "plots").read_bytes() == b"mine"
