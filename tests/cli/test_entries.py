"""Entries measured without a suite, by the command line and its console script."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cspbench import cli

ROOT = Path(__file__).parents[2]
MODELS = """
import torch
from torch import nn
import helper_of_entries

class Caption(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.words, self.image = nn.Embedding(100, width), nn.Conv2d(3, width, 1)
    def forward(self, image, ids, mask=None):
        return {"logits": self.image(image).mean((2, 3)) + self.words(ids).mean(1)}

class Other(Caption):
    pass

def inputs(batch_size=1):
    return torch.rand(batch_size, 3, 8, 8), torch.randint(0, 100, (batch_size, 7))
"""
QUICK = ["--mode", "infer", "--launches", "1", "--turns", "2"]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which holds a module with models and its helper."""
    monkeypatch.chdir(tmp_path)
    Path("models_of_entries.py").write_text(MODELS, encoding="utf-8")
    Path("helper_of_entries.py").touch()
    return tmp_path


def show(*words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert cli.main(["show", "models_of_entries.py:Caption", *words, "--json"]) == 0
    shown: dict[str, object] = json.loads(capsys.readouterr().out)
    return shown


@pytest.mark.slow
def test_show_takes_inputs_of_every_kind(
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By position, by name, and made by a callable: 8 x 3 MACs at 64 places each time."""
    for words in (
        ["--input", "1,3,8,8", "--input", "1,7:int64:100"],
        ["--input", "ids=1,7:int64:100", "--input", "image=1,3,8,8", "--input", "mask=none"],
        ["--input", "models_of_entries.py:inputs"],
    ):
        shown = show(*words, capsys=capsys)
        assert shown["macs"] == 8 * 3 * 64
        assert shown["backward_flops"] == 2 * 8 * 3 * 64
    shown = show("--input", "models_of_entries.py:inputs(batch_size=3)", capsys=capsys)
    assert shown["macs"] == 3 * 8 * 3 * 64


@pytest.mark.slow
def test_entries_are_run_with_their_inputs(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first is the reference; batches come from the option."""
    names = "models_of_entries.py:Caption,models_of_entries.py:Other"
    words = [names, "--input", "models_of_entries.py:inputs", "--batch-size", "2"]
    assert cli.main(["run", *words, *QUICK, "--out", "out"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "Inference, input models_of_entries.py:inputs(batch_size=2)" in output
    assert "ratios to models_of_entries.py:Caption" in output
    info = json.loads((models / "out" / "run.json").read_text())
    assert sorted(info["models"]) == [
        f"models_of_entries.py:{name}" for name in ("Caption", "Other", "inputs")
    ]
    assert cli.main(["run", *words, *QUICK, "--resume", "out"]) == 0


@pytest.mark.slow
def test_sizes_that_a_callable_does_not_take_are_said(
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is measured."""
    words = ["models_of_entries.py:Caption", "--input", "models_of_entries.py:inputs"]
    assert cli.main(["run", *words, "--img-size", "16", *QUICK]) == 2
    error = capsys.readouterr().err
    assert "cannot make inputs: got an unexpected keyword argument 'img_size'" in error


@pytest.mark.slow
@pytest.mark.parametrize("is_safe", [False, True])
def test_the_console_script_finds_modules_of_the_working_directory(
    models: Path, tmp_path_factory: pytest.TempPathFactory, is_safe: bool
) -> None:
    """As ``python -m cspbench`` does, in workers, too; Python's -P leaves them out in both."""
    script = tmp_path_factory.mktemp("bin") / "cspbench"
    script.write_text(
        "import sys\nfrom cspbench.cli import main\nif __name__ == '__main__':\n"
        "    sys.exit(main())\n"
    )
    words = ["show", "models_of_entries:Caption", "--input", "1,3,8,8", "--input", "1,7:int64:9"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    codes = [
        subprocess.run(
            [sys.executable, *(["-P"] if is_safe else []), *program, *words],
            cwd=models,
            env=environment,
            check=False,
            capture_output=True,
        ).returncode
        for program in (["-m", "cspbench"], [str(script)])
    ]
    assert codes == ([2, 2] if is_safe else [0, 0])
