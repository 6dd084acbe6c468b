"""Parameters and MACs of the YOLO modules: known figures, and arithmetic on channels by hand.

The figures hold at c1 = c2 = 128 on 32 x 32 pixels: all trainable parameters, and the MACs of
convolutions and fully connected layers. Each was derived from its module's published structure.
"""

import pytest
from independent_counts import count_apart

from cspbench.catalogue import find
from cspbench.catalogue.entry import Value
from cspbench.catalogue.loading import resolve

Arguments = dict[str, Value]


def counted_apart(name: str, arguments: Arguments) -> tuple[int, int, int]:
    """Parameters, MACs of layers and MACs of attention's products of an entry on 32 x 32 pixels."""
    entry = find(name)
    full = dict(entry.fixed) | entry.arguments(arguments)
    return count_apart(resolve(entry.build), (1, int(full["c1"]), 32, 32), **full)[:3]


def counted(name: str, arguments: Arguments) -> tuple[int, int]:
    """Parameters and MACs of an entry that has no products of attention."""
    parameters, macs, products = counted_apart(name, arguments)
    assert products == 0
    return parameters, macs


FIGURES: list[tuple[str, Arguments, int, int]] = [
    # entry, arguments, parameters, MACs
    ("bottleneck_csp", {}, 161_152, 163_577_856),  # YOLOv5, scaled YOLOv4
    ("bottleneck_csp", {"k": 3}, 259_456, 264_241_152),  # the same name in later releases
    ("c3", {}, 156_928, 159_383_552),  # YOLOv5; CSPLayer of YOLOX and mmdet
    ("c3", {"k": 3}, 255_232, 260_046_848),  # C3k of YOLO11
    ("c3k", {}, 255_232, 260_046_848),  # YOLO11
    ("csplayer_depthwise", {}, 60_736, 60_489_728),  # YOLOX
    ("c3x", {}, 107_776, 109_051_904),  # YOLOv5
    ("sppcspc", {}, 444_160, 452_984_832),  # YOLOv7
    ("c2", {}, 255_232, 260_046_848),  # YOLOv8
    ("c2f", {}, 279_808, 285_212_672),  # YOLOv8
    ("c3k2", {}, 169_024, 171_966_464),  # YOLO11
    ("c2fcib", {}, 116_608, 116_129_792),  # YOLOv10
    ("rep_ncsp_elan4", {}, 179_840, 182_452_224),  # YOLOv9
    ("rep_ncsp", {}, 267_904, 272_629_760),  # YOLOv9
    ("elan1", {}, 123_648, 125_829_120),  # YOLOv9
    ("elan", {}, 197_632, 201_326_592),  # YOLOv7
    ("cspnext", {}, 162_112, 164_298_752),  # RTMDet
    ("rep_c3", {}, 526_336, 536_870_912),  # RT-DETR
    ("c3ghost", {}, 43_600, 43_532_288),  # YOLOv5
    ("sppf", {}, 41_344, 41_943_040),  # YOLOv5
    ("c3f", {}, 279_808, 285_212_672),  # ultralytics
    ("bep_c3", {}, 115_969, 117_440_512),  # YOLOv6
    ("mbla", {}, 165_505, 167_772_160),  # YOLOv6 3.0
    ("csp_sppf", {}, 128_000, 130_023_424),  # YOLOv6 3.0
    ("spp_elan", {}, 41_344, 41_943_040),  # YOLOv9
    ("dsc3k2", {}, 53_632, 54_132_736),  # YOLOv13
    ("damo_csp_stage", {}, 111_488, 113_246_208),  # DAMO-YOLO
    ("dfine_rep_ncsp_elan4", {}, 222_976, 226_492_416),  # D-FINE
    ("hg_block", {}, 300_160, 306_184_192),  # PP-HGNet, RT-DETR
    ("a2c2f", {"attention": False}, 124_288, 125_829_120),  # YOLOv12
]


@pytest.mark.parametrize(("name", "arguments", "parameters", "macs"), FIGURES)
def test_a_yolo_module_meets_its_known_figures(
    name: str, arguments: Arguments, parameters: int, macs: int
) -> None:
    assert counted(name, arguments) == (parameters, macs)


