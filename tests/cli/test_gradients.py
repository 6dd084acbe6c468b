"""The verb ``gradients``: its folder, and what it refuses."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from synthetic import write_report

from cspbench import cli
from cspbench.records.folder import read

SMALL = ("gradients", "csp", "--set", "channels=8", "--set", "layers=2", "--set", "growth=4")
SHORT = (*SMALL, "--input", "1,8,8,8", "--seeds", "2", "--steps", "4")


def cspbench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cspbench", *words],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_an_entry_is_traced_trained_and_reported_and_drawn_anew_from_its_records(
    tmp_path: Path,
) -> None:
    """Every file of the run comes again to the byte, and the run is equal to its own report."""
    completed = cspbench(*SHORT, "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    folder = tmp_path / "run"
    run = read(folder)
    assert run.info.command == " ".join(["python -m cspbench", *SHORT])
    assert run.info.stages == ("counts", "gradient_terms", "training")
    (record,) = run.records
    assert record.gradient_terms is not None
    assert [split.truncated for split in record.gradient_terms.structure.splits] == [True]
    assert [training.seed for training in record.trainings] == [0, 1]
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    names = {path.relative_to(folder).as_posix() for path in files}
    assert {"plots/gradient_terms.png", "plots/gradient_course.svg", "report.md"} <= names
    assert "plots/latency.png" not in names
    write_report(run, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    sentence = "After 4 steps, the similarity of the two parts' gradients (linear CKA) is: csp"
    assert sentence in " ".join(completed.stdout.split())
    assert "- parts compared, of input as the block cuts it: csp" in completed.stdout
    assert f" -m cspbench show {' '.join(SMALL[1:])} --input 1,8,8,8\n" in completed.stdout
    assert "Timed" not in completed.stdout
    comparison = cspbench("compare", "run", "run/report.md", cwd=tmp_path)
    assert comparison.returncode == 0
    first_line = comparison.stdout.splitlines()[0]
    assert first_line == "No change: counts and peaks are equal and trained figures are the same"


@pytest.mark.slow
def test_networks_are_traced_only(tmp_path: Path) -> None:
    """Nothing is trained with --no-training; a whole network could not be."""
    completed = cspbench("gradients", "peleenet", "--no-training", "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    (record,) = read(tmp_path / "run").records
    assert record.gradient_terms is not None
    assert not record.gradient_terms.is_block
    assert "peleenet (no cut)." in completed.stdout.replace("\n", " ")
    assert "1 case: gradient terms first" in completed.stderr


@pytest.mark.slow
def test_a_model_of_ones_own_is_a_suite_with_a_plain_name(tmp_path: Path) -> None:
    """A dictionary of maps is traced, and one note says why nothing is trained on it."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n"
        "class Two(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(4, 4, 1)\n\n"
        "    def forward(self, x):\n"
        "        return {'a': self.conv(x), 'b': x}\n"
    )
    (tmp_path / "below").mkdir()
    words = (f"{tmp_path}/mine.py:Two", "--input", "2,4,8,8", "--out", "../run")
    completed = cspbench("gradients", *words, cwd=tmp_path / "below")
    assert completed.returncode == 0, completed.stderr
    info = read(tmp_path / "run").info
    assert info.suite == "mine.py-Two"
    assert info.command == "python -m cspbench gradients ../mine.py:Two --input 2,4,8,8"
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()[:16]
    assert info.models == {f"{tmp_path}/mine.py:Two": digest}
    assert f"models     …/mine.py:Two {digest}\n" in completed.stdout
    assert "\ncspbench   commit " in completed.stdout  # of which nothing follows for the model
    text = " ".join(completed.stdout.split())
    assert text.count("it returns no feature map (N, C, H, W) to train on") == 1
    assert "uses each gradient term in 1 update." in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gradients", "dence"), "no suite or entry 'dence'; nearest: 'dense'"),
        (
            ("gradients", "designs", "--set", "gamma=0.5"),
            "--set and --input need an entry, but 'designs' is a suite",
        ),
        (
            ("gradients", "csp", "--set", "gama=0.5"),
            "csp has no parameter 'gama'; nearest: 'gamma'",
        ),
        (("gradients", "csp", "--head", "cnv"), "no head 'cnv'; nearest: 'conv'"),
        (
            ("gradients", "csp", "--steps", "3"),
            "--steps: expected an integer from 4 to 1,000,000, got '3'",
        ),
        (
            ("gradients", "--device", "cuda"),
            "gradients has no option '--device'; it is an option of run, ab and doctor",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is measured."""
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (*SHORT, "--data", "nowhere:batches"),
            "--data: no module 'nowhere', which nowhere:batches names",
        ),
        ((*SHORT, "--data", "data.py:none"), "--data: data.py has no callable 'none'"),
        ((*SHORT, "--data", "data.py:ends"), "cannot load data.py:ends: the process exited"),
        (("gradients", "data.py:none", "--input", "1,4,8,8"), "data.py has no callable 'none'"),
    ],
)
def test_data_or_a_model_that_cannot_be_had_is_said_before_anything_is_measured(
    tmp_path: Path, words: Sequence[str], message: str
) -> None:
    """One line, exit code 2 and no folder."""
    (tmp_path / "data.py").write_text("import os\n\ndef ends():\n    os._exit(3)\n")
    completed = cspbench(*words, "--out", "run", cwd=tmp_path)
    assert completed.returncode == 2
    assert message in completed.stderr
    assert completed.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_is_gone_on_with_only_where_its_model_is_found(tmp_path: Path) -> None:
    """From another directory it is refused, or when the file has changed; it stays as it is."""
    (tmp_path / "mine.py").write_text("from torch import nn\n\nBlock = nn.Identity\n")
    words = ("gradients", "mine.py:Block", "--input", "1,4,8,8", "--steps", "4")
    completed = cspbench(*words, "--seeds", "1", "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    records = tmp_path / "run" / "records.jsonl"
    content = records.read_bytes()
    (tmp_path / "elsewhere").mkdir()
    elsewhere = tmp_path / "elsewhere"
    completed = cspbench("gradients", "--resume", "../run", "--trust", cwd=elsewhere)
    assert completed.returncode == 2
    assert completed.stderr == (
        "cspbench: cannot resume ../run: no file mine.py; paths are relative to the current "
        "folder "
        "(continue in the folder in which it was started)\n"
    )
    (tmp_path / "mine.py").write_text("from torch import nn\n\nBlock = nn.ReLU\n")
    completed = cspbench("gradients", "--resume", "run", "--trust", cwd=tmp_path)
    assert completed.returncode == 2
    assert completed.stderr == (
        "cspbench: cannot resume run: mine.py:Block has changed since it was started (start a new "
        "run without --resume)\n"
    )
    assert records.read_bytes() == content


@pytest.mark.slow
def test_a_run_of_another_kind_is_not_gone_on_with(tmp_path: Path) -> None:
    """Costs and gradients do not share a folder."""
    assert cspbench(*SMALL, "--no-training", "--out", "run", cwd=tmp_path).returncode == 0
    completed = cspbench("run", "--resume", "run", cwd=tmp_path)
    assert completed.returncode == 2
    assert completed.stderr == (
        "cspbench: cannot resume run: it measures counts, gradient_terms, not counts, disk_size, "
        "tensor_peak, allocated, resident, latency (start a new run without --resume)\n"
    )
