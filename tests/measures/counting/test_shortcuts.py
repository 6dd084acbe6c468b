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


def meta(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


OPERATORS: dict[str, Callable[[], Tensor]] = {
    "conv2d": lambda: functional.conv2d(meta(2, 6, 11, 13), meta(8, 6, 3, 5), meta(8), padding=1),
    "strided": lambda: functional.conv2d(
        meta(2, 6, 11, 13), meta(9, 2, 3, 2), stride=(2, 3), dilation=(1, 2), groups=3
    ),
    "same": lambda: functional.conv2d(meta(2, 6, 11, 13), meta(8, 6, 3, 5), padding="same"),
    "conv1d": lambda: functional.conv1d(meta(2, 6, 11), meta(8, 6, 3)),
    "conv3d": lambda: functional.conv3d(meta(2, 6, 7, 8, 9), meta(8, 6, 3, 2, 1), stride=2),
    "without a batch": lambda: functional.conv2d(meta(6, 11, 13), meta(8, 6, 3, 3)),
    "transposed": lambda: functional.conv_transpose2d(meta(2, 6, 5, 5), meta(6, 4, 3, 3), stride=2),
    "channels last": lambda: functional.conv2d(
        meta(2, 6, 11, 13).contiguous(memory_format=torch.channels_last), meta(8, 6, 3, 3)
    ),
    "sum": lambda: meta(2, 3, 4) + meta(2, 3, 4),
    "scaled sum": lambda: torch.add(meta(2, 3, 4), meta(2, 3, 1), alpha=2),
    "sum that grows": lambda: meta(2, 3, 1) + meta(2, 3, 4),
    "sum with fewer dimensions": lambda: meta(2, 3, 4) + meta(4),
    "sum with another type": lambda: meta(2, 3).half() + meta(2, 3),
    "sum of a transposed": lambda: meta(3, 2).t() + meta(2, 3),
    "sum with a number": lambda: meta(2, 3) + 1,
    "product": lambda: meta(2, 3, 4, 5) * meta(2, 3, 1, 1),
    "mean": lambda: meta(2, 3, 4, 5).mean((2, 3)),
    "mean that keeps dimensions": lambda: meta(2, 3, 4, 5).mean((-1, 1), keepdim=True),
    "mean of all": lambda: meta(2, 3).mean(),
    "mean in double": lambda: meta(2, 3).mean(1, dtype=torch.float64),
    "cat": lambda: torch.cat([meta(2, 3, 4), meta(2, 5, 4), meta(2, 1, 4)], dim=1),
    "cat of the last": lambda: torch.cat([meta(2, 3), meta(2, 4)], dim=-1),
    "cat with nothing": lambda: torch.cat([meta(2, 3), meta(0)]),
    "cat of types": lambda: torch.cat([meta(2, 3), meta(2, 3).half()]),
    "cat of channels last": lambda: torch.cat([maps(torch.channels_last)] * 2, dim=1),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_results_have_the_shape_type_and_strides_of_torchs(name: str) -> None:
    """Of each operator, in forms that are usual and in those that are left to torch."""
    expected = OPERATORS[name]()
    with Shortcuts():
        output = OPERATORS[name]()
    assert output.is_meta
    assert (output.shape, output.stride()) == (expected.shape, expected.stride())
    assert output.dtype is expected.dtype


@pytest.mark.parametrize(
    "call",
    [
        lambda: functional.conv2d(meta(2, 5, 9, 9), meta(8, 6, 3, 3)),
        lambda: functional.conv2d(meta(2, 6, 2, 2), meta(8, 6, 3, 3)),
        lambda: meta(2, 3) + meta(2, 4),
        lambda: meta(2, 3).mean((0, 2)),
        lambda: meta(2, 3).mean((1, 1)),
        lambda: torch.cat([meta(2, 3), meta(3, 4)], dim=1),
        lambda: torch.cat([meta(2, 3), meta(2, 4)], dim=2),
    ],
)
def test_what_torch_refuses_is_refused(call: Callable[[], Tensor]) -> None:
    """With the same type of error."""
    with pytest.raises(Exception, match=r".") as expected:
        call()
    with Shortcuts(), pytest.raises(type(expected.value)) as raised:
        call()
    assert str(raised.value) == str(expected.value)


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