# c1 = c2 = 128 and e = .5 give paths of 64 channels; a bottleneck B(1, 3) has 64 x 64 weights,
# then 64 x 64 x 9; its norms hold 64 + 64. C3's 1x1s are enter, bypass, fuse.
B13 = 64 * 64 + 64 * 64 * 9
B33 = 64 * 64 * 9 + 64 * 64 * 9
C3 = 128 * 64 + 128 * 64 + 128 * 128

BY_HAND: list[tuple[str, Arguments, int, int]] = [
    # entry, arguments, weights, normalised channels
    (
        "bottleneck_csp",  # enter, blocks, their plain convolution, bypass, fuse
        {},
        128 * 64 + 3 * B13 + 64 * 64 + 128 * 64 + 128 * 128,
        64 + 3 * (64 + 64) + 128 + 128,
    ),
    (
        "bottleneck_csp",
        {"k": 3, "n": 1},
        128 * 64 + 1 * B33 + 64 * 64 + 128 * 64 + 128 * 128,
        64 + 1 * (64 + 64) + 128 + 128,
    ),
    (
        "bottleneck_csp",  # paths of 24 channels
        {"c1": 96, "c2": 48, "n": 2},
        96 * 24 + 2 * (24 * 24 + 24 * 24 * 9) + 24 * 24 + 96 * 24 + 48 * 48,
        24 + 2 * (24 + 24) + 48 + 48,
    ),
    (
        "bottleneck_csp2",  # enter, blocks of 128 channels, bypass, fuse
        {},
        128 * 128 + 3 * (128 * 128 + 128 * 128 * 9) + 128 * 128 + 256 * 128,
        128 + 3 * (128 + 128) + 256 + 128,
    ),
    (
        "bottleneck_csp2",  # paths of 24 channels, all from the first 1x1
        {"c1": 96, "c2": 48, "n": 1, "e": 0.5},
        96 * 24 + (24 * 24 + 24 * 24 * 9) + 24 * 24 + 48 * 48,
        24 + (24 + 24) + 48 + 48,
    ),
    ("c3", {}, C3 + 3 * B13, 64 + 3 * (64 + 64) + 64 + 128),
    (
        "c3",
        {"groups": 4, "shortcut": False},
        C3 + 3 * (64 * 64 + 64 * 16 * 9),
        64 + 3 * (64 + 64) + 64 + 128,
    ),
    (
        "c3",  # odd counts: paths of int(.5 x 33) = 16 channels
        {"c1": 7, "c2": 33, "n": 1},
        7 * 16 + (16 * 16 + 16 * 16 * 9) + 7 * 16 + 32 * 33,
        16 + (16 + 16) + 16 + 33,
    ),
    (
        "c3",  # paths of 32 channels
        {"e": 0.25},
        128 * 32 + 3 * (32 * 32 + 32 * 32 * 9) + 128 * 32 + 64 * 128,
        32 + 3 * (32 + 32) + 32 + 128,
    ),
    (
        "csplayer_depthwise",  # 1x1, depthwise 3x3, pointwise
        {"n": 1},
        C3 + 64 * 64 + 64 * 9 + 64 * 64,
        64 + (64 + 64 + 64) + 64 + 128,
    ),
    (
        "c3x",  # the groups are those of the 3x1
        {"n": 2, "groups": 8},
        C3 + 2 * (64 * 64 * 3 + 64 * 8 * 3),
        64 + 2 * (64 + 64) + 64 + 128,
    ),
    (
        "rep_ncsp",  # 3x3 beside 1x1, then 3x3, whose are the groups
        {"n": 1, "groups": 2},
        C3 + 64 * 64 * (9 + 1) + 64 * 32 * 9,
        64 + (64 + 64 + 64) + 64 + 128,
    ),
    (
        "rep_c3",  # paths of 64 channels, added, so that a last 1x1 leads to 128
        {"e": 0.5, "n": 2},
        128 * 64 + 2 * 64 * 64 * (9 + 1) + 128 * 64 + 64 * 128,
        64 + 2 * (64 + 64) + 64 + 128,
    ),
    (
        "sppcspc",  # paths of 2 x .25 x 128 = 64 channels; the pyramid makes 4 x 64
        {"e": 0.25},
        128 * 64 + (64 * 64 * 9 + 64 * 64 + 256 * 64 + 64 * 64 * 9) + 128 * 64 + 128 * 128,
        64 + (64 + 64 + 64 + 64) + 64 + 128,
    ),
    (
        "c2",  # halves of 64 channels
        {"n": 1},
        128 * 128 + B33 + 128 * 128,
        128 + (64 + 64) + 128,
    ),
    (
        "c2f",  # halves of 16 channels; two halves and two taps are fused
        {"c1": 7, "c2": 33, "n": 2},
        7 * 32 + 2 * (16 * 16 * 9 + 16 * 16 * 9) + (2 + 2) * 16 * 33,
        32 + 2 * (16 + 16) + 33,
    ),
    (
        "c3k2",  # each block is a C3 with paths of 32 channels and two bottlenecks of 3x3 and 3x3
        {"c3k": True},
        128 * 128
        + 3 * (64 * 32 + 2 * (32 * 32 * 9 + 32 * 32 * 9) + 64 * 32 + 64 * 64)
        + 5 * 64 * 128,
        128 + 3 * (32 + 2 * (32 + 32) + 32 + 64) + 128,
    ),
    (
        "c2fcib",  # depthwise 3x3, 1x1, depthwise 7x7 beside 3x3, 1x1, depthwise 3x3
        {"lk": True},
        128 * 128 + 3 * (64 * 9 + 64 * 128 + 128 * (49 + 9) + 128 * 64 + 64 * 9) + 5 * 64 * 128,
        128 + 3 * (64 + 128 + (128 + 128) + 64 + 64) + 128,
    ),
    (
        "elan",  # two 1x1, four 3x3, four taps
        {"c1": 96, "c2": 48, "mid": 24},
        96 * 24 + 96 * 24 + 4 * 24 * 24 * 9 + 96 * 48,
        2 * 24 + 4 * 24 + 48,
    ),
    (
        "e_elan",  # twice: two 1x1, six 3x3, five taps
        {},
        2 * (128 * 64 + 128 * 64 + 6 * 64 * 64 * 9 + 320 * 128),
        2 * (2 * 64 + 6 * 64 + 128),
    ),
    (
        "elan1",  # halves of 32 channels, two taps of 24
        {"c3": 64, "c4": 24},
        128 * 64 + 32 * 24 * 9 + 24 * 24 * 9 + (64 + 24 + 24) * 128,
        64 + 24 + 24 + 128,
    ),
    (
        "rep_ncsp_elan4",  # twice: a C3 with paths of 32 channels and three bottlenecks, then 3x3
        {"n": 3},
        128 * 128
        + 2 * (64 * 32 + 3 * (32 * 32 * (9 + 1) + 32 * 32 * 9) + 64 * 32 + 64 * 64 + 64 * 64 * 9)
        + 256 * 128,
        128 + 2 * (32 + 3 * (32 + 32 + 32) + 32 + 64 + 64) + 128,
    ),
    (
        "rep_ncsp_elan4",  # halves of 32 channels, taps of 16; inside, paths of 8
        {"c3": 64, "c4": 16},
        128 * 64
        + (32 * 8 + (8 * 8 * (9 + 1) + 8 * 8 * 9) + 32 * 8 + 16 * 16 + 16 * 16 * 9)
        + (16 * 8 + (8 * 8 * (9 + 1) + 8 * 8 * 9) + 16 * 8 + 16 * 16 + 16 * 16 * 9)
        + (64 + 16 + 16) * 128,
        64 + 2 * (8 + (8 + 8 + 8) + 8 + 16 + 16) + 128,
    ),
    (
        "cspnext",  # 3x3, depthwise 5x5, pointwise
        {"n": 1},
        C3 + 64 * 64 * 9 + 64 * 25 + 64 * 64,
        64 + (64 + 64 + 64) + 64 + 128,
    ),
    (
        "csp_res_stage",  # mid = (96 + 32) / 2 = 64: paths of 32; 3x3, then 3x3 beside 1x1
        {"c1": 96, "c2": 32, "n": 2, "attention": False},
        96 * 32 + 2 * (32 * 32 * 9 + 32 * 32 * (9 + 1)) + 96 * 32 + 64 * 32,
        32 + 2 * (32 + 32 + 32) + 32 + 32,
    ),
    (
        "c3ghost",  # 64 to 32 and 32 to 64: a 1x1 to half of them, a depthwise 5x5 of that half
        {"n": 2},
        C3 + 2 * (64 * 16 + 16 * 25 + 32 * 32 + 32 * 25),
        64 + 2 * (16 + 16 + 32 + 32) + 64 + 128,
    ),
    (
        "c3ghost",  # 7 to 3 and 3 to 7: of odd outputs, a pair more, of which one is cut off
        {"c1": 9, "c2": 14, "n": 1},
        9 * 7 + (7 * 2 + 2 * 25 + 3 * 4 + 4 * 25) + 9 * 7 + 14 * 14,
        7 + (2 + 2 + 4 + 4) + 7 + 14,
    ),
    (
        "c3f",  # paths of 32 channels; both 1x1 and two taps are fused
        {"n": 2, "e": 0.25, "groups": 4},
        128 * 32 + 128 * 32 + 2 * (32 * 32 * 9 + 32 * 8 * 9) + (2 + 2) * 32 * 128,
        32 + 32 + 2 * (32 + 32) + 128,
    ),
    (
        "csp_sppf",  # paths of 32 channels; the pools make 4 x 32
        {"c1": 96, "e": 0.25},
        96 * 32 + (32 * 32 * 9 + 32 * 32 + 128 * 32 + 32 * 32 * 9) + 96 * 32 + 64 * 128,
        32 + (32 + 32 + 32 + 32) + 32 + 128,
    ),
    (
        "sppf",  # half of 33 inputs, rounded down
        {"c1": 33, "c2": 48},
        33 * 16 + 64 * 48,
        16 + 48,
    ),
    ("spp_elan", {"c1": 96, "c2": 48, "c3": 25}, 96 * 25 + 100 * 48, 25 + 48),
    (
        "damo_csp_stage",  # 3x3 beside 1x1, then 3x3; the bypass and three taps are fused
        {"n": 3},
        2 * 128 * 64 + 3 * (64 * 64 * (9 + 1) + 64 * 64 * 9) + (1 + 3) * 64 * 128,
        64 + 64 + 3 * (64 + 64 + 64) + 128,
    ),
    (
        "a2c2f",  # no bypass; each block is a C3 with paths of 32 channels, as in c3k2
        {"attention": False, "n": 1},
        128 * 64
        + (64 * 32 + 2 * (32 * 32 * 9 + 32 * 32 * 9) + 64 * 32 + 64 * 64)
        + (1 + 1) * 64 * 128,
        64 + (32 + 2 * (32 + 32) + 32 + 64) + 128,
    ),
    (
        "dsc3k2",  # depthwise 3x3, pointwise, depthwise 7x7, pointwise: two norms
        {"n": 2},
        128 * 128 + 2 * (64 * 9 + 64 * 64 + 64 * 49 + 64 * 64) + (2 + 2) * 64 * 128,
        128 + 2 * (64 + 64) + 128,
    ),
    (
        "dsc3k2",  # a C3 with paths of 64 channels and two such bottlenecks
        {"dsc3k": True},
        128 * 128
        + (64 * 64 + 2 * (64 * 9 + 64 * 64 + 64 * 49 + 64 * 64) + 64 * 64 + 128 * 64)
        + (2 + 1) * 64 * 128,
        128 + (64 + 2 * (64 + 64) + 64 + 64) + 128,
    ),
    (
        "dfine_rep_ncsp_elan4",  # halves of 32; before each 3x3, two paths of 24, two RepConvs
        {"n": 2, "c3": 64, "c4": 24},
        128 * 64
        + (2 * 32 * 24 + 2 * 24 * 24 * (9 + 1) + 24 * 24 * 9)
        + (2 * 24 * 24 + 2 * 24 * 24 * (9 + 1) + 24 * 24 * 9)
        + (64 + 24 + 24) * 128,
        64 + 2 * (2 * 24 + 2 * (24 + 24) + 24) + 128,
    ),
    (
        "hg_block",  # the input and three outputs of 24, squeezed to half of 48, excited to 48
        {"c1": 96, "c2": 48, "mid": 24, "n": 3, "k": 5},
        96 * 24 * 25 + 2 * 24 * 24 * 25 + (96 + 3 * 24) * 24 + 24 * 48,
        3 * 24 + 24 + 48,
    ),
    (
        "hg_block",  # a 1x1 and a depthwise 3x3, a norm each, in place of each 3x3
        {"light": True},
        (128 * 64 + 64 * 9) + 5 * (64 * 64 + 64 * 9) + (128 + 6 * 64) * 64 + 64 * 128,
        6 * (64 + 64) + 64 + 128,
    ),
]


