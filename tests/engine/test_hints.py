"""Remedies beside errors of models, with messages as torch and other libraries raise them."""

from collections.abc import Callable
from importlib.metadata import version

import pytest
import torch
from misbehaving_models import Branches
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cspbench.engine import hints
from cspbench.engine.failures import case_failure
from cspbench.engine.hints import hint, reason
from cspbench.errors import CspbenchError
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.forms.flat import Flat, exported


class _Positions(nn.Module):
    """Adds embeddings of 197 positions, as a model for images of one size does."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 197, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.positions


class _Skip(nn.Module):
    """Joins a map with what pooling and upsampling made of it, as a U-Net does."""

    def forward(self, x: Tensor) -> Tensor:
        small = nn.functional.max_pool2d(x, 2)
        return torch.cat([x, nn.functional.interpolate(small, scale_factor=2)], 1)


class _Two(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


ERRORS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "one value": (lambda: nn.BatchNorm2d(3), (1, 3, 1, 1), "--batch-size 2"),
    "features": (lambda: nn.Linear(512, 10), (1, 2048), "--input N,C,H,W"),
    "positions": (_Positions, (1, 50, 4), "--input N,C,H,W"),
    "skip": (_Skip, (1, 2, 7, 7), "multiples of 32"),
    "channels": (lambda: nn.Conv2d(7, 4, 3), (1, 3, 8, 8), "--input N,"),
    "kernel": (lambda: nn.Conv2d(3, 4, 9), (1, 3, 8, 8), "a larger --input"),
    "pool": (lambda: nn.MaxPool2d(3), (1, 3, 2, 2), "a larger --input"),
    "tokens": (lambda: nn.Embedding(10, 3), (1, 7), "int64"),
    "two inputs": (_Two, (1, 7), "repeat --input"),
}


@pytest.mark.parametrize("device", ["cpu", "meta", "fake"])
@pytest.mark.parametrize("name", ERRORS)
def test_what_torch_raises_is_known_on_real_meta_and_fake_tensors(name: str, device: str) -> None:
    """The type of the exception stands first, its own words next, the remedy last."""
    build, shape, remedy = ERRORS[name]
    context = FakeTensorMode() if device == "fake" else torch.device(device)
    with context, pytest.raises((RuntimeError, TypeError, ValueError)) as raised:
        build()(torch.randn(shape))
    text = reason(raised.value)
    first_line = str(raised.value).splitlines()[0]
    assert text.startswith(f"{type(raised.value).__name__}: {first_line} (")
    assert remedy in text
    assert case_failure("a", "counts", raised.value).reason == text


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Input height (224) doesn't match model (384).", "384x384: --input N,C,384,384"),
        ("Input size (256) doesn't match model (448).", "448x448: --input N,C,448,448"),
        ("Input image size (224*224) doesn't match model (384*128).", "N,C,384,128"),
        ("Input size (224,224) doesn't match model (256, 192).", "N,C,256,192"),
        ("Wrong image height! Expected 518 but got 224!", "N,C,518,518"),
        ("Input image height 30 is not a multiple of patch height: 14", "multiples of 32"),
        (
            (
                "Given groups=1, weight of size [64, 12, 7, 7], expected input[1, 3, 224, 224] to "
                "have 12 channels, but got 3 channels instead"
            ),
            "--input N,12,H,W",
        ),
    ],
)
def test_a_model_of_another_size_says_which(message: str, remedy: str) -> None:
    """As timm, transformers and torchvision say it."""
    assert remedy in reason(AssertionError(message))


@pytest.mark.parametrize(
    ("inputs", "remedy"),
    [
        ({"input": torch.tensor([[5]])}, "lower the end of --input ids=1,77:int64:END"),
        ({"tokens": torch.tensor([[1]])}, "name inputs as the arguments of the model's forward"),
    ],
)
def test_integers_beyond_a_table_and_unknown_names_of_inputs_have_a_remedy(
    inputs: dict[str, torch.Tensor], remedy: str
) -> None:
    """In torch's and Python's own words."""
    with pytest.raises((IndexError, TypeError)) as raised:
        nn.Embedding(4, 8)(**inputs)
    assert remedy in reason(raised.value)


def test_a_forward_that_reads_values_is_said_to_have_no_file() -> None:
    """In the words of torch.export, as they reach a failure."""
    with pytest.raises(ValueError, match=r"torch\.export") as raised:
        exported(Flat(Branches(), Arguments((torch.ones(1, 4, 8, 8),), {})))
    assert "in no form that is a file" in reason(raised.value)


def test_a_missing_timm_is_installed_without_another_torch() -> None:
    """Plain `pip install timm` could replace it; an import in a user's file is known, too."""
    for error in (
        ModuleNotFoundError("No module named 'timm'"),
        CspbenchError("timm:resnet18 needs the package timm"),
        CspbenchError(
            "net.py cannot be loaded: ModuleNotFoundError: No module named 'timm.layers'"
        ),
    ):
        assert "pip install --no-deps timm" in reason(error)
        assert "huggingface_hub safetensors pyyaml" in reason(error)


@pytest.mark.parametrize(
    ("torch_version", "command"),
    [
        ("2.13.0+cpu", "pip install --no-deps 'torchvision==0.28.*' from the index of the +cpu"),
        ("2.4.1", "pip install --no-deps 'torchvision==0.19.*'"),
        ("2.6.0+cu124", "'torchvision==0.21.*' from the index of the +cu124 builds"),
        ("3.0.0", "pip install --no-deps torchvision"),
    ],
)
def test_torchvision_is_named_with_the_release_for_this_torch(
    monkeypatch: pytest.MonkeyPatch, torch_version: str, command: str
) -> None:
    """Releases of both libraries go together."""
    monkeypatch.setattr(hints, "version", lambda _: torch_version)
    for message in (
        "operator torchvision::nms does not exist",
        "No module named 'torchvision'",
        "Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision versions",
    ):
        assert command in hint(message)


def test_without_a_remedy_the_error_stands_alone() -> None:
    """First lines only; our own errors need no type."""
    assert hint("division by zero") == ""
    assert reason(ZeroDivisionError("division by zero\nand more")) == (
        "ZeroDivisionError: division by zero"
    )
    assert reason(KeyError()) == "KeyError"
    assert reason(CspbenchError("no data here")) == "no data here"
    assert version("torch") in hint("operator torchvision::qnms does not exist")
