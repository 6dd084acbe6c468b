"""The CSP modules of the YOLO line: how their paths run, and what they refuse."""

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cspbench.blocks.yolo import C3, Bottleneck, BottleneckCSP

MODULES: list[type[BottleneckCSP | C3]] = [BottleneckCSP, C3]


def test_a_bottleneck_adds_its_input_only_with_a_shortcut() -> None:
    with_shortcut = Bottleneck(4).eval()
    without = Bottleneck(4, shortcut=False).eval()
    without.load_state_dict(with_shortcut.state_dict())
    x = torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(with_shortcut(x), x + without(x))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_bottleneck_is_k_by_k_and_then_3_by_3(k: int) -> None:
    kernels = [
        module.kernel_size
        for module in Bottleneck(4, k=k).modules()
        if isinstance(module, nn.Conv2d)
    ]
    assert kernels == [(k, k), (3, 3)]


def test_groups_are_those_of_the_3_by_3_alone() -> None:
    groups = [
        module.groups
        for module in Bottleneck(4, k=3, groups=2).modules()
        if isinstance(module, nn.Conv2d)
    ]
    assert groups == [1, 2]


def test_bottleneck_csp_ends_each_path_in_a_plain_convolution_before_the_concat() -> None:
    module = BottleneckCSP(c1=6, c2=8, n=2).eval()
    x = torch.randn(1, 6, 5, 5)
    paths = [module.leave(module.blocks(module.enter(x))), module.bypass(x)]
    expected = module.fuse(nn.functional.silu(module.norm(torch.cat(paths, dim=1))))
    torch.testing.assert_close(module(x), expected)
    assert isinstance(module.leave, nn.Conv2d)
    assert isinstance(module.bypass, nn.Conv2d)


def test_c3_fuses_its_paths_with_no_convolution_between_blocks_and_concat() -> None:
    module = C3(c1=6, c2=8, n=2).eval()
    x = torch.randn(1, 6, 5, 5)
    paths = [module.blocks(module.enter(x)), module.bypass(x)]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(paths, dim=1)))


@pytest.mark.parametrize("module", MODULES)
@given(c1=st.integers(1, 65), c2=st.integers(1, 65), e=st.floats(0.01, 1.5))
@settings(deadline=None, max_examples=25)
def test_the_output_has_c2_channels_whatever_the_path_holds(
    module: type[BottleneckCSP | C3], c1: int, c2: int, e: float
) -> None:
    with torch.device("meta"):
        out = module(c1=c1, c2=c2, n=1, e=e).eval()(torch.empty(2, c1, 5, 6))
    assert out.shape == (2, c2, 5, 6)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"c1": 0}, "c1 must be above 0, got 0"),
        ({"c2": 0}, "c2 must be above 0, got 0"),
        ({"n": 0}, "n must be above 0, got 0"),
        ({"k": 0}, "k must be above 0, got 0"),
        ({"k": 2}, "k must be odd, as an even kernel changes H and W, got 2"),
        ({"e": 0.0}, "e must be above 0, got 0.0"),
        ({"groups": 0}, "groups must be above 0, got 0"),
        ({"groups": 3}, "groups=3 does not divide the 64 channels of the 3x3"),
    ],
)
def test_an_impossible_argument_is_refused(
    module: type[BottleneckCSP | C3], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        module(**arguments)