@pytest.mark.parametrize(("name", "arguments", "weights", "normed"), BY_HAND)
def test_a_yolo_module_costs_what_its_channels_say(
    name: str, arguments: Arguments, weights: int, normed: int
) -> None:
    parameters, macs = counted(name, arguments)
    assert parameters == weights + 2 * normed
    assert macs == weights * 32 * 32


# The attention's convolution has 128 x 128 weights and 128 biases, and runs on a single pixel.
WITH_ATTENTION: list[tuple[str, Arguments, int, int]] = [
    # entry, arguments, the other weights, normalised channels
    (
        "cspnext",
        {"attention": True},
        C3 + 3 * (64 * 64 * 9 + 64 * 25 + 64 * 64),
        64 + 3 * (64 + 64 + 64) + 64 + 128,
    ),
    (
        "csp_res_stage",  # mid = (128 + 128) / 2 = 128: paths of 64
        {},
        C3 + 3 * (64 * 64 * 9 + 64 * 64 * (9 + 1)),
        64 + 3 * (64 + 64 + 64) + 64 + 128,
    ),
]


@pytest.mark.parametrize(("name", "arguments", "weights", "normed"), WITH_ATTENTION)
def test_channel_attention_costs_one_convolution_of_a_single_pixel(
    name: str, arguments: Arguments, weights: int, normed: int
) -> None:
    parameters, macs = counted(name, arguments)
    assert parameters == weights + 128 * 128 + 128 + 2 * normed
    assert macs == weights * 32 * 32 + 128 * 128


