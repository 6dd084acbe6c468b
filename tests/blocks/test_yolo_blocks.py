"""The CSP modules of the YOLO line: how their paths run, and what they refuse."""

import re
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from trained_norms import with_trained_norms

from cspbench.blocks.layers import Conv
from cspbench.blocks.yolo.bottlenecks import (
    CIB,
    Bottleneck,
    CrossConv,
    CSPNeXtBlock,
    DepthwiseBottleneck,
    GhostBottleneck,
    RepBottleneck,
    RepResidual,
    Residual,
    ScaledRepResidual,
    SeparableBottleneck,
)
from cspbench.blocks.yolo.chunked import C2, C2f, C2fCIB, C3k2, DSC3k2
from cspbench.blocks.yolo.elan import (
    EELAN,
    ELAN,
    ELAN1,
    DFineRepNCSPELAN4,
    HGBlock,
    RepNCSPELAN4,
)
from cspbench.blocks.yolo.frames import HalfPath, Halves, Taps, Twins, TwoPaths
from cspbench.blocks.yolo.parts import (
    ChannelAttention,
    GhostConv,
    PyramidPooling,
    RepConv,
    SerialPooling,
    plain_separable_conv,
)
from cspbench.blocks.yolo.pyramids import CSPSPPF, SPPELAN, SPPF
from cspbench.blocks.yolo.repvgg import MBLA, BepC3, DAMOCSPStage
from cspbench.blocks.yolo.two_paths import (
    C3,
    SPPCSPC,
    BottleneckCSP,
    BottleneckCSP2,
    C3f,
    C3Ghost,
    C3k,
    C3x,
    CSPLayerDepthwise,
    CSPNeXt,
    CSPResStage,
    DSC3k,
    RepC3,
    RepNCSP,
)
from cspbench.catalogue import yolo
from cspbench.catalogue.entry import Entry, Value
from cspbench.catalogue.loading import resolve

every_entry = pytest.mark.parametrize("entry", yolo.ENTRIES, ids=lambda entry: entry.name)
every_inner_block = pytest.mark.parametrize(
    "block",
    [
        Bottleneck,
        DepthwiseBottleneck,
        CrossConv,
        RepBottleneck,
        RepResidual,
        CSPNeXtBlock,
        CIB,
        GhostBottleneck,
        SeparableBottleneck,
    ],
)


pytestmark = pytest.mark.usefixtures("tiny_tensors")


def small(entry: Entry, **overrides: Value) -> nn.Module:
    """Module of ``entry`` for 6 input and 8 output channels, with norms as after some training."""
    names = {parameter.name for parameter in entry.parameters}
    channels: dict[str, Value] = {"c1": 6, "c2": 8, "n": 2, "c3": 6, "c4": 4, "mid": 4}
    accepted = {name: value for name, value in channels.items() if name in names}
    torch.manual_seed(0)
    module: nn.Module = resolve(entry.build)(
        **dict(entry.fixed), **entry.arguments(accepted | overrides)
    )
    return with_trained_norms(module)


def kernels(module: nn.Module) -> list[tuple[tuple[int, ...], int]]:
    """Kernel and groups of every convolution, in order."""
    return [
        (child.kernel_size, child.groups)
        for child in module.modules()
        if isinstance(child, nn.Conv2d)
    ]


def activations(module: nn.Module) -> list[type[nn.Module]]:
    """Types of the activation of every convolution with a norm, in order."""
    return [type(child.act) for child in module.modules() if isinstance(child, Conv)]


@every_inner_block
def test_an_inner_block_adds_its_input_only_with_a_shortcut(
    block: Callable[..., nn.Module],
) -> None:
    with_shortcut = block(4).eval()
    without = block(4, shortcut=False).eval()
    without.load_state_dict(with_shortcut.state_dict())
    x = torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(with_shortcut(x), x + without(x))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_bottleneck_is_k_by_k_and_then_3_by_3(k: int) -> None:
    assert kernels(Bottleneck(4, k=k)) == [((k, k), 1), ((3, 3), 1)]


