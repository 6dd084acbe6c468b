"""Exit codes are only what they mean: faults, output that cannot be written, interrupts."""

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from compared_runs import make_small_run
from factories import lines_of

from cspbench import cli
from cspbench.cli import dispatch, fault
from cspbench.engine.signals import ENDING
from cspbench.records.folder import RunFolder

slow = pytest.mark.slow


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The next command raises ``error``."""

    def execute(_: object) -> None:
        raise error

    monkeypatch.setattr(dispatch, "_execute", execute)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OverflowError("too large\nsecond line"), "OverflowError: too large"),
        (MemoryError(), "MemoryError"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (ImportError("cannot import name", name="cspbench.units"), "ImportError: cannot import"),
        (ModuleNotFoundError("lost", name="cspbench.units"), "ModuleNotFoundError: lost"),
        (SystemExit(1), "RuntimeError: the program was ended with 1"),
        (BaseException("rare"), "BaseException: rare"),
    ],
)
def test_a_fault_is_one_line_with_a_file_of_details_and_exit_code_70(
    error: BaseException,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Never a traceback, and never exit code 1, which is a regression's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    raising(monkeypatch, error)
    assert cli.main(["compare", "a b", "c"]) == 70
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"cspbench: this is a bug in cspbench: {name}")
    (file,) = tmp_path.iterdir()
    assert printed.err.endswith(f"; details to report are in {file}\n")
    details = file.read_text(encoding="utf-8")
    assert "command      compare 'a b' c\n" in details
    assert "Traceback (most recent call last)" in details
    assert "in execute\n" in details


def test_details_are_kept_in_the_run_folder_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the records that they are about."""
    run = make_small_run()
    with RunFolder.create(tmp_path / "run", run.info) as folder:
        folder.append(lines_of(run))

    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("cspbench.report.derive", fail)
    assert cli.main(["report", str(tmp_path / "run")]) == 70
    (file,) = (tmp_path / "run").glob("fault-*.txt")
    assert f"details to report are in {file}" in capsys.readouterr().err


def test_a_fault_whose_details_cannot_be_written_says_where_it_was_raised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the disk is full."""

    def full(_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fault, "_write", full)
    raising(monkeypatch, ZeroDivisionError("division by zero"))
    assert cli.main(["list"]) == 70
    assert re.fullmatch(
        r"cspbench: this is a bug in cspbench: ZeroDivisionError: division by zero; its details "
        r"cannot be written \(OSError\); raised at test_program.py:\d+\n",
        capsys.readouterr().err,
    )


def test_a_library_that_cannot_be_loaded_is_no_fault_of_cspbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken installation is the user's to mend."""
    raising(monkeypatch, ImportError("libgomp.so.1: cannot open", name="torch._C"))
    assert cli.main(["list"]) == 2
    assert capsys.readouterr().err == (
        f"cspbench: torch._C cannot be loaded by {sys.executable} (reinstall it): libgomp.so.1: "
        "cannot open\n"
    )


@pytest.fixture
def regression(tmp_path: Path) -> Path:
    """A folder in which two runs, a and b, can be compared: b is worse."""
    run = make_small_run()
    for name in "ab":
        with RunFolder.create(tmp_path / name, run.info) as folder:
            folder.append(lines_of(run))
    records = tmp_path / "b" / "records.jsonl"
    content = records.read_text(encoding="utf-8")
    worse = re.sub(r'"macs":(\d+)', lambda match: f'"macs":{int(match[1]) + 7}', content)
    assert worse != content
    records.write_text(worse, encoding="utf-8")
    return tmp_path


@slow
@pytest.mark.parametrize("redirection", ["| head -0", "| head -1", ">&-", "2>&-", ">/dev/full"])
def test_a_regression_stays_one_whatever_becomes_of_the_output(
    regression: Path, redirection: str
) -> None:
    """A reader that leaves, a stream that is closed, a full disk."""
    program = f"{sys.executable} -m cspbench compare a b --format json"
    command = f"({program}; echo $? >code) {redirection}"
    completed = subprocess.run(
        ["bash", "-c", command], cwd=regression, capture_output=True, text=True, check=False
    )
    assert (regression / "code").read_text() == "1\n"
    assert "Traceback" not in completed.stderr
    assert "Exception" not in completed.stderr