# A RepVGG block of C channels: 3x3 beside 1x1, C x C x (9 + 1) weights, and three norms of C.
# Each residual around such blocks scales its input by one learned number.
SCALED: list[tuple[str, Arguments, int, int, int]] = [
    # entry, arguments, weights, normalised channels, residuals
    (
        "bep_c3",  # two pairs: an odd block is left out
        {"n": 5},
        C3 + 2 * 2 * 64 * 64 * (9 + 1),
        64 + 2 * 2 * 3 * 64 + 64 + 128,
        2,
    ),
    (
        "bep_c3",  # one pair at least; paths of 24 channels
        {"c1": 96, "c2": 48, "n": 1},
        96 * 24 + 2 * 24 * 24 * (9 + 1) + 96 * 24 + 48 * 48,
        24 + 2 * 3 * 24 + 24 + 48,
        1,
    ),
    (
        "mbla",  # a bypass, and a branch with one residual of three blocks
        {"c1": 96, "c2": 48, "n": 1},
        96 * 48 + 3 * 24 * 24 * (9 + 1) + (2 + 1) * 24 * 48,
        48 + 3 * 3 * 24 + 48,
        1,
    ),
    (
        "mbla",  # a bypass, and branches with one and two residuals: 3 + 3 inputs are fused
        {"n": 4},
        128 * 3 * 64 + 3 * 3 * 64 * 64 * (9 + 1) + (3 + 3) * 64 * 128,
        3 * 64 + 3 * 3 * 3 * 64 + 128,
        3,
    ),
    (
        "mbla",  # a bypass, and branches with four and six residuals
        {"n": 12},
        128 * 3 * 64 + 10 * 3 * 64 * 64 * (9 + 1) + (3 + 10) * 64 * 128,
        3 * 64 + 10 * 3 * 3 * 64 + 128,
        10,
    ),
]