def test_groups_are_those_of_the_last_convolution_alone() -> None:
    assert kernels(Bottleneck(4, k=3, groups=2)) == [((3, 3), 1), ((3, 3), 2)]
    assert kernels(CrossConv(4, groups=2)) == [((1, 3), 1), ((3, 1), 2)]
    assert kernels(RepBottleneck(4, groups=2)) == [((3, 3), 1), ((1, 1), 1), ((3, 3), 2)]


def test_depthwise_blocks_follow_their_papers() -> None:
    pointwise = ((1, 1), 1)
    assert kernels(DepthwiseBottleneck(4)) == [pointwise, ((3, 3), 4), pointwise]
    assert kernels(CSPNeXtBlock(4)) == [((3, 3), 1), ((5, 5), 4), pointwise]
    ends = ((3, 3), 4)
    assert kernels(CIB(4)) == [ends, pointwise, ((3, 3), 8), pointwise, ends]
    assert kernels(CIB(4, lk=True)) == [ends, pointwise, ((7, 7), 8), ((3, 3), 8), pointwise, ends]


def test_a_ghost_bottleneck_activates_its_first_convolution_alone() -> None:
    halves = [((1, 1), 1), ((5, 5), 1), ((1, 1), 1), ((5, 5), 2)]
    module = GhostBottleneck(4)
    assert kernels(module) == halves
    first, second = map(activations, module.body)
    assert first == [nn.SiLU, nn.SiLU]
    assert second == [nn.Identity, nn.Identity]


@pytest.mark.parametrize("outputs", [4, 5, 1])
def test_a_ghost_convolution_makes_half_of_its_outputs_from_the_other_half(outputs: int) -> None:
    """Of an odd number the first half has one more; what the second has too many is cut off."""
    module = with_trained_norms(GhostConv(3, outputs, activation="silu"))
    half = (outputs + 1) // 2
    assert kernels(module) == [((1, 1), 1), ((5, 5), half)]
    x = torch.randn(2, 3, 6, 6)
    first = module.primary(x)
    second = module.cheap(first)[:, : outputs - half]
    assert first.shape[1] == half
    torch.testing.assert_close(module(x), torch.cat([first, second], dim=1))


def test_a_plain_separable_convolution_has_one_norm() -> None:
    """Nothing stands between the depthwise and the pointwise convolution."""
    module = with_trained_norms(plain_separable_conv(4, 6, 7, activation="silu"))
    assert kernels(module) == [((7, 7), 4), ((1, 1), 1)]
    depthwise, pointwise = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    (norm,) = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    x = torch.randn(1, 4, 9, 9)
    torch.testing.assert_close(module(x), functional.silu(norm(pointwise(depthwise(x)))))


def test_a_separable_bottleneck_is_3_by_3_and_then_7_by_7() -> None:
    pointwise = ((1, 1), 1)
    assert kernels(SeparableBottleneck(4)) == [((3, 3), 4), pointwise, ((7, 7), 4), pointwise]


@pytest.mark.parametrize("depth", [2, 3])
def test_a_scaled_residual_adds_its_input_times_one_learned_number(depth: int) -> None:
    module = with_trained_norms(ScaledRepResidual(4, depth=depth))
    assert module.scale.shape == (1,)
    assert module.scale.item() == 1
    nn.init.constant_(module.scale, 0.25)
    blocks = list(module.body)
    assert [type(block) for block in blocks] == depth * [RepConv]
    x = out = torch.randn(1, 4, 5, 5)
    for block in blocks:
        out = block(out)
    torch.testing.assert_close(module(x), out + 0.25 * x)


def test_a_rep_conv_with_identity_adds_a_norm_of_its_input() -> None:
    module = with_trained_norms(RepConv(4, 4, identity=True, activation="relu"))
    assert module.norm is not None
    x = torch.randn(1, 4, 5, 5)
    total = module.large(x) + module.small(x) + module.norm(x)
    torch.testing.assert_close(module(x), functional.relu(total))


def test_a_rep_conv_with_identity_needs_as_many_outputs_as_inputs() -> None:
    with pytest.raises(ValueError, match=r"^expected 3 channels, got 4$"):
        RepConv(3, 4, identity=True)


def test_a_rep_conv_activates_the_sum_of_both_normed_convolutions() -> None:
    module = RepConv(3, 4, activation="relu").eval()
    x = torch.randn(1, 3, 5, 5)
    large = module.large.norm(module.large.conv(x))
    small = module.small.norm(module.small.conv(x))
    torch.testing.assert_close(module(x), nn.functional.relu(large + small))


