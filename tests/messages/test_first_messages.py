"""The messages that users meet first, whole: what is wrong, what was given, what to do."""

import subprocess
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from compared_runs import make_small_run
from factories import lines_of
from fake_channel import FakeChannel
from torch import nn

import cspbench
from cspbench import cli
from cspbench.catalogue import find
from cspbench.engine import attempts, hints, resume
from cspbench.measures.registry import stages
from cspbench.plan.case import make_case
from cspbench.records.folder import RunFolder
from cspbench.records.run import SCHEMA

FILES = {
    "damaged.toml": 'description = "mine"\nentries = ["dense"\n',
    "key.toml": 'descripton = "mine"\nentries = ["dense"]\n',
    "case_key.toml": 'description = "mine"\n[[case]]\nentry = "dense"\ngird = { growth = [8] }\n',
    "type.toml": 'description = "mine"\nentries = ["dense"]\nchannels_last = "yes"\n',
    "mode.toml": 'description = "mine"\nentries = ["dense"]\nmode = ["inference"]\n',
    "net.py": "from torch import nn\n\n\nclass Net(nn.Module):\n"
    "    def __init__(self, width: int = 8) -> None:\n        super().__init__()\n",
    "imports.py": "import einopss\n",
}
SUITES = "python -m cspbench list shows all; your own: path/to/suite.toml"
FORMS = (
    "SHAPE[:TYPE[:HIGH or :LOW-HIGH]], none, true or false, each as NAME=… for a keyword argument, "
    "or a callable that makes all inputs: path/to/file.py:callable"
)
TORCHVISION = "pip install --no-deps 'torchvision==0.26.*'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files, runs, and a repository with one commit."""
    path = tmp_path_factory.mktemp("messages")
    for name, content in FILES.items():
        (path / name).write_text(content, encoding="utf-8")
    run = make_small_run()
    case = make_case(find("dense"), {}, mode="infer")
    info = msgspec.structs.replace(run.info, cases=(case,), stages=stages("run", run.info.settings))
    foreign = msgspec.structs.replace(case, build="trap.py:model", entry="trap.py:model")
    RunFolder.create(path / "run", info).close()
    RunFolder.create(path / "foreign", msgspec.structs.replace(info, cases=(foreign,))).close()
    with RunFolder.create(path / "damaged", run.info) as damaged:
        damaged.append(lines_of(run))
    records = path / "damaged" / "records.jsonl"
    first, *rest = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join([first, b"{]\n", *rest]))
    RunFolder.create(path / "newer", info).close()
    text = (path / "newer" / "run.json").read_text(encoding="utf-8")
    text = text.replace(f'"schema": {SCHEMA}', '"schema": 99')
    text = text.replace(f'"version": "{info.version}"', '"version": "9.1.0"')
    (path / "newer" / "run.json").write_text(text, encoding="utf-8")
    git = ("git", "-C", str(path / "repository"), "-c", "user.name=x", "-c", "user.email=x@x")
    subprocess.run(["git", "init", "--quiet", str(path / "repository")], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "x"], check=True)
    return path