@pytest.mark.parametrize(("name", "arguments", "weights", "normed", "residuals"), SCALED)
def test_a_learned_scale_is_one_parameter_of_a_residual(
    name: str, arguments: Arguments, weights: int, normed: int, residuals: int
) -> None:
    parameters, macs = counted(name, arguments)
    assert parameters == weights + 2 * normed + residuals
    assert macs == weights * 32 * 32


# Attention on 64 channels, one head, queries and keys of 32, values of 64: the 1x1 that makes all
# three, a depthwise 3x3, a 1x1; then two 1x1 to twice the channels and back.
PSA = 64 * (32 + 32 + 64) + 64 * 9 + 64 * 64 + 64 * 128 + 128 * 64
PSA_NORMED = (32 + 32 + 64) + 64 + 64 + 128 + 64
# Two heads with queries, keys and values of 32, and a depthwise 7x7.
AREA = 64 * 2 * (32 + 32 + 32) + 64 * 49 + 64 * 64 + 64 * 128 + 128 * 64
AREA_NORMED = 2 * (32 + 32 + 32) + 64 + 64 + 128 + 64
# Each pair of positions is one product of a query and a key, and one share of a value.
PAIRS = 1024 * 1024

ATTENDING: list[tuple[str, Arguments, int, int, int]] = [
    # entry, arguments, weights, normalised channels, MACs of products
    ("psa", {}, 128 * 128 + PSA + 128 * 128, 128 + PSA_NORMED + 128, PAIRS * (32 + 64)),
    (
        "c2psa",
        {"n": 2},
        128 * 128 + 2 * PSA + 128 * 128,
        128 + 2 * PSA_NORMED + 128,
        2 * PAIRS * (32 + 64),
    ),
    (
        "c2psa",  # halves of 128 channels, two heads
        {"e": 1.0},
        128 * 256
        + (128 * 2 * (32 + 32 + 64) + 128 * 9 + 128 * 128 + 128 * 256 + 256 * 128)
        + 256 * 128,
        256 + (2 * (32 + 32 + 64) + 128 + 128 + 256 + 128) + 128,
        PAIRS * 2 * (32 + 64),
    ),
    (
        "c2psa",  # halves of 24 channels: one head, keys of 12
        {"c1": 96, "c2": 48},
        96 * 48 + (24 * (12 + 12 + 24) + 24 * 9 + 24 * 24 + 24 * 48 + 48 * 24) + 48 * 48,
        48 + ((12 + 12 + 24) + 24 + 24 + 48 + 24) + 48,
        PAIRS * (12 + 24),
    ),
    (
        "c2fpsa",  # two halves and three taps are fused
        {"n": 3},
        128 * 128 + 3 * PSA + (2 + 3) * 64 * 128,
        128 + 3 * PSA_NORMED + 128,
        3 * PAIRS * (32 + 64),
    ),
    (
        "c3k2",  # a bottleneck of half the width, then attention
        {"n": 2, "attention": True},
        128 * 128 + 2 * (64 * 32 * 9 + 32 * 64 * 9 + PSA) + (2 + 2) * 64 * 128,
        128 + 2 * (32 + 64 + PSA_NORMED) + 128,
        2 * PAIRS * (32 + 64),
    ),
    (
        "a2c2f",  # two pairs; in four areas, each position attends to a quarter of all
        {},
        128 * 64 + 4 * AREA + (1 + 2) * 64 * 128,
        64 + 4 * AREA_NORMED + 128,
        4 * PAIRS // 4 * 2 * (32 + 32),
    ),
    (
        "a2c2f",
        {"area": 1, "n": 1},
        128 * 64 + 2 * AREA + (1 + 1) * 64 * 128,
        64 + 2 * AREA_NORMED + 128,
        2 * PAIRS * 2 * (32 + 32),
    ),
]


