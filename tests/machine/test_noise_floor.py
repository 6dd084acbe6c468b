"""The noise floor's file: kept by machine, device, threads and allocator, and never fatal."""

import os
from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS, make_floor

from cspbench.errors import CspbenchError
from cspbench.machine import noise_floor


def test_a_floor_is_found_again_for_the_same_machine_and_settings_only() -> None:
    """Another thread count, allocator or machine has none."""
    assert noise_floor.load("here", SETTINGS) is None
    noise_floor.STORE.save(make_floor(0.02))
    assert noise_floor.load("here", SETTINGS) == make_floor(0.02)
    assert noise_floor.load("there", SETTINGS) is None
    for change in ({"threads": 2}, {"allocator": "system"}, {"device": "cuda"}):
        assert noise_floor.load("here", msgspec.structs.replace(SETTINGS, **change)) is None


def test_a_newer_floor_takes_the_place_of_the_older_one_and_of_no_other() -> None:
    """Two thread counts are kept side by side."""
    two_threads = msgspec.structs.replace(make_floor(0.03), threads=2)
    for floor in (make_floor(0.02), two_threads, make_floor(0.01)):
        noise_floor.STORE.save(floor)
    assert noise_floor.load("here", SETTINGS) == make_floor(0.01)
    assert noise_floor.load("here", msgspec.structs.replace(SETTINGS, threads=2)) == two_threads


WIDE = msgspec.json.encode([msgspec.to_builtins(make_floor(1000.0))])


@pytest.mark.parametrize("content", [b"", b"[{}]", b"\xff", b"[" * 10_000, b" " * (1 << 21), WIDE])
def test_a_damaged_file_is_as_good_as_none(content: bytes) -> None:
    """It is measured again and replaced."""
    noise_floor.STORE.path().parent.mkdir(parents=True)
    noise_floor.STORE.path().write_bytes(content)
    assert noise_floor.load("here", SETTINGS) is None
    noise_floor.STORE.save(make_floor(0.02))
    assert noise_floor.load("here", SETTINGS) == make_floor(0.02)


def test_a_fifo_is_as_good_as_none() -> None:
    """Reading it would wait for ever."""
    noise_floor.STORE.path().parent.mkdir(parents=True)
    os.mkfifo(noise_floor.STORE.path())
    assert noise_floor.load("here", SETTINGS) is None
    noise_floor.STORE.save(make_floor(0.02))
    assert noise_floor.load("here", SETTINGS) == make_floor(0.02)


def test_a_folder_that_cannot_be_written_is_said_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("", encoding="ascii")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(CspbenchError, match="XDG_STATE_HOME"):
        noise_floor.STORE.save(make_floor(0.02))
