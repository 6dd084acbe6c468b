"""The CSP designs: which channels go where, and whose gradients meet.

The mistakes that public implementations make are each refuted by a test.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cspbench.blocks.csp import CSP, BothTransitions, FusionFirst, FusionLast, SplitOnly

Design = CSP | FusionFirst | FusionLast | SplitOnly | BothTransitions
DESIGNS: list[type[Design]] = [CSP, FusionFirst, FusionLast, SplitOnly, BothTransitions]
POOLING: list[type[CSP | FusionFirst | FusionLast | BothTransitions]] = [
    CSP,
    FusionFirst,
    FusionLast,
    BothTransitions,
]
SMALL: dict[str, Any] = {"layers": 2, "growth": 3, "bn_size": 2}
GAMMAS = st.floats(0, 1, exclude_min=True, exclude_max=True)
# channels, gamma, channels that bypass
SPLITS = [(8, 0.5, 4), (8, 0.25, 2), (8, 0.75, 6), (33, 0.5, 16), (7, 0.25, 1), (7, 0.75, 5)]


@pytest.fixture(scope="module", autouse=True)
def without_onednn() -> Iterator[None]:
    """Spare the compilation of a kernel for every new shape, eight times what the tests take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        yield


def input_of(module: nn.Module, part: str, x: Tensor) -> Tensor:
    """Tensor that the submodule ``part`` takes when ``module`` takes ``x``."""
    taken: list[Tensor] = []
    handle = module.get_submodule(part).register_forward_pre_hook(
        lambda _, inputs: taken.append(inputs[0].clone())
    )
    module(x)
    handle.remove()
    return taken[0]


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("channels", "gamma", "bypass"), SPLITS)
def test_the_block_takes_all_channels_but_the_bypass(
    design: type[Design], channels: int, gamma: float, bypass: int
) -> None:
    module = design(channels=channels, gamma=gamma, **SMALL).eval()
    x = torch.randn(1, channels, 4, 4)
    assert torch.equal(input_of(module, "block", x), x[:, bypass:])


@pytest.mark.parametrize(("channels", "gamma", "bypass"), SPLITS)
def test_fusion_first_hands_both_parts_to_its_transition(
    channels: int, gamma: float, bypass: int
) -> None:
    module = FusionFirst(channels=channels, gamma=gamma, **SMALL).eval()
    x = torch.randn(1, channels, 4, 4)
    fused = input_of(module, "transition", x)
    assert torch.equal(fused[:, :bypass], x[:, :bypass])
    assert torch.equal(fused[:, bypass:], module.block(x[:, bypass:]))


@pytest.mark.parametrize(("channels", "gamma", "bypass"), SPLITS)
def test_fusion_last_hands_only_the_blocks_part_to_its_transition(
    channels: int, gamma: float, bypass: int
) -> None:
    module = FusionLast(channels=channels, gamma=gamma, **SMALL).eval()
    x = torch.randn(1, channels, 4, 4)
    assert torch.equal(input_of(module, "transition", x), module.block(x[:, bypass:]))


@pytest.mark.parametrize(("channels", "gamma", "bypass"), SPLITS)
def test_fusion_last_returns_the_bypass_as_it_came_and_then_the_transition(
    channels: int, gamma: float, bypass: int
) -> None:
    module = FusionLast(channels=channels, gamma=gamma, **SMALL).eval()
    x = torch.randn(1, channels, 4, 4)
    out = module(x)
    assert torch.equal(out[:, :bypass], x[:, :bypass])
    assert torch.equal(out[:, bypass:], module.transition(module.block(x[:, bypass:])))


@pytest.mark.parametrize(("channels", "gamma", "bypass"), SPLITS)
def test_csp_hands_the_bypass_and_the_first_transition_to_the_second(
    channels: int, gamma: float, bypass: int
) -> None:
    module = CSP(channels=channels, gamma=gamma, **SMALL).eval()
    x = torch.randn(1, channels, 4, 4)
    fused = input_of(module, "transition_u", x)
    assert torch.equal(fused[:, :bypass], x[:, :bypass])
    assert torch.equal(fused[:, bypass:], module.transition_t(module.block(x[:, bypass:])))


@pytest.mark.parametrize(("channels", "gamma", "bypass"), SPLITS)
def test_both_transitions_gives_each_part_one_of_its_own(
    channels: int, gamma: float, bypass: int
) -> None:
    module = BothTransitions(channels=channels, gamma=gamma, **SMALL).eval()
    x = torch.randn(1, channels, 4, 4)
    expected = [
        module.transition_bypass(x[:, :bypass]),
        module.transition(module.block(x[:, bypass:])),
    ]
    assert torch.equal(module(x), torch.cat(expected, dim=1))


