"""Iterations of modules whose outputs are no tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cspbench


@dataclass
class Out:
    """An output of a class of its own."""

    maps: Any
    extra: Any = None


class Net(nn.Module):
    """A 1x1 convolution of 4 to 6 channels whose output is wrapped."""

    def __init__(self, wrap: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 6, 1, bias=False)
        self.wrap = wrap

    def forward(self, x: Tensor) -> object:
        return self.wrap(self.conv(x))


@pytest.mark.parametrize(
    "wrap",
    [
        Out,
        lambda y: Out([{"a": Out(None, (y,))}], "text"),
        lambda y: SimpleNamespace(count=3, maps=SimpleNamespace(first=y)),
        lambda y: torch.complex(y, y),
        lambda y: {"boxes": [y.detach().long()], "score": Out(y)},
        lambda y: (y, y),
    ],
)
def test_a_training_step_finds_the_gradient_in_any_output(wrap: Callable[[Tensor], object]) -> None:
    """The weight's gradient: 25 places x 4 x 6 MACs."""
    record = cspbench.profile(Net(wrap), (1, 4, 5, 5), mode="train")
    assert record.counts is not None
    assert record.counts.backward_flops == 2 * 25 * 4 * 6


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda y: Out(y.shape), "no tensor was found in its output of type Out"),
        (lambda y: [y.detach()], "no tensor in its output of type list depends on what is trained"),
        (lambda y: Out(y.argmax(1)), "no tensor in its output of type Out depends on"),
    ],
)
def test_what_cannot_be_trained_is_said_by_the_type_of_its_output(
    wrap: Callable[[Tensor], object], message: str
) -> None:
    """In training alone: an inference is measured."""
    with pytest.raises(ValueError, match=message):
        cspbench.profile(Net(wrap), (1, 4, 5, 5), mode="train")
    record = cspbench.profile(Net(wrap), (1, 4, 5, 5))
    assert record.counts is not None
    assert record.counts.macs == 25 * 4 * 6


class Refusing(nn.Conv2d):
    """Is as it is, as exported programs are."""

    def __init__(self) -> None:
        super().__init__(4, 6, 1, bias=False)

    def eval(self) -> Any:
        raise NotImplementedError("no eval()")

    def train(self, mode: bool = True) -> Any:
        raise NotImplementedError(f"no train({mode})")


def test_inference_runs_a_module_that_has_no_modes_as_it_is() -> None:
    """Training, which needs its mode, raises the module's own message."""
    record = cspbench.profile(Refusing(), (1, 4, 5, 5), measures=["counts", "latency"])
    assert record.macs == 25 * 4 * 6
    assert record.latency > 0
    with pytest.raises(NotImplementedError, match="no train"):
        cspbench.profile(Refusing(), (1, 4, 5, 5), mode="train")