@slow
@pytest.mark.parametrize(
    ("words", "redirection", "code"),
    [
        ("list", ">&-", 0),
        ("list", "2>&-", 0),
        ("list", "| true", 0),
        ("--help", ">/dev/full", 2),
        ("--version", ">&-", 0),
        ("rnu", "2>&-", 2),
        ("rnu", "2>/dev/full", 2),
        ("rnu", ">&- 2>&- <&-", 2),
    ],
)
def test_closed_and_full_streams_leave_the_code_and_no_traceback(
    words: str, redirection: str, code: int, tmp_path: Path
) -> None:
    """What cannot be printed is dropped; only a full disk turns success into exit code 2."""
    command = f"({sys.executable} -m cspbench {words}; echo $? >code) {redirection}"
    completed = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (tmp_path / "code").read_text() == f"{code}\n"
    assert "Traceback" not in completed.stderr
    assert "Exception" not in completed.stderr


@slow
def test_a_run_without_standard_streams_keeps_its_records_whole(tmp_path: Path) -> None:
    """Its files do not take the numbers of the streams, so that nothing is printed into them."""
    command = (
        f"{sys.executable} -m cspbench run dense --input 1,64,8,8 --mode infer --launches 1 "
        "--turns 1 --out run >&- 2>&- <&-"
    )
    completed = subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False)
    assert completed.returncode == 0
    report = subprocess.run(
        [sys.executable, "-m", "cspbench", "report", "run"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert report.returncode == 0


def signalled_import(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:
    """A function that imports a module during whose import SIGTERM arrives."""
    (folder / "signalled.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nos.getpid()\nIS_LOADED = True\n"
    )
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "signalled", raising=False)
    return partial(importlib.import_module, "signalled")


def test_a_signal_inside_an_import_waits_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An extension module whose initialisation is interrupted can crash the interpreter."""
    import_under_a_signal = signalled_import(tmp_path, monkeypatch)

    def execute(_: object) -> int:
        assert import_under_a_signal().IS_LOADED
        time.sleep(30)
        return 0

    monkeypatch.setattr(dispatch, "_execute", execute)
    assert cli.main(["run"]) == 130
    assert capsys.readouterr().err == "cspbench: interrupted before anything was measured\n"


def test_the_callers_handlers_are_back_after_a_command() -> None:
    """A program that calls `main` keeps its own."""
    before = [signal.getsignal(number) for number in ENDING]
    assert cli.main(["list"]) == 0
    assert [signal.getsignal(number) for number in ENDING] == before


def test_what_the_caller_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        def execute(_: object) -> int:
            os.kill(os.getpid(), signal.SIGHUP)
            return 0

        monkeypatch.setattr(dispatch, "_execute", execute)
        assert cli.main(["run"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_ended_while_a_model_loads_says_that_nothing_was_measured(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Exit code 130, and no folder."""
    (tmp_path / "net.py").write_text(
        "import pathlib, time\npathlib.Path('loading').touch()\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [*(sys.executable, "-m", "cspbench", "run", "net.py:Net"), *("--input", "1,3,8,8")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "loading").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, number)  # as a terminal does
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (130, "")
    assert errors == "cspbench: interrupted before anything was measured\n"
    assert not (tmp_path / "results").exists()


@slow
def test_a_run_whose_terminal_is_closed_keeps_its_records(tmp_path: Path) -> None:
    """SIGHUP to the whole group, and a terminal that takes no more output."""
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cspbench", "run", "smoke", "--mode", "infer"),
            *("--launches", "2", "--turns", "2000", "--out", "run"),
        ],
        cwd=tmp_path,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = b""
    while b"latency: 0 of 2 launches" not in shown:
        shown += os.read(leader, 4096)
    os.close(leader)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(timeout=120) == 130
    folder = tmp_path / "run"
    assert (folder / "report.txt").exists()
    assert (folder / "records.jsonl").read_bytes().count(b"\n") > 4


def test_an_interrupt_that_was_swallowed_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """C code that asks for an attribute clears whatever exception is raised meanwhile."""
    import_under_a_signal = signalled_import(tmp_path, monkeypatch)
    monkeypatch.setattr("cspbench.cli.interrupts._LOST_S", 0.05)

    def execute(_: object) -> int:
        import_under_a_signal()
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(30)
        time.sleep(30)
        return 0

    monkeypatch.setattr(dispatch, "_execute", execute)
    assert cli.main(["run"]) == 130
    assert capsys.readouterr().err == "cspbench: interrupted before anything was measured\n"