@pytest.mark.parametrize(
    ("design", "transition", "before"),
    [
        (CSP, "transition_t", 0),
        (FusionFirst, "transition", 4),
        (FusionLast, "transition", 0),
        (BothTransitions, "transition", 0),
    ],
)
def test_the_blocks_output_holds_its_own_part_of_the_base(
    design: type[Design], transition: str, before: int
) -> None:
    module = design(channels=8, **SMALL).eval()
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(input_of(module, transition, x)[:, before : before + 4], x[:, 4:])


@given(channels=st.integers(2, 65), gamma=GAMMAS)
@settings(max_examples=40)
def test_split_only_loses_no_channel_of_the_base(channels: int, gamma: float) -> None:
    module = SplitOnly(channels=channels, gamma=gamma, layers=1, growth=1, bn_size=1).eval()
    x = torch.randn(1, channels, 1, 1)
    assert torch.equal(module(x)[:, :channels], x)


@pytest.mark.parametrize("design", DESIGNS)
@given(channels=st.integers(2, 65), gamma=GAMMAS)
@settings(max_examples=25)
def test_the_output_has_the_channels_that_the_module_announces(
    design: type[Design], channels: int, gamma: float
) -> None:
    with torch.device("meta"):
        module = design(channels=channels, gamma=gamma, **SMALL).eval()
        out = module(torch.empty(2, channels, 5, 6))
    assert out.shape == (2, module.out_channels, 5, 6)


@pytest.mark.parametrize("pool", ["avg", "max"])
@pytest.mark.parametrize("design", POOLING)
@pytest.mark.parametrize(("size", "half"), [((8, 6), (4, 3)), ((7, 5), (3, 2))])
def test_a_pool_halves_every_design_fusion_last_included(
    design: type[CSP | FusionFirst | FusionLast | BothTransitions],
    pool: str,
    size: tuple[int, int],
    half: tuple[int, int],
) -> None:
    module = design(channels=7, pool=pool, **SMALL)
    assert module(torch.randn(2, 7, *size)).shape == (2, module.out_channels, *half)


def test_fusion_last_pools_its_bypass_as_it_pools_its_transition() -> None:
    module = FusionLast(channels=8, pool="max", **SMALL).eval()
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(module(x)[:, :4], nn.functional.max_pool2d(x[:, :4], 2))


def updates(module: nn.Module, base: Tensor, upstream: Tensor) -> dict[str, Tensor]:
    """Gradient of every parameter, for one gradient that arrives at the output."""
    names, parameters = zip(*module.named_parameters(), strict=True)
    gradients = torch.autograd.grad(module(base), parameters, upstream)
    return dict(zip(names, gradients, strict=True))


def moved(design: type[Design], channels: slice) -> set[str]:
    """Parts whose update changes when only these ``channels`` of the base do."""
    torch.manual_seed(0)
    module = design(channels=8, **SMALL).double()
    base = torch.randn(3, 8, 4, 4, dtype=torch.double)
    shifted_base = base.clone()
    shifted_base[:, channels] = torch.randn_like(shifted_base[:, channels])
    upstream = torch.randn_like(module(base))
    before, after = updates(module, base, upstream), updates(module, shifted_base, upstream)
    return {
        name.partition(".")[0]
        for name, update in before.items()
        if not torch.allclose(update, after[name], rtol=1e-9, atol=1e-12)
    }


@pytest.mark.parametrize(
    ("design", "parts"),
    [
        (CSP, {"transition_u"}),
        (FusionFirst, {"transition"}),
        (FusionLast, set()),
        (SplitOnly, set()),
        (BothTransitions, {"transition_bypass"}),
    ],
)
def test_the_bypass_enters_only_the_updates_that_follow_its_concat(
    design: type[Design], parts: set[str]
) -> None:
    assert moved(design, slice(0, 4)) == parts


@pytest.mark.parametrize(
    ("design", "parts"),
    [
        (CSP, {"block", "transition_t", "transition_u"}),
        (FusionFirst, {"block", "transition"}),
        (FusionLast, {"block", "transition"}),
        (SplitOnly, {"block"}),
        (BothTransitions, {"block", "transition"}),
    ],
)
def test_the_blocks_part_enters_no_update_of_the_bypass(
    design: type[Design], parts: set[str]
) -> None:
    assert moved(design, slice(4, 8)) == parts


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 1}, "a split needs at least 2 channels, got 1"),
        ({"gamma": 1.5}, "gamma must be in (0, 1), got 1.5"),
        ({"layers": 0}, "layers must be above 0, got 0"),
        ({"growth": -1}, "growth must be above 0, got -1"),
    ],
)
def test_every_design_refuses_what_it_cannot_split_or_grow(
    design: type[Design], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        design(**arguments)


@pytest.mark.parametrize("design", POOLING)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t2": 0.0}, "ratio must be above 0, got 0.0"),
        ({"pool": "mean"}, "pool must be one of none, avg, max, got 'mean'"),
    ],
)
def test_every_transition_refuses_an_impossible_ratio_or_pool(
    design: type[CSP | FusionFirst | FusionLast | BothTransitions],
    arguments: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        design(**arguments)
