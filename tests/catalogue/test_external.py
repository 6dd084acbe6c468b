"""Anyone's model: named in text, built only where it is measured, with any arguments."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cspbench import cli
from cspbench.catalogue import external, find
from cspbench.catalogue.loading import resolve
from cspbench.errors import CspbenchError
from cspbench.measures.counts import count
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.plan import suite
from cspbench.plan.case import make_case

MODEL = """
from pathlib import Path
from torch import nn
from beside import WIDTH

Path(__file__).with_name("ran").touch()

class Net(nn.Sequential):
    def __init__(self, kernel=3, bias: bool = True):
        super().__init__(nn.Conv2d(3, WIDTH, kernel, padding=kernel // 2, bias=bias))
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file in the working directory that imports a file beside it."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "beside.py").write_text("WIDTH = 4\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return "model.py:Net"


def test_a_files_callable_is_an_entry_with_any_argument(model: str) -> None:
    """Its counts are those of the convolution; the file runs on building, not before."""
    entry = find(model)
    case = make_case(entry, {"kernel": 5, "bias": False}, shape=(2, 3, 8, 8))
    assert not Path("ran").exists()
    counts = count(BuiltSubject(case))
    assert Path("ran").exists()
    assert (counts.params, counts.macs) == (3 * 4 * 25, 2 * 3 * 4 * 25 * 64)
    assert case.key == "model.py:Net[kernel=5,bias=False] 2x3x8x8 cpu fp32 infer"


def test_a_callable_of_a_module_is_an_entry() -> None:
    """Classes inside classes too."""
    case = make_case(
        find("torch.nn:Conv2d"),
        {"in_channels": 3, "out_channels": 5, "kernel_size": 1},
        shape=(1, 3, 4, 4),
    )
    assert count(BuiltSubject(case)).params == 3 * 5 + 5
    assert resolve("torch.nn:Module.train").__name__ == "train"


def test_a_command_line_guesses_what_a_value_is() -> None:
    """A truth, a whole number, another number, a word."""
    entry = find("torch.nn:Conv2d")
    texts = ("a=true", "b=3", "c=-0.5", "d=1e-3", "e=same", "f=", "g=1.2.3")
    values = dict(entry.parse(text) for text in texts)
    assert values == {"a": True, "b": 3, "c": -0.5, "d": 1e-3, "e": "same", "f": "", "g": "1.2.3"}


def test_a_suite_holds_models_of_yours_beside_entries(model: str, tmp_path: Path) -> None:
    """With a grid over their arguments; the input is said once a case."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'description = "mine"\nmode = ["infer"]\nentries = ["dense"]\n'
        f'[[case]]\nentry = "{model}"\ninput = [1, 3, 16, 16]\ngrid = {{ kernel = [1, 3] }}\n'
    )
    labels = [case.label for case in suite.load(str(path)).cases]
    assert labels == ["dense", "model.py:Net kernel=1", "model.py:Net kernel=3"]


def test_show_profiles_a_file(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`show path/to/file.py:callable --set … --input …`."""
    assert cli.main(["show", model, "--set", "kernel=1", "--input", "1,3,8,8"]) == 0
    assert "Conv2d" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py:", "no model "),
        ("a b:c", "no model "),
        ("timm:", "no model "),
        ("torch.nn:", "no model "),
        (":Net", "no model "),
    ],
)
def test_what_names_no_model_is_one_line(name: str, message: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(CspbenchError, match=message):
        find(name)


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not it is installed here."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    message = "torchvision:resnet50 needs the package torchvision"
    with pytest.raises(CspbenchError, match=message):
        find("torchvision:resnet50")


TIMM = """
import warnings
from types import SimpleNamespace

print("a banner")
warnings.warn("old")
SIZES = {"vit_384": (3, 384, 384), "wide.a1": (3, 128, 256), "audio": (1, 128, 1024)}


def get_pretrained_cfg(name, allow_unregistered=True):
    return SimpleNamespace(input_size=SIZES[name]) if name in SIZES else None
"""


@pytest.fixture
def timm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package in the place of timm, which prints and warns when it is imported."""
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").touch()
    models = tmp_path / "timm" / "models.py"
    models.write_text(TIMM)
    monkeypatch.syspath_prepend(str(tmp_path))
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("timm")}
    external._pretrained_shape.cache_clear()
    yield models
    external._pretrained_shape.cache_clear()
    for name in ("timm", "timm.models"):
        sys.modules.pop(name, None)
    sys.modules.update(hidden)


@pytest.mark.usefixtures("timm")
def test_a_model_of_timm_has_the_input_of_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    """224 x 224 where timm knows of none; channels follow an argument; nothing is printed."""
    shapes = {name: find(f"timm:{name}").input_shape for name in ("vit_384", "wide.a1", "new")}
    assert shapes == {
        "vit_384": (1, 3, 384, 384),
        "wide.a1": (1, 3, 128, 256),
        "new": (1, 3, 224, 224),
    }
    audio = find("timm:audio")
    assert make_case(audio, {}).input_shape == (1, 1, 128, 1024)
    assert make_case(audio, {"in_chans": 2}, batch_size=4).input_shape == (4, 2, 128, 1024)
    assert make_case(audio, {}, shape=(1, 3, 64, 64)).input_shape == (1, 3, 64, 64)
    with pytest.raises(CspbenchError, match="with in_chans=2 takes an input N,2,H,W"):
        make_case(audio, {"in_chans": 2}, shape=(1, 3, 64, 64))
    assert capsys.readouterr() == ("", "")


def test_a_timm_that_cannot_be_imported_fails_where_the_model_is_built(timm: Path) -> None:
    """As beside a torchvision that does not fit torch."""
    timm.write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    assert find("timm:vit_384").input_shape == (1, 3, 224, 224)


def test_a_model_without_an_input_asks_for_one(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no shape to guess."""
    assert cli.main(["show", model]) == 2
    assert (
        "has no default input; give one for each argument of its forward: --input N,C,H,W"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [("def Net(:\n", "SyntaxError"), ("1 / 0\n", "ZeroDivisionError"), ("Net = 3\n", "called")],
)
def test_a_file_that_breaks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    """Its own error, and no traceback of ours."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path = tmp_path / "broken.py"
    path.write_text(code)
    with pytest.raises(CspbenchError, match=message):
        resolve(f"{path}:Net")
