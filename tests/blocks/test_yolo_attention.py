"""Attention in the YOLO modules: what each position attends to, and how blocks stand in frames.

Expected outputs are written out head by head and part by part, of the module's own layers.
"""

import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from trained_norms import with_trained_norms

from cspbench.blocks.layers import Conv
from cspbench.blocks.yolo.attention import (
    AreaAttentionBlocks,
    AttentionBlock,
    HypergraphAttention,
    SpatialAttention,
    TransformerBlock,
    TransformerLayer,
)
from cspbench.blocks.yolo.attentive import C2PSA, C3AH, A2C2f, C2fPSA, C3Tr
from cspbench.blocks.yolo.bottlenecks import Bottleneck, Residual
from cspbench.blocks.yolo.chunked import C3k2
from cspbench.blocks.yolo.frames import Halves, Single
from cspbench.blocks.yolo.two_paths import C3k

pytestmark = pytest.mark.usefixtures("tiny_tensors")


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What positions attend to: all are (N, channels, positions)."""
    scores = torch.einsum("ncp,ncq->npq", query, key) / query.shape[1] ** 0.5
    return torch.einsum("npq,ncq->ncp", scores.softmax(dim=2), value)


@pytest.mark.parametrize("area", [1, 4])
def test_each_head_attends_within_its_part_of_the_rows(area: int) -> None:
    """Of 8 outputs of a head 2 are queries, 2 keys and 4 values, on which the position code is."""
    module = with_trained_norms(SpatialAttention(8, heads=2, key_ratio=0.5, kernel=3, area=area))
    x = torch.randn(2, 8, 4, 3)
    made = module.qkv(x).flatten(2)
    heads, values = [], []
    for first in (0, 8):
        query, key = made[:, first : first + 2], made[:, first + 2 : first + 4]
        value = made[:, first + 4 : first + 8]
        parts = [  # with four areas, a row of three positions each
            attend(query[:, :, part], key[:, :, part], value[:, :, part])
            for part in (slice(start, start + 12 // area) for start in range(0, 12, 12 // area))
        ]
        heads.append(torch.cat(parts, dim=2))
        values.append(value)
    attended, value = torch.cat(heads, dim=1), torch.cat(values, dim=1)
    coded = module.position(value.reshape(x.shape))
    torch.testing.assert_close(module(x), module.project(attended.reshape(x.shape) + coded))


def test_parts_may_end_within_a_row() -> None:
    """Two parts of three rows of two: the second begins in the middle of the second row."""
    module = with_trained_norms(SpatialAttention(4, heads=1, key_ratio=1, kernel=1, area=2))
    x = torch.randn(1, 4, 3, 2)
    changed = x.clone()
    changed[:, :, 1, 1] += 1  # position 3, first of the second part
    differs = (module(x) != module(changed)).any(dim=1).flatten()
    assert differs.tolist() == [False, False, False, True, True, True]


def test_the_layers_of_an_attention_have_norms_and_no_activation() -> None:
    module = SpatialAttention(8, heads=2, key_ratio=0.5, kernel=7)
    layers = (module.qkv, module.position, module.project)
    assert [type(layer.act) for layer in layers] == 3 * [nn.Identity]
    assert [layer.conv.kernel_size for layer in layers] == [(1, 1), (7, 7), (1, 1)]
    assert module.position.conv.groups == 8


def test_an_attention_block_adds_the_input_of_both_its_parts() -> None:
    module = with_trained_norms(AttentionBlock(8))
    attention, linear = module
    assert isinstance(attention, Residual)
    assert isinstance(linear, Residual)
    widen, narrow = linear.body
    x = torch.randn(1, 8, 3, 3)
    attended = x + attention.body(x)
    torch.testing.assert_close(module(x), attended + narrow(widen(attended)))
    assert isinstance(widen, Conv)
    assert isinstance(narrow, Conv)
    assert (widen.conv.out_channels, type(widen.act)) == (16, nn.SiLU)
    assert (narrow.conv.out_channels, type(narrow.act)) == (8, nn.Identity)


def settings(block: nn.Module) -> list[tuple[int, int, int, int]]:
    """Heads, key channels, kernel of the position code and areas of every attention in it."""
    return [
        (part.heads, part.key_channels, part.position.conv.kernel_size[0], part.area)
        for part in block.modules()
        if isinstance(part, SpatialAttention)
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (AttentionBlock(32), [(1, 16, 3, 1)]),
        (AttentionBlock(64), [(1, 32, 3, 1)]),
        (AttentionBlock(128), [(2, 32, 3, 1)]),
        (AreaAttentionBlocks(64, area=4), 2 * [(2, 32, 7, 4)]),
        (AttentionBlock(130), [(2, 32, 3, 1)]),  # keys of int(65 / 2)
        (AttentionBlock(193), [(1, 96, 3, 1)]),  # a prime: three heads do not divide it
    ],
)
def test_a_head_has_64_channels_or_32_in_areas(
    block: nn.Module, expected: list[tuple[int, int, int, int]]
) -> None:
    assert settings(block) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": 3}, "3 heads do not divide the 8 channels"),
        ({"heads": 0}, "heads must be above 0, got 0"),
        ({"heads": 2, "area": 0}, "area must be above 0, got 0"),
    ],
)
def test_an_impossible_attention_is_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SpatialAttention(8, key_ratio=1, kernel=3, **arguments)


def test_an_area_that_does_not_divide_the_positions_is_refused_on_a_call() -> None:
    module = A2C2f(c1=6, c2=8, n=1)
    message = "area=4 does not divide the 3 x 5 positions of its map"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        module(torch.randn(1, 6, 3, 5))
    assert module(torch.randn(2, 6, 2, 2)).shape == (2, 8, 2, 2)


def test_c2psa_attends_on_the_second_half_and_the_first_bypasses() -> None:
    module = with_trained_norms(C2PSA(c1=6, c2=8, n=2))
    x = torch.randn(1, 6, 4, 4)
    entered = module.enter.conv(x)
    first, second = module.blocks
    taps = [entered[:, :4], second(first(entered[:, 4:]))]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))


def test_c2fpsa_taps_both_halves_and_every_block() -> None:
    module = with_trained_norms(C2fPSA(c1=6, c2=8, n=2))
    x = torch.randn(1, 6, 4, 4)
    assert isinstance(module.enter, Halves)
    entered = module.enter.conv(x)
    first, second = module.blocks
    once = first(entered[:, 4:])
    taps = [entered[:, :4], entered[:, 4:], once, second(once)]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))
    assert [type(block) for block in module.blocks] == 2 * [AttentionBlock]


@pytest.mark.parametrize("attention", [True, False])
def test_a2c2f_has_no_bypass_and_taps_its_1x1_and_every_pair(attention: bool) -> None:
    module = with_trained_norms(A2C2f(c1=6, c2=8, n=2, attention=attention))
    x = torch.randn(1, 6, 4, 4)
    assert isinstance(module.enter, Single)
    base = module.enter.module(x)
    first, second = module.blocks
    taps = [base, first(base), second(first(base))]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(taps, dim=1)))
    for block in (first, second):
        assert isinstance(block, AreaAttentionBlocks if attention else C3k)
        inner = AttentionBlock if attention else Bottleneck
        assert sum(isinstance(part, inner) for part in block.modules()) == 2


def test_c3k2_with_attention_has_a_block_of_it_after_each_bottleneck() -> None:
    module = C3k2(c1=6, c2=8, n=2, attention=True)
    for block in module.blocks:
        assert isinstance(block, nn.Sequential)
        bottleneck, attention = block
        assert isinstance(bottleneck, Bottleneck)
        assert isinstance(attention, AttentionBlock)


def test_c3k2_with_a_c3k_has_no_attention() -> None:
    message = "c3k and attention exclude each other, got both"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        C3k2(c3k=True, attention=True)


def test_a_transformer_layer_is_attention_and_two_linear_layers_each_residual() -> None:
    """Queries, keys and values run through a linear layer each, and then through attention's."""
    module = TransformerLayer(8, heads=2).eval()
    tokens = torch.randn(5, 2, 8)
    weights = module.attention.in_proj_weight.chunk(3)
    nn.init.normal_(module.attention.in_proj_bias)
    biases = module.attention.in_proj_bias.chunk(3)
    query, key, value = (
        functional.linear(layer(tokens), weight, bias).permute(1, 2, 0)
        for layer, weight, bias in zip(
            (module.query, module.key, module.value), weights, biases, strict=True
        )
    )
    heads = [
        attend(query[:, part], key[:, part], value[:, part]) for part in (slice(4), slice(4, 8))
    ]
    attended = module.attention.out_proj(torch.cat(heads, dim=1).permute(2, 0, 1)) + tokens
    expected = module.second(module.first(attended)) + attended
    torch.testing.assert_close(module(tokens), expected)


