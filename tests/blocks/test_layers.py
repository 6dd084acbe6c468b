"""Layers that the blocks share: right gradients in place, and names that are known."""

import copy
import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from cspbench.blocks.layers import (
    ACTIVATIONS,
    POOLS,
    Conv,
    PreConv,
    SqueezeExcitation,
    Transition,
    activation_layer,
    pool_layer,
)


@pytest.fixture(scope="module", autouse=True)
def without_onednn() -> Iterator[None]:
    """Spare the compilation of a kernel for every new shape, eight times what the tests take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        yield


in_place = pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"none", "gelu"}))


def gradients(module: nn.Module, x: Tensor, upstream: Tensor) -> tuple[Tensor, ...]:
    """Gradients of the input and of every parameter, for one that arrives at the output."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(module(x), [x, *module.parameters()], upstream)


@in_place
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("layer", [Conv, PreConv])
def test_gradients_in_place_are_those_out_of_place(
    activation: str, layer: type[Conv | PreConv], training: bool
) -> None:
    torch.manual_seed(0)
    module = layer(4, 4, 3, activation=activation).train(training)
    out_of_place = copy.deepcopy(module)
    vars(out_of_place.act).update(inplace=False)
    x, upstream = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(gradients(module, x, upstream), gradients(out_of_place, x, upstream))


@in_place
def test_the_activation_works_in_place_where_torch_can(activation: str) -> None:
    x = torch.randn(3)
    assert activation_layer(activation)(x).data_ptr() == x.data_ptr()


def test_conv_is_convolution_then_norm_then_activation() -> None:
    module = Conv(2, 3, activation="relu").eval()
    x = torch.randn(1, 2, 4, 4)
    expected = nn.functional.relu(module.norm(module.conv(x)))
    torch.testing.assert_close(module(x), expected)


def test_preconv_is_norm_then_activation_then_convolution() -> None:
    module = PreConv(2, 3, activation="relu").eval()
    x = torch.randn(1, 2, 4, 4)
    expected = module.conv(nn.functional.relu(module.norm(x)))
    torch.testing.assert_close(module(x), expected)


def test_no_layer_has_a_convolution_bias() -> None:
    layers = nn.ModuleList([Conv(2, 3), PreConv(2, 3), Transition(4, 0.5)])
    biases = [module.bias for module in layers.modules() if isinstance(module, nn.Conv2d)]
    assert biases == [None, None, None]


@pytest.mark.parametrize(
    ("pool", "size"), [("none", (5, 6)), ("avg", (2, 3)), ("max", (2, 3))], ids=POOLS
)
def test_a_transition_scales_channels_and_pools(pool: str, size: tuple[int, int]) -> None:
    out = Transition(7, 0.5, pool=pool)(torch.randn(2, 7, 5, 6))
    assert out.shape == (2, 3, *size)


def test_the_pools_are_mean_and_maximum() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert pool_layer("avg")(x).item() == 3
    assert pool_layer("max")(x).item() == 6


def test_an_unknown_activation_is_refused_with_the_known_ones() -> None:
    message = (
        "activation must be one of none, relu, relu6, leaky_relu, leaky_relu_0.01, silu, "
        "hardswish, mish, gelu, got 'swish'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        activation_layer("swish")


def test_an_unknown_pool_is_refused_with_the_known_ones() -> None:
    message = "pool must be one of none, avg, max, got 'mean'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pool_layer("mean")


def test_squeeze_and_excitation_scales_each_channel_by_one_number_in_0_to_1() -> None:
    """A sigmoid of a 1x1 of an activated 1x1 of the means."""
    torch.manual_seed(0)
    module = SqueezeExcitation(6, 0.25, activation="relu")
    assert module.squeeze.weight.shape == (8, 6, 1, 1)
    x = torch.randn(2, 6, 4, 3)
    (down, down_bias), (up, up_bias) = (
        (layer.weight[:, :, 0, 0], layer.bias) for layer in (module.squeeze, module.excite)
    )
    hidden = nn.functional.linear(x.mean((2, 3)), down, down_bias).relu()
    gate = nn.functional.linear(hidden, up, up_bias).sigmoid()
    torch.testing.assert_close(module(x), x * gate[:, :, None, None])


@in_place
def test_gradients_of_squeeze_and_excitation_in_place_are_those_out_of_place(
    activation: str,
) -> None:
    torch.manual_seed(0)
    module = SqueezeExcitation(4, 0.5, activation=activation)
    out_of_place = copy.deepcopy(module)
    vars(out_of_place.act).update(inplace=False)
    x, upstream = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(gradients(module, x, upstream), gradients(out_of_place, x, upstream))
