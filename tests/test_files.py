"""Files: reading ends whatever is read; a file is replaced whole, however writing ends."""

import errno
import os
from pathlib import Path

import pytest

from cspbench.errors import CspbenchError
from cspbench.files import read_file, replace_file


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


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """The limit itself is allowed; the message names both sizes."""
    path = tmp_path / "suite.toml"
    path.write_bytes(b"x" * 1_000)
    assert read_file(path, 1_000) == b"x" * 1_000
    with pytest.raises(CspbenchError, match=r"suite\.toml is 1,000 bytes large; at most 999"):
        read_file(path, 999)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """A FIFO would block, and a device has no end; a link to a file is as good as the file."""
    fifo, link, device = tmp_path / "fifo", tmp_path / "link", tmp_path / "device"
    os.mkfifo(fifo)
    device.symlink_to("/dev/zero")
    for path in (fifo, device):
        with pytest.raises(CspbenchError, match=f"{path.name} is no regular file"):
            read_file(path, 1_000)
    (tmp_path / "file").write_bytes(b"content")
    link.symlink_to(tmp_path / "file")
    assert read_file(link, 1_000) == b"content"


def test_a_file_without_a_size_is_read_to_the_limit_only() -> None:
    """Files of /proc say that they are empty."""
    path = Path("/proc/self/maps")
    assert b"[stack]" in read_file(path, 1 << 24)
    with pytest.raises(CspbenchError, match="at most 10 are read"):
        read_file(path, 10)
