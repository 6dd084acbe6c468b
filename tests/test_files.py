"""Files: reading ends whatever is read; a file is replaced whole, however writing ends."""

import errno
import os
from pathlib import Path

import pytest

from cspbench.errors import CspbenchError
from cspbench.files import complete_bytes, lines_of_file, open_regular, read_file, replace_file


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
    with pytest.raises(CspbenchError, match=r"suite\.toml is too large: 1,000 bytes; at most 999"):
        read_file(path, 999)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """A FIFO would block, and a device has no end; a link to a file is as good as the file."""
    fifo, link, device = tmp_path / "fifo", tmp_path / "link", tmp_path / "device"
    os.mkfifo(fifo)
    device.symlink_to("/dev/zero")
    for path in (fifo, device):
        with pytest.raises(CspbenchError, match=f"{path.name} is not a regular file"):
            read_file(path, 1_000)
    (tmp_path / "file").write_bytes(b"content")
    link.symlink_to(tmp_path / "file")
    assert read_file(link, 1_000) == b"content"


def test_a_path_with_a_nul_is_none(tmp_path: Path) -> None:
    """No system call takes it."""
    with pytest.raises(CspbenchError, match=r"a\\x00b' is not a path: embedded null byte"):
        read_file(tmp_path / "a\0b", 10)


def test_a_file_without_a_size_is_read_to_the_limit_only() -> None:
    """Files of /proc say that they are empty."""
    path = Path("/proc/self/maps")
    assert b"[stack]" in read_file(path, 1 << 24)
    with pytest.raises(CspbenchError, match="at most 10 are read"):
        read_file(path, 10)


def test_lines_are_read_one_by_one_up_to_both_limits(tmp_path: Path) -> None:
    """The last one may lack its end; a limit that is passed names the line, or the file."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"one\nthree\ntorn")
    assert list(lines_of_file(path, 14, 6)) == [b"one\n", b"three\n", b"torn"]
    with pytest.raises(
        CspbenchError, match=r"records\.jsonl line 2 is too long; at most 5 bytes are read"
    ):
        list(lines_of_file(path, 14, 5))
    with pytest.raises(CspbenchError, match="is too large: 14 bytes; at most 13 are read"):
        list(lines_of_file(path, 13, 6))


@pytest.mark.parametrize(
    ("content", "complete"),
    [
        (b"", 0),
        (b"torn", 0),
        (b"one\n", 4),
        (b"one\ntorn", 4),
        (b"one\n" + b"x" * (3 << 20), 4),
        (b"\n" * (2 << 20) + b"x", 2 << 20),
    ],
    ids=["empty", "torn", "whole", "torn end", "long torn end", "many lines"],
)
def test_the_end_of_the_last_whole_line_is_told(
    tmp_path: Path, content: bytes, complete: int
) -> None:
    """It is looked for from the end of the file, in blocks."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    assert complete_bytes(path) == complete


def test_only_a_regular_file_is_opened_to_be_written(tmp_path: Path) -> None:
    """Nobody reads the FIFO: opening it to write would block, too."""
    fifo, device = tmp_path / "fifo", tmp_path / "device"
    os.mkfifo(fifo)
    device.symlink_to("/dev/null")
    for path in (fifo, device):
        with pytest.raises(CspbenchError, match=f"{path.name} is not a regular file"):
            open_regular(path, os.O_WRONLY | os.O_APPEND)
    descriptor = open_regular(tmp_path / "new", os.O_WRONLY | os.O_CREAT)
    os.close(descriptor)
    assert (tmp_path / "new").read_bytes() == b""
