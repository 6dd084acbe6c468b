"""Files of a model and what runs them: the outputs are eager's, and the profile says what ran."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from factories import make_case
from torch import Tensor, nn

from cspbench.choices import RUNTIME_FORMS, Form
from cspbench.machine.threads import count_threads
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.execution.trees import tensors
from cspbench.measures.forms import onnx_export
from cspbench.measures.forms.registry import RUNTIMES, missing_packages, runtime

FORMS: tuple[Form, ...] = ("onnxruntime", "openvino")
INT8_FORMS: tuple[Form, ...] = ("onnxruntime:int8", "openvino:int8")


@dataclass
class _Output:
    """An output that is no tree of torch's, with one tensor twice."""

    first: Tensor
    rest: list[object]


class _Branches(nn.Module):
    """Takes a tuple, keywords, a number, a flag and a tensor that it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(
        self,
        image: Tensor,
        pair: tuple[Tensor, Tensor],
        *,
        unused: Tensor,
        scale: Tensor,
        places: Tensor,
        power: int,
        flip: bool,
    ) -> _Output:
        first = self.conv(image).relu() * scale**power
        total = pair[0] - 2 * pair[1] if flip else pair[0]
        return _Output(first, [total, first, None, image, {"b": places > 1, "n": places + 1}, 3])


def _branches() -> tuple[nn.Module, Arguments]:
    keywords = {
        "places": torch.tensor([3, 0, 2]),
        "scale": torch.tensor(1.5),
        "unused": torch.zeros(4),
        "power": 2,
        "flip": True,
    }
    image = torch.randn(2, 3, 9, 9).to(memory_format=torch.channels_last)
    return _Branches(), Arguments((image, (torch.randn(5), torch.randn(5))), keywords)


def _convolutions() -> tuple[nn.Module, Arguments]:
    module = nn.Sequential(
        nn.Conv2d(4, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
    )
    return module, Arguments((torch.randn(1, 4, 12, 12),), {})


def _call(made: tuple[nn.Module, Arguments]) -> Call:
    module, arguments = made
    return Call(make_case("Net"), module, arguments, "cpu")


def _expected(call: Call) -> list[Tensor]:
    with torch.no_grad():
        return [tensor.clone() for tensor in tensors(call.forward())]


@pytest.fixture(autouse=True)
def _same_numbers() -> Iterator[None]:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def _no_telemetry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No runtime writes into the home directory, whichever test loads it."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    yield
    assert not list(home.rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("form", [*FORMS, "aoti"])
def test_a_runtime_gives_what_eager_gives(form: Form, tmp_path: Path) -> None:
    """Trees, keywords, constants, unused inputs, shared outputs, four types, channels last."""
    call = _call(_branches())
    expected = _expected(call)
    path = tmp_path / f"model{runtime(form).suffix}"
    steps = runtime(form).prepare(call, path, ())
    assert steps
    assert all(seconds > 0 for seconds in steps.values())
    assert {file.name.partition(".")[0] for file in tmp_path.iterdir()} == {"model", "home"}

    session = runtime(form).load(path, call.arguments, 1)
    for _ in range(2):
        session()
        outputs = session.outputs()
        assert len(outputs) == len(expected) == 5
        torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)
    assert session.settings["threads"] == "1"

    bound = call.arguments.tensors[0]
    bound.zero_()  # a session may share it or have a copy, but outputs already taken are their own
    session()
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_aoti_leaves_nothing_beside_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither headers that torch precompiles for all processes, some 150 MB each, nor libraries."""
    from torch._inductor import codecache, config

    system = tmp_path / "system"
    monkeypatch.setattr(codecache, "_HEADER_DIR", str(system / "headers"))
    monkeypatch.setattr(codecache, "_HEADER_LOCK_DIR", str(system / "headers" / "locks"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(system))
    codecache._precompile_header.cache_clear()
    call = _call(_convolutions())
    folder = tmp_path / "forms"
    folder.mkdir()
    path = folder / "model.pt2"
    threads = count_threads()
    with config.patch(compile_threads=2):
        runtime("aoti").prepare(call, path, ())
    assert count_threads() == threads
    assert [file.name for file in folder.iterdir()] == ["model.pt2"]
    runtime("aoti").load(path, call.arguments, 1)()
    assert not system.exists()


@pytest.mark.slow
@pytest.mark.parametrize("form", INT8_FORMS)
def test_int8_convolutions_run_in_8_bits(form: Form, tmp_path: Path) -> None:
    """The runtime's own profile says so; outputs are near eager's, and not the same."""
    call = _call(_convolutions())
    expected = _expected(call)[0]
    path = tmp_path / f"model{runtime(form).suffix}"
    calibration = [Arguments((torch.randn(1, 4, 12, 12),), {}) for _ in range(3)]
    steps = runtime(form).prepare(call, path, [call.arguments, *calibration])
    assert steps["quantize"] > 0
    assert {file.suffix for file in tmp_path.iterdir()} <= {".onnx", ".xml", ".bin", ""}

    session = runtime(form).load(path, call.arguments, 1)
    session()
    error = (session.outputs()[0] - expected).abs().max() / expected.abs().max()
    assert 0 < error < 0.1

    before = set(tmp_path.iterdir())
    operators = runtime(form).operators(path, call.arguments, 1)
    assert set(tmp_path.iterdir()) == before
    in_8_bits = {each.name: each.nodes for each in operators if each.is_int8}
    assert {"QLinearConv": 2, "Convolution": 2}.items() & in_8_bits.items()
    assert not any(each.is_int8 for each in operators if "Quantize" in each.name)


@pytest.mark.slow
@pytest.mark.parametrize("form", INT8_FORMS)
def test_transposed_convolutions_in_groups_are_quantised_or_left(
    form: Form, tmp_path: Path
) -> None:
    """ONNX Runtime's quantiser cannot scale their weights, and leaves those alone."""
    module = nn.Sequential(nn.ConvTranspose2d(8, 12, 3, groups=4), nn.Conv2d(12, 8, 1))
    call = _call((module, Arguments((torch.randn(1, 8, 6, 6),), {})))
    expected = _expected(call)[0]
    path = tmp_path / f"model{runtime(form).suffix}"
    runtime(form).prepare(call, path, [call.arguments])
    session = runtime(form).load(path, call.arguments, 1)
    session()
    error = (session.outputs()[0] - expected).abs().max() / expected.abs().max()
    assert 0 < error < 0.1
    assert any(each.is_int8 for each in runtime(form).operators(path, call.arguments, 1))


@pytest.mark.slow
@pytest.mark.parametrize("form", [*FORMS, "aoti"])
def test_a_module_without_an_output_is_refused(form: Form, tmp_path: Path) -> None:
    """In one line, before a runtime fails on it in its own words."""
    call = _call((_ReturnsNothing(), Arguments((torch.randn(1, 3),), {})))
    with pytest.raises(ValueError, match="the module's output has no tensor"):
        runtime(form).prepare(call, tmp_path / f"model{runtime(form).suffix}", ())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_in_single_precision_no_operator_is_int8(form: Form, tmp_path: Path) -> None:
    """All nodes of one call, once."""
    call = _call(_convolutions())
    path = tmp_path / f"model{runtime(form).suffix}"
    runtime(form).prepare(call, path, ())
    operators = runtime(form).operators(path, call.arguments, 1)
    assert not any(each.is_int8 for each in operators)
    assert sum(each.nodes for each in operators if each.name.startswith("Conv")) in {2, 3}


@pytest.mark.slow
def test_threads_of_onnxruntime_do_not_spin(tmp_path: Path) -> None:
    """Torch and other runtimes take turns with a session, which would take a core from them."""
    from cspbench.measures.forms import onnxruntime

    options = onnxruntime.session_options(2)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.inter_op.allow_spinning") == "0"
    call = _call(_convolutions())
    path = tmp_path / "model.onnx"
    runtime("onnxruntime").prepare(call, path, ())
    session = runtime("onnxruntime").load(path, call.arguments, 2)
    assert session.settings == {
        "execution provider": "CPUExecutionProvider",
        "graph optimization": "all",
        "execution mode": "sequential",
        "threads": "2",
        "spinning": "off",
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the processor time of single threads")
@pytest.mark.parametrize("form", FORMS)
def test_threads_of_an_idle_session_sleep(form: Form, tmp_path: Path) -> None:
    """They take no time of the processor from what has its turn next."""
    call = _call(_convolutions())
    path = tmp_path / f"model{runtime(form).suffix}"
    runtime(form).prepare(call, path, ())
    known = _threads()
    session = runtime(form).load(path, call.arguments, 2)
    session()
    threads = _threads() - known
    assert threads
    time.sleep(0.01)
    before_s = _cpu_seconds(threads)
    time.sleep(0.2)
    assert _cpu_seconds(threads) - before_s < 0.005


def _threads() -> set[int]:
    """The numbers of this process's threads."""
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}


def _cpu_seconds(threads: set[int]) -> float:
    """The processor time of threads, by Linux's clock of each (`clock_gettime`)."""
    return sum(time.clock_gettime((~thread << 3) | 6) for thread in threads)


class _ReturnsNothing(nn.Module):
    def forward(self, x: Tensor) -> None:
        x.relu()


class _ReadsValues(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if float(x.sum()) > 0 else x


class _Decomposes(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return torch.linalg.eigvals(x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "beginning"),
    [
        (_ReadsValues(), "torch.export: "),
        (_Decomposes(), "torch.onnx: "),
    ],
)
def test_a_module_that_cannot_be_exported_says_why(
    module: nn.Module, beginning: str, tmp_path: Path
) -> None:
    """The first line has the exporter's cause, not its advice."""
    call = _call((module, Arguments((torch.randn(4, 4),), {})))
    with pytest.raises(ValueError, match=beginning) as caught:
        onnx_export.export(call, tmp_path / "model.onnx")
    first = str(caught.value).splitlines()[0]
    assert len(first) > len(beginning) + 20
    assert "\x1b" not in first
    assert "Next steps" not in first


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_other_arguments_than_those_of_the_file_are_refused(form: Form, tmp_path: Path) -> None:
    """By shape, type and number: a runtime would read past the memory of a smaller tensor."""
    call = _call(_convolutions())
    path = tmp_path / f"model{runtime(form).suffix}"
    runtime(form).prepare(call, path, ())
    small, image = torch.randn(1, 4, 6, 6), torch.randn(1, 4, 12, 12)
    for given, message in (
        ((small,), "1x4x12x12 float32, that given is 1x4x6x6 float32"),
        ((image.double(),), "that given is 1x4x12x12 float64"),
        ((image, small), "the file takes input_0, the arguments are input_0, input_1"),
    ):
        with pytest.raises(ValueError, match=message):
            runtime(form).load(path, Arguments(given, {}), 1)


def test_each_form_that_is_a_file_has_a_runtime() -> None:
    """In the order of the choices."""
    assert tuple(RUNTIMES) == RUNTIME_FORMS


def test_what_a_form_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    find = importlib.util.find_spec
    absent = {"onnxruntime", "onnxscript", "nncf"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else find(name)
    )
    assert missing_packages("onnxruntime") == (
        "the form onnxruntime needs onnxruntime and onnxscript, which are not installed "
        "(pip install 'cspbench[onnxruntime]')"
    )
    assert missing_packages("openvino:int8") == (
        "the form openvino:int8 needs onnxscript and nncf, which are not installed "
        "(pip install 'cspbench[openvino]')"
    )
    assert missing_packages("eager") is None
    assert missing_packages("aoti") is None
