"""Operators on meta tensors give what torch's own functions give, in less time."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cspbench.measures.counting.shortcuts import Shortcuts

ACTIVATIONS: list[Callable[..., Tensor]] = [
    functional.elu,
    functional.hardsigmoid,
    functional.hardswish,
    functional.hardtanh,
    functional.leaky_relu,
    functional.mish,
    functional.relu,
    functional.relu6,
    functional.silu,
]


def maps(layout: torch.memory_format, dtype: torch.dtype = torch.float32) -> Tensor:
    empty = torch.empty(2, 3, 5, 7, device="meta", dtype=dtype)
    return empty.contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, functional.gelu])
def test_an_activation_keeps_shape_type_and_layout(
    activation: Callable[[Tensor], Tensor], layout: torch.memory_format
) -> None:
    """As without shortcuts."""
    expected = activation(maps(layout, torch.bfloat16))
    with Shortcuts():
        output = activation(maps(layout, torch.bfloat16))
    assert output.is_meta
    assert (output.shape, output.stride()) == (expected.shape, expected.stride())
    assert output.dtype is expected.dtype is torch.bfloat16


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_in_place_returns_its_input(activation: Callable[..., Tensor]) -> None:
    """Not a tensor of its own, which a peak would count."""
    x = maps(torch.contiguous_format)
    with Shortcuts():
        assert activation(x, inplace=True) is x


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("is_training", [False, True])
def test_batch_norm_keeps_its_results_in_either_mode(
    layout: torch.memory_format, is_training: bool
) -> None:
    """In training torch computes it, statistics included."""
    norm = nn.BatchNorm2d(3, device="meta").train(is_training)
    expected = norm(maps(layout))
    with Shortcuts():
        output = norm(maps(layout))
    assert (output.shape, output.stride()) == (expected.shape, expected.stride())
    assert output.requires_grad


def test_gradients_flow_through_shortcuts() -> None:
    """Autograd stands above them."""
    x = maps(torch.contiguous_format).requires_grad_()
    with Shortcuts():
        functional.silu(functional.hardswish(x)).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


def test_integers_and_real_tensors_are_left_to_torch() -> None:
    """Whose results have values, or errors."""
    with Shortcuts():
        assert functional.relu(torch.tensor([-1.0, 2.0])).tolist() == [0, 2]
        assert functional.relu(torch.ones(2, dtype=torch.int64, device="meta")).dtype is torch.int64