def heads_of(module: nn.Module) -> list[int]:
    return [part.num_heads for part in module.modules() if isinstance(part, nn.MultiheadAttention)]


def test_a_transformer_block_adds_a_linear_code_to_the_positions_before_its_layers() -> None:
    module = TransformerBlock(8, n=2).eval()
    x = torch.randn(2, 8, 3, 5)
    rows = x.permute(2, 3, 0, 1).reshape(15, 2, 8)
    first, second = module.layers
    expected = second(first(rows + module.position(rows)))
    torch.testing.assert_close(module(x), expected.reshape(3, 5, 2, 8).permute(2, 3, 0, 1))
    assert heads_of(module) == [4, 4]
    assert heads_of(TransformerBlock(6, n=1)) == [3]


def test_shares_of_positions_in_an_edge_sum_to_one() -> None:
    module = HypergraphAttention(32, edges=3).eval()
    shares = module.participation(torch.randn(2, 20, 32))
    assert shares.shape == (2, 20, 3)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2, 3))


def test_prototypes_are_moved_by_the_mean_and_the_maximum_of_all_positions() -> None:
    """Two heads of 16 channels: shares come of their mean score."""
    module = HypergraphAttention(32, edges=3).eval()
    assert module.heads == 2
    nodes = torch.randn(2, 20, 32)
    moved = module.offsets(torch.cat([nodes.mean(dim=1), nodes.max(dim=1).values], dim=1))
    prototypes = module.prototypes + moved.reshape(2, 3, 32)
    projected = module.project(nodes)
    scores = [
        torch.einsum("npc,nec->npe", projected[..., head], prototypes[..., head]) / 16**0.5
        for head in (slice(16), slice(16, 32))
    ]
    expected = ((scores[0] + scores[1]) / 2).softmax(dim=1)
    torch.testing.assert_close(module.participation(nodes), expected)


