"""What is no ordinary file, in the place of each file that the program reads."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import answer, check_compare, check_report, check_sheet
from compared_runs import make_small_run
from factories import SETTINGS
from inputs import limited
from synthetic import write_folder

from cspbench import cli
from cspbench.machine import noise_floor
from cspbench.records.folder import INFO, RECORDS

SPARSE_BYTES = 1 << 36


def _sparse(path: Path) -> None:
    """A file of 64 GiB that takes no room."""
    with path.open("wb") as file:
        file.truncate(SPARSE_BYTES)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "FIFO": os.mkfifo,
    "device without end": lambda path: path.symlink_to("/dev/zero"),
    "empty device": lambda path: path.symlink_to("/dev/null"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "process's memory": lambda path: path.symlink_to("/proc/self/mem"),
    "folder": Path.mkdir,
    "64 GiB without content": _sparse,
    "unreadable file": lambda path: path.touch(0),
    "link to itself": lambda path: path.symlink_to(path),
    "link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "empty file": Path.touch,
    "one line of 100 MB": lambda path: path.write_bytes(b"[" * 100_000_000),
    "not text": lambda path: path.write_bytes(bytes(range(256)) * 40),
}


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder, whole; commands start beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cspbench.report.plots.plots_of", lambda derived: {})
    path = tmp_path / "good"
    write_folder(make_small_run(), path)
    return path


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("name", [INFO, RECORDS])
def test_a_file_of_a_run_folder(run_folder: Path, tmp_path: Path, name: str, kind: str) -> None:
    """Compared, reported and resumed."""
    damaged = tmp_path / "damaged"
    shutil.copytree(run_folder, damaged)
    (damaged / name).unlink()
    SPECIAL[kind](damaged / name)
    with limited():
        check_compare(damaged, run_folder, "table")
        check_compare(run_folder, damaged / name, "json")
    with limited():
        check_report(damaged, "markdown")
    with limited():
        assert answer("run", "--resume", str(damaged)) == (2, "")
        assert answer("run", "smoke", "--out", str(damaged)) == (2, "")


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_saved_report(run_folder: Path, tmp_path: Path, kind: str) -> None:
    """In either place of a comparison."""
    SPECIAL[kind](path := tmp_path / "report.md")
    with limited():
        check_compare(path, run_folder, "table")
        check_compare(run_folder, path, "markdown")


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_file_that_a_report_writes(run_folder: Path, kind: str) -> None:
    """It is replaced, or the reason why not is said."""
    SPECIAL[kind](path := run_folder / "report.csv")
    with limited():
        code = cli.main(["report", str(run_folder)])
    assert code == (2 if kind == "folder" else 0)
    if code == 0:
        check_sheet(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("words", [("run", "hostile.toml"), ("gradients", "./hostile.toml")])
@pytest.mark.usefixtures("run_folder")
def test_a_suite(tmp_path: Path, words: tuple[str, ...], kind: str) -> None:
    """It is refused before anything is measured."""
    SPECIAL[kind](tmp_path / "hostile.toml")
    with limited():
        assert answer(*words) == (2, "")


@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "empty file"])
def test_the_settings(run_folder: Path, tmp_path: Path, kind: str) -> None:
    """What is no file is no table of settings; what cannot be read is said."""
    SPECIAL[kind](tmp_path / "pyproject.toml")
    with limited():
        check_compare(run_folder, run_folder, "table")


@pytest.mark.parametrize("kind", SPECIAL)
def test_the_noise_floor(kind: str) -> None:
    """It counts as absent."""
    path = noise_floor.STORE.path()
    path.parent.mkdir(parents=True)
    SPECIAL[kind](path)
    with limited():
        assert noise_floor.load("here", SETTINGS) is None


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.usefixtures("run_folder")
def test_the_file_of_a_model(tmp_path: Path, kind: str) -> None:
    """It cannot be imported, which is said before anything is measured."""
    SPECIAL[kind](tmp_path / "hostile_model.py")
    with limited():
        assert answer("show", "hostile_model.py:Net") == (2, "")


@pytest.mark.parametrize(
    "name", ["\udcff", "a\udce9.toml", "\x1b[31m", "\u202etxt", "a\nb", "-", "x" * 300, "\0"]
)
def test_a_name(run_folder: Path, tmp_path: Path, name: str) -> None:
    """A path that is not UTF-8, not printable or too long, where a path can be given."""
    copy = tmp_path / name
    try:
        shutil.copytree(run_folder, copy)
    except (OSError, ValueError):
        copy = tmp_path / "good"
    for path in (copy, tmp_path / name / "absent", tmp_path / f"{name}.toml"):
        with limited():
            check_compare(path, run_folder, "markdown")
            check_report(path, "table")
    with limited():
        assert answer("run", f"{tmp_path}/{name}.toml")[0] == 2
        assert answer("run", f"{tmp_path}/{name}.py:Net")[0] == 2
        assert answer("run", "--resume", f"{tmp_path}/{name}.d")[0] == 2
        assert answer("report", str(run_folder), "--columns", name)[0] == 2
        assert answer("run", "dense", "--only", f"{name}?")[0] == 2
        assert answer("show", name)[0] == 2