@pytest.mark.parametrize(("name", "arguments", "weights", "normed", "of_products"), ATTENDING)
def test_attention_costs_two_products_of_all_pairs_of_positions(
    name: str, arguments: Arguments, weights: int, normed: int, of_products: int
) -> None:
    assert counted_apart(name, arguments) == (
        weights + 2 * normed,
        weights * 32 * 32,
        of_products,
    )


@pytest.mark.parametrize("n", [1, 3])
def test_a_transformer_layer_is_nine_linear_layers_of_which_four_have_a_bias(n: int) -> None:
    """Three, the three of torch's attention and its last, two; before all, the position code."""
    parameters, macs, of_products = counted_apart("c3tr", {"n": n})
    weights = C3 + 64 * 64 + n * 9 * 64 * 64
    assert parameters == weights + 64 + n * 4 * 64 + 2 * (64 + 64 + 128)
    assert macs == weights * 32 * 32
    assert of_products == n * PAIRS * 4 * (16 + 16)


@pytest.mark.parametrize(("e", "hidden", "edges"), [(1.0, 128, 8), (0.5, 64, 3)])
def test_hypergraph_attention_costs_three_products_of_positions_and_edges(
    e: float, hidden: int, edges: int
) -> None:
    """Who takes part, the gathering, the spreading; layers run on positions, edges or one row."""
    arguments: Arguments = {"e": e, "edges": edges}
    parameters, macs, of_products = counted_apart("c3ah", arguments)
    on_positions = 2 * 128 * hidden + 2 * hidden * 128 + 2 * hidden * hidden
    on_edges = hidden * hidden
    on_a_row = 2 * hidden * edges * hidden  # the offsets, from the mean and the maximum
    biases = 3 * hidden + edges * hidden
    prototypes = edges * hidden
    normed = hidden + hidden + 128
    assert parameters == (on_positions + on_edges + on_a_row + biases + prototypes + 2 * normed)
    assert macs == on_positions * 32 * 32 + on_edges * edges + on_a_row
    assert of_products == 3 * 1024 * edges * hidden