def test_two_convolutions_of_a_rep_conv_could_be_one() -> None:
    module = RepConv(3, 4, activation="none").eval()
    weight = module.large.conv.weight.detach().clone()
    weight[:, :, 1:2, 1:2] += module.small.conv.weight.detach()
    scale = (1 + module.large.norm.eps) ** 0.5  # what fresh norms divide by
    x = torch.randn(1, 3, 5, 5)
    torch.testing.assert_close(module(x), nn.functional.conv2d(x, weight, padding=1) / scale)


def trained_rep_conv(kernels: tuple[int, int], groups: int, *, identity: bool = False) -> RepConv:
    outputs = 4 if identity else 8
    module = RepConv(4, outputs, kernels, groups=groups, identity=identity)
    for norm in (module.large.norm, module.small.norm, module.norm):
        if norm is None:
            continue
        norm.running_mean = torch.randn(outputs)
        norm.running_var = torch.rand(outputs) + 0.5
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return module.eval()


@pytest.mark.parametrize("identity", [False, True], ids=["", "identity"])
@pytest.mark.parametrize(("kernels", "groups"), [((3, 1), 1), ((3, 1), 2), ((7, 3), 4)])
def test_a_rep_conv_becomes_one_convolution(
    kernels: tuple[int, int], groups: int, identity: bool
) -> None:
    """Of the large kernel, with a bias; to merge it twice changes nothing."""
    module = trained_rep_conv(kernels, groups, identity=identity).double()
    x = torch.randn(1, 4, 9, 9, dtype=torch.float64)
    expected = module(x)
    module.reparameterize()
    module.reparameterize()
    torch.testing.assert_close(module(x), expected)
    assert list(module.state_dict()) == ["merged.weight", "merged.bias"]
    assert module.merged is not None
    outputs = 4 if identity else 8
    assert module.merged.weight.shape == (outputs, 4 // groups, kernels[0], kernels[0])


def test_a_rep_conv_keeps_its_type_and_device_when_merged() -> None:
    for like in (torch.empty(0, device="meta"), torch.empty(0, dtype=torch.bfloat16)):
        for identity in (False, True):
            module = trained_rep_conv((3, 1), 1, identity=identity).to(like)
            module.reparameterize()
            kinds = {(p.dtype, p.device) for p in module.parameters()}
            assert kinds == {(like.dtype, like.device)}


def test_a_rep_conv_holds_two_branches_until_it_is_merged() -> None:
    names = {name.split(".")[0] for name in RepConv(3, 4).state_dict()}
    assert names == {"large", "small"}
    names = {name.split(".")[0] for name in RepConv(4, 4, identity=True).state_dict()}
    assert names == {"large", "small", "norm"}


def test_channel_attention_scales_each_channel_by_one_number() -> None:
    module = ChannelAttention(3)
    nn.init.zeros_(module.conv.weight)
    with torch.no_grad():
        module.conv.bias.copy_(torch.tensor([0.0, 3.0, -3.0]))  # type: ignore[union-attr]
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(module(x), x * torch.tensor([0.5, 1.0, 0.0]).view(1, 3, 1, 1))


def test_channel_attention_looks_at_the_mean_of_all_channels() -> None:
    module = ChannelAttention(2)
    with torch.no_grad():
        module.conv.weight.copy_(torch.tensor([[0.0, 1.0], [0.0, 0.0]]).view(2, 2, 1, 1))
        nn.init.zeros_(module.conv.bias)  # type: ignore[arg-type]
    x = torch.tensor([[[[1.0, 1.0]], [[0.5, 2.5]]]])  # the second channel's mean is 1.5
    expected = torch.tensor([[[[0.75, 0.75]], [[0.25, 1.25]]]])  # 1.5 / 6 + 0.5, and 0.5
    torch.testing.assert_close(module(x), expected)


def test_the_pyramid_spreads_a_maximum_by_2_4_and_6_pixels() -> None:
    x = torch.zeros(1, 1, 15, 15)
    x[0, 0, 7, 7] = 1
    counts = PyramidPooling()(x).sum(dim=(2, 3))
    assert counts.tolist() == [[1, 5 * 5, 9 * 9, 13 * 13]]


def test_pools_in_series_are_those_of_the_pyramid() -> None:
    x = torch.randn(2, 3, 17, 15)
    assert torch.equal(SerialPooling()(x), PyramidPooling()(x))


@pytest.mark.parametrize(
    "module", [SPPF(c1=6, c2=8), SPPELAN(c1=6, c2=8, c3=3)], ids=["sppf", "spp_elan"]
)
def test_sppf_fuses_a_1x1_and_its_maxima(module: SPPELAN) -> None:
    with_trained_norms(module)
    x = torch.randn(1, 6, 14, 14)
    base = module.enter(x)
    assert base.shape[1] == 3
    pools = [functional.max_pool2d(base, size, 1, size // 2) for size in (5, 9, 13)]
    torch.testing.assert_close(module(x), module.fuse(torch.cat([base, *pools], dim=1)))


def test_bottleneck_csp_ends_each_path_in_a_plain_convolution_before_the_concat() -> None:
    module = BottleneckCSP(c1=6, c2=8, n=2).eval()
    *_, leave = module.blocks
    assert isinstance(leave, nn.Conv2d)
    assert isinstance(module.bypass, nn.Conv2d)
    x = torch.randn(1, 6, 5, 5)
    paths = [module.blocks(module.enter(x)), module.bypass(x)]
    assert isinstance(module.between, nn.Sequential)
    norm, _ = module.between
    expected = module.fuse(nn.functional.silu(norm(torch.cat(paths, dim=1))))
    torch.testing.assert_close(module(x), expected)


def test_bottleneck_csp2_has_both_paths_behind_one_convolution() -> None:
    module = BottleneckCSP2(c1=6, c2=8, n=2).eval()
    x = torch.randn(1, 6, 5, 5)
    base = module.enter(x)
    assert base.shape[1] == 8
    assert isinstance(module.between, nn.Sequential)
    norm, _ = module.between
    paths = torch.cat([module.blocks(base), module.bypass(base)], dim=1)
    torch.testing.assert_close(module(x), module.fuse(nn.functional.mish(norm(paths))))
    assert isinstance(module.bypass, nn.Conv2d)


@pytest.mark.parametrize(
    "module",
    [C3, C3k, C3x, C3Ghost, DSC3k, CSPLayerDepthwise, RepNCSP, BepC3, SPPCSPC, CSPNeXt],
    ids=lambda module_type: module_type.__name__,
)
def test_c3_and_its_kin_fuse_their_paths_with_no_transition_before_the_concat(
    module: type[C3],
) -> None:
    built = module(c1=6, c2=8).eval()
    x = torch.randn(1, 6, 5, 5)
    paths = [built.blocks(built.enter(x)), built.bypass(x)]
    torch.testing.assert_close(built(x), built.fuse(torch.cat(paths, dim=1)))


@pytest.mark.parametrize(
    "module", [partial(CSPNeXt, attention=True), CSPResStage], ids=["cspnext", "csp_res_stage"]
)
def test_attention_stands_between_concat_and_fuse(module: type[CSPResStage]) -> None:
    built = module(c1=6, c2=8, n=1).eval()
    x = torch.randn(1, 6, 5, 5)
    paths = torch.cat([built.blocks(built.enter(x)), built.bypass(x)], dim=1)
    assert isinstance(built.between, ChannelAttention)
    torch.testing.assert_close(built(x), built.fuse(built.between(paths)))


def test_rep_c3_adds_its_paths() -> None:
    module = RepC3(c1=6, c2=8, n=2).eval()
    x = torch.randn(1, 6, 5, 5)
    torch.testing.assert_close(module(x), module.blocks(module.enter(x)) + module.bypass(x))


def test_c2_runs_its_blocks_on_the_first_half() -> None:
    module = C2(c1=6, c2=8, n=2).eval()
    x = torch.randn(1, 6, 5, 5)
    entered = module.enter.conv(x)
    halves = [module.blocks(entered[:, :4]), entered[:, 4:]]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(halves, dim=1)))


@pytest.mark.parametrize(
    "module", [C2f, C3k2, C2fCIB, DSC3k2, ELAN1, RepNCSPELAN4, DFineRepNCSPELAN4]
)
def test_every_block_takes_the_one_before_it_and_is_fused(module: Callable[..., Taps]) -> None:
    built = module(c1=6, c2=8).eval()
    assert isinstance(built.enter, Halves)
    x = torch.randn(1, 6, 5, 5)
    entered = built.enter.conv(x)
    taps = [entered[:, : entered.shape[1] // 2], entered[:, entered.shape[1] // 2 :]]
    for block in built.blocks:
        taps = [*taps, block(taps[-1])]
    torch.testing.assert_close(built(x), built.fuse(torch.cat(taps, dim=1)))


@pytest.mark.parametrize(("n", "pairs"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3)])
def test_bep_c3_has_half_as_many_pairs_as_blocks(n: int, pairs: int) -> None:
    blocks = list(BepC3(c1=6, c2=8, n=n).blocks)
    assert [type(block) for block in blocks] == pairs * [ScaledRepResidual]
    for block in blocks:
        assert isinstance(block, ScaledRepResidual)
        identities = [part.norm for part in block.body if isinstance(part, RepConv)]
        assert [type(norm) for norm in identities] == 2 * [nn.BatchNorm2d]


@pytest.mark.parametrize(
    ("n", "depths"), [(1, [1]), (2, [1]), (4, [1, 2]), (6, [2, 3]), (8, [2, 4]), (12, [4, 6])]
)
def test_mbla_fuses_a_bypass_and_each_branch_before_what_its_residuals_make(
    n: int, depths: list[int]
) -> None:
    """Residuals are of three RepVGG blocks; the last branch has n // 2 of them."""
    module = with_trained_norms(MBLA(c1=6, c2=4, n=n))
    branches = [list(branch.children()) for branch in module.blocks]
    assert [len(branch) for branch in branches] == depths
    x = torch.randn(1, 6, 4, 4)
    entered = module.enter(x)
    assert entered.shape[1] == 2 * (1 + len(depths))
    taps = [entered[:, :2]]
    for number, branch in enumerate(branches, 1):
        taps.append(entered[:, 2 * number : 2 * number + 2])
        for block in branch:
            assert isinstance(block, ScaledRepResidual)
            assert len(block.body) == 3
            taps.append(block(taps[-1]))
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))


