"""Parameters and MACs of the YOLO modules: known figures, and arithmetic on channels by hand.

The figures hold at c1 = c2 = 128 on 32 x 32 pixels: all trainable parameters, and the MACs of
convolutions. Each was derived from its module's published structure.
"""

import pytest
from independent_counts import count

from cspbench.catalogue import find
from cspbench.catalogue.entry import Value
from cspbench.catalogue.loading import resolve

Arguments = dict[str, Value]


def counted(name: str, arguments: Arguments) -> tuple[int, int]:
    """Parameters and MACs of an entry on 32 x 32 pixels."""
    entry = find(name)
    full = entry.arguments(arguments)
    shape = (1, int(full["c1"]), 32, 32)
    return count(resolve(entry.build), shape, **dict(entry.fixed), **full)[:2]


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


@pytest.mark.parametrize("name", ["c3", "c2f", "c3k2", "c2fcib", "cspnext", "rep_ncsp_elan4"])
def test_a_shortcut_costs_nothing(name: str) -> None:
    assert counted(name, {"shortcut": False}) == counted(name, {"shortcut": True})
