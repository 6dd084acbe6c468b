"""A run folder that holds something else than two files of a usual size: one line, never a hang."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from factories import make_case, make_info, make_latency, make_launch

from cspbench.errors import CspbenchError
from cspbench.records import folder, info_file
from cspbench.records.folder import INFO, RECORDS, RunFolder, read

CASE = make_case("Good")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run folder with one launch."""
    with RunFolder.create(tmp_path / "run", make_info(CASE)) as run_folder:
        run_folder.append([make_latency(CASE, 1), make_launch(1, CASE)])
    return tmp_path / "run"


def make_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "is not a regular file": os.mkfifo,
    "is not a regular file ": lambda path: path.symlink_to("/dev/zero"),
    r"is too large: 1,099,511,627,776 bytes; at most [0-9,]+ are read": make_sparse,
}


@pytest.mark.parametrize("message", REPLACEMENTS)
@pytest.mark.parametrize("name", [INFO, RECORDS])
def test_a_file_that_would_never_end_is_refused(path: Path, name: str, message: str) -> None:
    """A FIFO, a link to a device and a sparse giant, in the place of either file."""
    (path / name).unlink()
    REPLACEMENTS[message](path / name)
    with pytest.raises(CspbenchError, match=f"{name} {message.strip()}"):
        read(path)
    with pytest.raises(CspbenchError, match=name):
        RunFolder.resume(path)


def test_a_new_run_is_not_written_into_a_fifo(tmp_path: Path) -> None:
    """Opening it would wait for a reader."""
    os.mkfifo(tmp_path / RECORDS)
    with pytest.raises(CspbenchError, match=f"{RECORDS} is not a regular file"):
        RunFolder.create(tmp_path, make_info(CASE))


def test_a_line_beyond_the_limit_is_refused_by_its_number(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is said."""
    monkeypatch.setattr(folder, "MAX_LINE_BYTES", 4_000)
    with (path / RECORDS).open("ab") as file:
        file.write(b'"' + b"x" * 4_000 + b'"\n')
    with pytest.raises(CspbenchError, match=f"{RECORDS} line 3 is too long; at most 4,000"):
        read(path)


@pytest.mark.parametrize(("name", "values"), [(INFO, 1), (RECORDS, 25)])
def test_more_values_than_memory_should_hold_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, values: int
) -> None:
    """Short numbers take more memory than text: they are counted, over all lines of a file."""
    whole = (path / RECORDS).read_bytes()
    assert max(line.count(b",") for line in whole.splitlines()) < 25 < whole.count(b",")
    monkeypatch.setattr(info_file if name == INFO else folder, "_MAX_VALUES", values)
    with pytest.raises(CspbenchError, match=f"{name} holds too many values; at most {values}"):
        read(path)