def test_hypergraph_attention_gathers_and_spreads_and_adds_its_input() -> None:
    module = HypergraphAttention(6, edges=3).eval()
    assert module.heads == 1
    x = torch.randn(2, 6, 4, 5)
    nodes = x.permute(0, 2, 3, 1).reshape(2, 20, 6)
    shares = module.participation(nodes)
    gathered = functional.gelu(module.edge(torch.einsum("npe,npc->nec", shares, nodes)))
    spread = functional.gelu(module.node(torch.einsum("npe,nec->npc", shares, gathered)))
    torch.testing.assert_close(module(x), x + spread.reshape(2, 4, 5, 6).permute(0, 3, 1, 2))


def test_hypergraph_attention_drops_scores_in_training_alone() -> None:
    module = HypergraphAttention(8, edges=2, dropout=0.5)
    x = torch.randn(1, 8, 4, 4)
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module(x))
    assert HypergraphAttention(8, edges=2).dropout.p == 0.1


@pytest.mark.parametrize(
    ("module", "part"),
    [(C3Tr(c1=6, c2=8, n=2), TransformerBlock), (C3AH(c1=6, c2=8), HypergraphAttention)],
    ids=["c3tr", "c3ah"],
)
def test_one_block_of_attention_stands_on_one_of_two_paths(
    module: C3Tr | C3AH, part: type[nn.Module]
) -> None:
    with_trained_norms(module)
    x = torch.randn(1, 6, 4, 4)
    (block,) = module.blocks
    assert type(block) is part
    paths = [block(module.enter(x)), module.bypass(x)]
    torch.testing.assert_close(module(x), module.fuse(torch.cat(paths, dim=1)))
