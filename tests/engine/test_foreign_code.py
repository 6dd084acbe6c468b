"""Code that a run folder names: none of it runs unless the command names it, too, or trusts it."""

import re
from pathlib import Path

import msgspec
import pytest
from compared_runs import make_small_run
from factories import SETTINGS, lines_of, make_info

from cspbench import cli
from cspbench.catalogue import find
from cspbench.catalogue.inputs import Inputs
from cspbench.engine.foreign_code import check_named, foreign_code
from cspbench.engine.request import GradientsRequest, RunRequest, Training
from cspbench.engine.session import Session
from cspbench.errors import CspbenchError
from cspbench.plan.case import Case, make_case
from cspbench.records.folder import RunFolder
from cspbench.records.run import TrainingSettings

DENSE = make_case(find("dense"), {})
CONV = make_case(find("torch.nn:Conv2d"), {}, shape=(1, 3, 8, 8))
MADE = msgspec.structs.replace(DENSE, inputs=Inputs(maker="net.py:inputs"))


@pytest.mark.parametrize(
    ("case", "code"),
    [
        (DENSE, ()),
        (msgspec.structs.replace(DENSE, build="os:system"), ("os:system",)),
        (msgspec.structs.replace(DENSE, build=".catalogue.loading:resolve"),
         (".catalogue.loading:resolve",)),
        (msgspec.structs.replace(DENSE, entry="mine"), (DENSE.build,)),
        (CONV, ("torch.nn:Conv2d",)),
        (MADE, ("net.py:inputs",)),
        (make_case(find("yolov8n"), {}), ()),
        (msgspec.structs.replace(DENSE, entry="net.toml:n", build="net.toml:n"), ()),
    ],
)  # fmt: skip
def test_code_is_foreign_unless_the_catalogue_builds_the_entry_so(
    case: Case, code: tuple[str, ...]
) -> None:
    """Another builder under a known name, one of this package's own functions, makers of inputs."""
    assert foreign_code(make_info(case)) == code


def test_data_to_train_on_is_foreign_but_for_the_digits() -> None:
    """It is a callable, too."""
    training = TrainingSettings(seeds=1, steps=4, data="net.py:batches")
    settings = msgspec.structs.replace(SETTINGS, training=training)
    info = make_info(DENSE, settings=settings)
    assert foreign_code(info) == ("net.py:batches",)
    named = Training(data="net.py:batches")
    check_named(info, GradientsRequest(resume="run", suite="dense", training=named))
    with pytest.raises(CspbenchError):
        check_named(info, GradientsRequest(resume="run", suite="dense"))
    digits = msgspec.structs.replace(training, data="digits")
    settings = msgspec.structs.replace(SETTINGS, training=digits)
    assert foreign_code(make_info(DENSE, settings=settings)) == ()


def test_code_runs_if_the_command_names_it_or_trusts_the_folder() -> None:
    """The entry again, its suite, or --trust."""
    info = make_info(CONV)
    words = {"overrides": ("in_channels=3",), "inputs": ("1,3,8,8",)}
    check_named(info, RunRequest(resume="run", suite="torch.nn:Conv2d", **words))  # type: ignore[arg-type]
    check_named(info, RunRequest(resume="run", trust=True))
    for request in (RunRequest(resume="run"), RunRequest(resume="run", suite="dense")):
        with pytest.raises(CspbenchError, match="would run code that this command does not name"):
            check_named(info, request)


def hostile_folder(path: Path, name: str) -> None:
    """A run folder whose ``run.json`` has ``name`` for the builder of each case."""
    run = make_small_run()
    with RunFolder.create(path, run.info) as folder:
        folder.append(lines_of(run))
    file = path / "run.json"
    text = re.sub(r'"build": "[^"]*"', f'"build": "{name}"', file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("words", [["run", "--resume"], ["report"], ["compare", "run"]])
def test_a_strangers_folder_runs_nothing(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither read nor gone on with; the message says which code, and both ways on."""
    monkeypatch.chdir(tmp_path)
    Path("trap.py").write_text("open('sprung', 'w').close()\n", encoding="utf-8")
    hostile_folder(Path("run"), "trap.py:model")
    code = cli.main([*words, "run"])
    assert not Path("sprung").exists()
    if words[0] == "run":
        assert code == 2
        assert capsys.readouterr().err == (
            "cspbench: cannot resume run: it would run code that this command does not name: "
            "trap.py:model (name its suite or entries again, as in run ENTRY,… --resume DIR, or "
            "add "
            "--trust if you trust the folder)\n"
        )


@pytest.mark.slow
def test_the_command_to_go_on_with_trusts_what_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of the user's own model, interrupted at once, goes on as it says."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text("from torch import nn\nNet = nn.Identity\n", encoding="utf-8")
    words = ["run", "net.py:Net", "--input", "1,3,8,8", "--mode", "infer"]
    words += ["--launches", "1", "--turns", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "measure", lambda *_: False)
        assert cli.main([*words, "--out", "out"]) == 130
    assert "-m cspbench run --resume out --trust\n" in capsys.readouterr().out
    assert cli.main(["run", "--resume", "out"]) == 2
    assert cli.main(["run", "--resume", "out", "--trust"]) == 0
    assert cli.main([*words, "--resume", "out"]) == 0