def test_c3f_fuses_both_its_1x1s_and_every_bottleneck() -> None:
    module = with_trained_norms(C3f(c1=6, c2=8, n=2))
    assert isinstance(module.enter, Twins)
    x = torch.randn(1, 6, 5, 5)
    bypass, path = module.enter.first(x), module.enter.second(x)
    first, second = module.blocks
    taps = [bypass, path, first(path), second(first(path))]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))
    assert kernels(module.blocks) == 4 * [((3, 3), 1)]


def test_damo_csp_stage_does_not_fuse_the_1x1_before_its_blocks() -> None:
    module = with_trained_norms(DAMOCSPStage(c1=6, c2=8, n=2))
    assert isinstance(module.enter, Twins)
    x = torch.randn(1, 6, 5, 5)
    bypass, path = module.enter.first(x), module.enter.second(x)
    first, second = module.blocks
    taps = [bypass, first(path), second(first(path))]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))
    assert [type(block) for block in module.blocks] == 2 * [RepBottleneck]


def test_csp_sppf_fuses_its_bypass_first() -> None:
    module = with_trained_norms(CSPSPPF(c1=6, c2=8))
    x = torch.randn(1, 6, 14, 14)
    three, one, _, narrow, last = module.blocks
    base = one(three(module.enter(x)))
    pools = [functional.max_pool2d(base, size, 1, size // 2) for size in (5, 9, 13)]
    path = last(narrow(torch.cat([base, *pools], dim=1)))
    joined = torch.cat([module.bypass(x), path], dim=1)
    torch.testing.assert_close(module(x), module.fuse(joined))
    assert [size for (size, _), _ in kernels(module.blocks)] == [3, 1, 1, 3]


def test_dsc3k2_nests_a_c3_of_two_separable_bottlenecks() -> None:
    default, nested = DSC3k2(c1=6, c2=8), DSC3k2(c1=6, c2=8, dsc3k=True)
    assert [type(block) for block in default.blocks] == [SeparableBottleneck]
    (block,) = nested.blocks
    assert isinstance(block, DSC3k)
    assert block.enter.conv.out_channels == 4
    assert [type(inner) for inner in block.blocks] == 2 * [SeparableBottleneck]


def test_a_block_of_dfine_is_a_rep_c3_and_a_3x3() -> None:
    for block in DFineRepNCSPELAN4(c1=6, c2=8, n=2, c3=6, c4=4).blocks:
        assert isinstance(block, nn.Sequential)
        inner, last = block
        assert isinstance(inner, RepC3)
        assert len(inner.blocks) == 2
        assert kernels(last) == [((3, 3), 1)]


@pytest.mark.parametrize("residual", [False, True])
def test_an_hg_block_fuses_its_input_and_all_outputs_by_two_1x1(residual: bool) -> None:
    """To half of the outputs, and then to all."""
    module = with_trained_norms(HGBlock(c1=6, c2=6, mid=4, n=2, residual=residual))
    x = torch.randn(1, 6, 5, 5)
    first, second = module.blocks
    taps = [x, first(x), second(first(x))]
    squeezed = module.fuse(torch.cat(taps, dim=1))
    assert squeezed.shape[1] == 3
    expected = module.excite(squeezed)
    torch.testing.assert_close(module(x), x + expected if residual else expected)


def test_a_light_hg_block_has_a_linear_1x1_and_a_depthwise_convolution_in_place_of_each() -> None:
    module = HGBlock(c1=6, c2=8, mid=4, n=2, k=5, light=True)
    assert kernels(module.blocks) == 2 * [((1, 1), 1), ((5, 5), 4)]
    assert activations(module.blocks) == 2 * [nn.Identity, nn.ReLU]
    assert kernels(HGBlock(c1=6, c2=8, mid=4, n=2, k=5).blocks) == 2 * [((5, 5), 1)]


def test_sppf_with_a_residual_enters_without_an_activation_and_adds_its_input() -> None:
    module = with_trained_norms(SPPF(c1=6, c2=6, residual=True))
    x = torch.randn(1, 6, 14, 14)
    base = module.enter.norm(module.enter.conv(x))
    pools = [functional.max_pool2d(base, size, 1, size // 2) for size in (5, 9, 13)]
    torch.testing.assert_close(module(x), x + module.fuse(torch.cat([base, *pools], dim=1)))


@pytest.mark.parametrize("module", [SPPF, HGBlock])
def test_a_residual_needs_as_many_outputs_as_inputs(module: Callable[..., nn.Module]) -> None:
    with pytest.raises(ValueError, match=r"^a residual needs c1 = c2, got 6 and 8$"):
        module(c1=6, c2=8, residual=True)


def test_c3k2_nests_a_c3k_of_two_bottlenecks() -> None:
    default, nested = C3k2(c1=6, c2=8, n=1), C3k2(c1=6, c2=8, n=1, c3k=True)
    assert [type(block) for block in default.blocks] == [Bottleneck]
    (block,) = nested.blocks
    assert isinstance(block, C3k)
    assert len(block.blocks) == 2


def test_elan_fuses_fourth_and_second_3x3_and_both_1x1s() -> None:
    module = ELAN(c1=6, c2=8, mid=4).eval()
    assert isinstance(module.enter, Twins)
    x = torch.randn(1, 6, 5, 5)
    a, b = module.enter.first(x), module.enter.second(x)
    first, second = module.blocks
    taps = [second(first(b)), first(b), b, a]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))
    assert kernels(module.blocks) == 4 * [((3, 3), 1)]


def test_e_elan_adds_two_elans_of_six_3x3s() -> None:
    module = EELAN(c1=6, c2=8, mid=4).eval()
    x = torch.randn(1, 6, 5, 5)
    torch.testing.assert_close(module(x), module.first(x) + module.second(x))
    for elan in (module.first, module.second):
        assert kernels(elan.blocks) == 6 * [((3, 3), 1)]


def bypass_of(module: nn.Module) -> str:
    """Where the channels that bypass the blocks come from, by the frame of ``module``."""
    match module:
        case BottleneckCSP2():  # whose bypass reads what its first 1x1 made
            return "the blocks' 1x1, all of it"
        case TwoPaths() | RepC3() | Taps(enter=Twins()) | EELAN():
            return "a 1x1 of its own"
        case MBLA():
            return "half of one 1x1, or a third"
        case HalfPath() | Taps(enter=Halves()):
            return "half of one 1x1"
        case Taps(enter=None):
            return "the input itself"
        case _:
            return "none"


def design_of(module: nn.Module) -> str:
    """(b) where the blocks end in a transition before the concat, (c) where they do not."""
    if isinstance(module, RepC3) or bypass_of(module) in {"none", "the input itself"}:
        return ""  # no concat of two paths
    ends_in_transition = isinstance(module, TwoPaths) and isinstance(module.blocks[-1], nn.Conv2d)
    return "b" if ends_in_transition else "c"


@every_entry
def test_an_entry_says_how_its_paths_divide_and_join(entry: Entry) -> None:
    module = small(entry)
    assert entry.bypass == bypass_of(module)
    assert entry.design == design_of(module)


READERS = {  # of the input: the 1x1s of the paths, and a block itself
    "the input itself": 1,
    "the blocks' 1x1, all of it": 1,
    "a 1x1 of its own": 2,
    "half of one 1x1": 1,
    "half of one 1x1, or a third": 1,
    "none": 1,
}


@every_entry
def test_a_bypass_of_its_own_reads_the_input_beside_the_blocks(entry: Entry) -> None:
    """As the module runs; an e_elan is two modules beside each other."""
    module, x = small(entry), torch.randn(1, 6, 4, 4)
    readers = []

    def look(conv: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if inputs[0] is x:
            readers.append(conv)

    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            child.register_forward_pre_hook(look)
    module(x)
    assert len(readers) == READERS[entry.bypass] * (2 if entry.name == "e_elan" else 1)


def with_shortcut() -> list[Entry]:
    return [
        entry
        for entry in yolo.ENTRIES
        if "shortcut" in {parameter.name for parameter in entry.parameters}
    ]


def shortcuts(module: nn.Module) -> set[bool]:
    return {block.shortcut for block in module.modules() if isinstance(block, Residual)}


@pytest.mark.parametrize("entry", with_shortcut(), ids=lambda entry: entry.name)
@pytest.mark.parametrize("shortcut", [True, False])
def test_a_shortcut_is_that_of_every_inner_block(entry: Entry, shortcut: bool) -> None:
    assert shortcuts(small(entry, shortcut=shortcut)) == {shortcut}


def test_only_bottleneck_csp2_has_no_shortcut_unless_asked() -> None:
    without = [entry.name for entry in with_shortcut() if shortcuts(small(entry)) == {False}]
    assert without == ["bottleneck_csp2"]


@every_entry
def test_an_activation_is_that_of_every_convolution(entry: Entry) -> None:
    types = {type(child) for child in small(entry, activation="relu6").modules()}
    activations = {nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.Hardswish, nn.Mish, nn.GELU}
    assert nn.ReLU6 in types
    assert not types & activations


@every_entry
@given(c1=st.integers(1, 65), c2=st.integers(1, 65), e=st.floats(0.01, 1.5), mid=st.integers(1, 9))
@settings(max_examples=10)
def test_the_output_has_c2_channels_whatever_stands_inside(
    entry: Entry, c1: int, c2: int, e: float, mid: int
) -> None:
    names = {parameter.name for parameter in entry.parameters}
    arguments: dict[str, Value] = {"c1": c1, "c2": c2, "n": 1, "e": e}
    arguments |= {"mid": mid, "c3": 2 * mid, "c4": mid}
    arguments = entry.arguments({key: value for key, value in arguments.items() if key in names})
    with torch.device("meta"):
        module = resolve(entry.build)(**dict(entry.fixed), **arguments)
        out = module.eval()(torch.empty(2, c1, 4, 7))  # area attention cuts positions into 4 parts
    assert out.shape == (2, c2, 4, 7)


# What the defaults leave out; tests/catalogue has those.
VARIANTS: list[tuple[str, dict[str, Value]]] = [
    ("c3k2", {"c3k": True}),
    ("c2fcib", {"lk": True}),
    ("cspnext", {"attention": True}),
    ("c3k2", {"attention": True}),
    ("a2c2f", {"area": 1}),
    ("a2c2f", {"attention": False}),
    ("dsc3k2", {"dsc3k": True}),
    ("mbla", {"n": 4}),
    ("sppf", {"residual": True, "c2": 6}),
    ("hg_block", {"light": True}),
    ("hg_block", {"residual": True, "c2": 6}),
]
every_variant = pytest.mark.parametrize(("name", "arguments"), VARIANTS)
BY_NAME = {entry.name: entry for entry in yolo.ENTRIES}


@every_variant
def test_gradients_reach_the_input_and_every_parameter(
    name: str, arguments: dict[str, Value]
) -> None:
    module = small(BY_NAME[name], **arguments).train()
    x = torch.randn(2, 6, 4, 4, requires_grad=True)
    out = module(x)
    out.backward(torch.randn_like(out))
    gradients = {key: tensor.grad for key, tensor in module.named_parameters()} | {"input": x.grad}
    assert [key for key, tensor in gradients.items() if tensor is None or not tensor.any()] == []


@every_variant
def test_an_exported_program_computes_what_the_module_does(
    name: str, arguments: dict[str, Value]
) -> None:
    module = small(BY_NAME[name], **arguments)
    x = torch.randn(1, 6, 5, 4)
    program = torch.export.export(module, (x,), strict=False)
    torch.testing.assert_close(program.module()(x), module(x))


@every_variant
def test_channels_last_changes_the_layout_and_not_the_result(
    name: str, arguments: dict[str, Value]
) -> None:
    module = small(BY_NAME[name], **arguments)
    x = torch.randn(2, 6, 5, 4)
    expected = module(x)
    layout = torch.channels_last
    output = module.to(memory_format=layout)(  # type: ignore[call-overload]
        x.contiguous(memory_format=layout)
    )
    assert output.is_contiguous(memory_format=layout)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)


IMPOSSIBLE: list[tuple[dict[str, Value], str]] = [
    ({"c1": 0}, "c1 must be above 0, got 0"),
    ({"c2": 0}, "c2 must be above 0, got 0"),
    ({"c3": 0}, "c3 must be above 0, got 0"),
    ({"c3": 7}, "c3 must be even, because it is split into halves, got 7"),
    ({"c4": 0}, "c4 must be above 0, got 0"),
    ({"mid": 0}, "mid must be above 0, got 0"),
    ({"pairs": 0}, "pairs must be above 0, got 0"),
    ({"n": 0}, "n must be above 0, got 0"),
    ({"k": 0}, "k must be above 0, got 0"),
    ({"k": 2}, "k must be odd, because an even kernel changes H and W, got 2"),
    ({"e": 0.0}, "e must be above 0, got 0.0"),
    ({"groups": 0}, "groups must be above 0, got 0"),
    ({"area": 0}, "area must be above 0, got 0"),
    ({"edges": 0}, "edges must be above 0, got 0"),
]


@every_entry
def test_an_impossible_argument_is_refused(entry: Entry) -> None:
    full = {**dict(entry.fixed), **entry.arguments()}
    for wrong, message in IMPOSSIBLE:
        is_split = entry.name != "spp_elan"  # all of whose c3 channels are pooled
        if wrong.keys() <= full.keys() and (is_split or wrong != {"c3": 7}):
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                resolve(entry.build)(**full | wrong)


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (BottleneckCSP, {}, "groups=3 does not divide the 64 channels of the 3x3"),
        (BottleneckCSP2, {}, "groups=3 does not divide the 128 channels of the 3x3"),
        (C3, {}, "groups=3 does not divide the 64 channels of the 3x3"),
        (C3x, {}, "groups=3 does not divide the 64 channels of the 3x1"),
        (RepNCSP, {}, "groups=3 does not divide the 64 channels of the 3x3"),
        (C2f, {}, "groups=3 does not divide the 64 channels of the 3x3"),
        (C3k2, {}, "groups=3 does not divide the 32 channels of the 3x3"),
        (C3k2, {"c2": 14}, "groups=3 does not divide the 7 channels of the 3x3"),
        (RepNCSPELAN4, {}, "groups=3 does not divide the 32 channels of the 3x3"),
    ],
)
def test_groups_that_do_not_divide_are_refused(
    module: Callable[..., nn.Module], arguments: dict[str, Value], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        module(groups=3, **arguments)