@pytest.fixture
def _home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is ``folder``."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are loaded in this process, on one machine, without CUDA, timm and torchvision."""

    def answers(task: str, *arguments: object, time_limit_s: float) -> tuple[list[Any], None]:
        module, _, name = task.partition(":")
        function: Callable[..., None] = getattr(import_module(module), name)
        channel = FakeChannel()
        function(channel, *arguments)
        return channel.messages, None

    monkeypatch.setattr(attempts, "answers", answers)
    monkeypatch.setattr(resume, "_machine_differences", lambda info: iter(()))
    monkeypatch.setattr("cspbench.catalogue.external.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(hints, "_version", lambda package: "2.11.0")
    monkeypatch.setattr("cspbench.machine.environment.usable_cores", lambda: 4)
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


MESSAGES = {
    "show pelee": "no catalogue entry 'pelee'; nearest: 'peleenet' "
    "(python -m cspbench list shows all)",
    "run bloks": f"no suite 'bloks'; nearest: 'blocks' ({SUITES})",
    "run densse": f"no suite or entry 'densse'; nearest: 'dense' ({SUITES})",
    "run mine.toml": "cannot read suite or graph mine.toml: No such file or directory",
    "run damaged.toml": "suite damaged.toml: not valid TOML: Unclosed array (at end of document)",
    "run key.toml": "suite key.toml: no key 'descripton'; nearest: 'description'",
    "run case_key.toml": "suite case_key.toml: case 1: no key 'gird'; nearest: 'grid'",
    "run type.toml": "suite type.toml: channels_last: expected true or false, got a string",
    "run mode.toml": "suite mode.toml: mode: no mode 'inference'; nearest: 'infer'",
    "--device cuda": "--device cuda: torch 2.11.0 sees no CUDA device; install a CUDA build of "
    "torch and a driver, or measure on the CPU (device cpu)",
    "--device gpu": "--device: no device 'gpu'; allowed: 'cpu', 'cuda', 'cuda:0', 'cuda:0,cuda:1', "
    "'auto'",
    "--precision fp31": "--precision: no precision 'fp31'; nearest: 'fp32', 'fp16'",
    "--precision tf32": "--precision tf32 needs a CUDA device, got --device cpu (on a CPU: fp32, "
    "bf16, fp16 or amp)",
    "--cold": "--cold needs a GPU, got --device cpu (use --device cuda, or leave out --cold)",
    "--energy": "--energy needs a GPU, got --device cpu (use --device cuda, or leave out --energy)",
    "show csp --set gama=0.5": "csp has no parameter 'gama'; nearest: 'gamma'",
    "show csp --set gamma=1.5": "csp: gamma must be a number in (0, 1), got 1.5",
    "show csp --set pool=mean": "csp has no pool 'mean'; allowed: 'none', 'avg', 'max'",
    "show csp --set gamma": "--set: expected KEY=VALUE, got 'gamma'",
    "run smoke --set gamma=0.5": "--set and --input need an entry, but 'smoke' is a suite; name "
    "entries instead",
    "show dense --input 1;3": "--input: expected an input such as 1,3,640,640 or "
    f"1,77:int64:49408, got '1;3' ({FORMS})",
    "show dense --input 1,64,56": "dense: expected an input N,C,H,W of four positive numbers, got "
    "1,64,56",
    "show dense --input 1,3,56,56": "dense with channels=64 takes an input N,64,H,W, got "
    "1,3,56,56; set channels=3 or change the shape",
    "run net.py:Net": "net.py:Net has no default input; give one for each argument of its forward: "
    "--input N,C,H,W (in a suite: input = [N, C, H, W])",
    "run net.py": "net.py names only a file; add the class or function that makes the model, as in "
    "net.py:Net",
    "run nett.py:Net --input 1,3,8,8": "no file nett.py; paths are relative to the current folder",
    "run net.py:Nett --input 1,3,8,8": "net.py has no callable 'Nett'; nearest: 'Net'",
    "run net.py:Net --input 1,3,8,8 --set depth=3": "net.py:Net: unexpected argument 'depth' "
    "(--set, and set in a suite, take width)",
    "run imports.py:Net --input 1,3,8,8": "cannot import 'imports.py': No module named 'einopss' "
    "(the model's code imports it: install the package that provides einopss)",
    "run nets.small:Net --input 1,3,8,8": "no module 'nets', which nets.small:Net names; run in "
    "the folder that holds it, or name its file: path/to/file.py:Net",
    "show timm:resnet18": "timm:resnet18 needs the package timm (install it beside this torch "
    "with: pip install --no-deps timm; pip install huggingface_hub safetensors pyyaml; "
    f"{TORCHVISION})",
    "show torchvision:resnet18": "torchvision:resnet18 needs the package torchvision (install the "
    f"build for this torch: {TORCHVISION})",
    "run smoke --only zzz*": "--only 'zzz*' matches nothing in suite smoke; its entries: "
    "csp_fusion_first, dense",
    "--batch-size 0,x": "--batch-size: expected integers from 1 to 1,000,000 separated by commas, "
    "or auto, got '0,x'",
    "--img-size 8,8": "--img-size: expected each number once, got '8,8'",
    "--launches -1": "--launches: expected an integer from 1 to 1,000,000, got '-1'",
    "--budget soon": "--budget: expected seconds from 0.1 to 1,000,000, got 'soon'",
    "--threads 99": "--threads: expected at most the 4 logical cores that this process may use, "
    "got 99; more would measure the scheduler",
    "--columns parms": "--columns: no column 'parms'; nearest: 'params' "
    "(python -m cspbench list shows all)",
    "run --resume nowhere": "cannot resume nowhere: it has no run.json (give the folder of an "
    "earlier run)",
    "run --resume run --launches 3 --seed 0": "cannot resume run: it was started with "
    "--launches 6, not 3 (use --launches 6, or start a new run without --resume)",
    "run --resume foreign": "cannot resume foreign: it would run code that this command does not "
    "name: trap.py:model (name its suite or entries again, as in run ENTRY,… --resume DIR, or add "
    "--trust if you trust the folder)",
    "run --resume run --out other": "--resume continues in the folder of the run; leave out --out",
    "run smoke --out run": "run already holds a run (continue it with --resume run, or give "
    "another folder with --out)",
    "run smoke --out repository": "repository is not empty and holds no run: it contains .git "
    "(give another folder with --out)",
    "report nowhere": "nowhere is not a run folder: there is no such folder",
    "report repository": "repository is not a run folder: it has no run.json",
    "report damaged": "damaged/records.jsonl line 2 is invalid: JSON is malformed: object keys "
    "must be strings (byte 1)",
    "report newer": f"newer/run.json has schema 99, but this version reads schema {SCHEMA}; read "
    "it with cspbench 9.1.0, which wrote it",
    "report run --format xml": "--format: no format 'xml'; allowed: 'table', 'markdown', 'csv', "
    "'html', 'pytest-benchmark', 'github-action-benchmark', 'bencher', 'hyperfine', 'tensorboard'",
    "ab main HEAD": "ab needs a git repository (--path .): not a git repository (or any of the "
    "parent directories): .git",
    "ab main HEAD --path nowhere": "ab needs a git repository (--path nowhere): cannot change to "
    "'nowhere': No such file or directory",
    "ab HEAD nosuch --path repository": "no revision 'nosuch' in repository (give a commit, branch "
    "or tag)",
    "gradients --data faces": "--data: expected digits or package.module:callable, got 'faces'",
}


def files_here() -> list[Path]:
    """What lies in the current folder, without what Python keeps of compiled modules."""
    return [path for path in sorted(Path().rglob("*")) if "__pycache__" not in path.parts]


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize(("command", "message"), MESSAGES.items(), ids=list(MESSAGES))
def test_a_wrong_command_says_what_is_wrong_what_was_given_and_what_to_do(
    command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr, nothing on stdout, and exit code 2."""
    before = files_here()
    assert cli.main(command.split(" ")) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"cspbench: {message}\n")
    assert files_here() == before


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The number of a GPU begins at 0."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert cli.main(["--device", "cuda:7"]) == 2
    message = "--device cuda:7 does not exist; this machine has cuda:0"
    assert capsys.readouterr().err == f"cspbench: {message}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((nn.ReLU,), "profile takes a model, got the class ReLU; pass ReLU(…)"),
        (
            ({"weight": 1}, (1, 3)),
            (
                "profile takes an nn.Module, an Entry or an entry's name, got dict; if these are "
                "weights, pass the model they belong to"
            ),
        ),
        (
            (nn.ReLU(),),
            "profile of a module needs an input; pass its shape: profile(model, (N, C, H, W))",
        ),
        (
            (nn.ReLU(), 3),
            (
                "expected an input, got int (pass a shape, a tensor, a tuple or list of arguments, "
                "a dict of keyword arguments, a text as on the command line, or a callable that "
                "makes them)"
            ),
        ),
        (
            ("dense", (1, 3, 56, 56)),
            (
                "dense with channels=64 takes an input N,64,H,W, got 1,3,56,56; set channels=3 or "
                "change the shape"
            ),
        ),
        (("pelee",), MESSAGES["show pelee"]),
    ],
)
def test_a_wrong_call_of_profile_says_what_to_pass(
    arguments: tuple[Any, ...], message: str
) -> None:
    """The same words as on the command line, where it is the same error."""
    with pytest.raises(cspbench.CspbenchError) as error:
        cspbench.profile(*arguments)
    assert str(error.value) == message


def test_a_cuda_device_that_torch_cannot_see_is_refused_in_python_too() -> None:
    """Without the name of an option that was not given."""
    with pytest.raises(cspbench.CspbenchError) as error:
        cspbench.profile("dense", device="cuda")
    assert f"--{error.value}" == MESSAGES["--device cuda"]