FIGURES_OF_ATTENTION: list[tuple[str, Arguments, int, int, int]] = [
    # entry, arguments, parameters, MACs of layers, MACs of products
    ("c3tr", {}, 148_800, 150_994_944, 402_653_184),  # YOLOv5
    ("psa", {}, 63_424, 63_504_384, 100_663_296),  # YOLOv10
    ("c2psa", {}, 63_424, 63_504_384, 100_663_296),  # YOLO11
    ("c2psa", {"n": 2}, 93_568, 93_454_336, 201_326_592),
    ("c2fpsa", {}, 71_616, 71_892_992, 100_663_296),  # ultralytics
    ("a2c2f", {}, 180_864, 180_617_216, 134_217_728),  # YOLOv12
    ("a2c2f", {"area": 1}, 180_864, 180_617_216, 536_870_912),
    ("c3ah", {}, 380_032, 101_056_512, 3_145_728),  # YOLOv13
    ("c3k2", {"n": 1, "attention": True}, 108_672, 109_641_728, 100_663_296),  # YOLO26
]


@pytest.mark.parametrize(
    ("name", "arguments", "parameters", "macs", "of_products"), FIGURES_OF_ATTENTION
)
def test_attention_meets_its_known_figures(
    name: str, arguments: Arguments, parameters: int, macs: int, of_products: int
) -> None:
    assert counted_apart(name, arguments) == (parameters, macs, of_products)


@pytest.mark.parametrize(
    "name",
    [
        *("c3", "c2f", "c3k2", "c2fcib", "cspnext", "rep_ncsp_elan4"),
        *("c3ghost", "c3f", "damo_csp_stage", "dsc3k2"),
    ],
)
def test_a_shortcut_costs_nothing(name: str) -> None:
    assert counted(name, {"shortcut": False}) == counted(name, {"shortcut": True})


@pytest.mark.parametrize("name", ["sppf", "hg_block"])
def test_a_residual_costs_nothing(name: str) -> None:
    assert counted(name, {"residual": True}) == counted(name, {"residual": False})
