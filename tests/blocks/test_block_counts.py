"""Parameters, MACs and CIO of the Figure 3 designs, met by arithmetic on channels, written by hand.

Each row lists, as products and sums of channels, the convolutions' weights, the normalised
channels, and the channels that convolutions read and write. On a map that never changes its size,
MACs are weights x H x W and CIO is channels x H x W.
"""

from typing import Any

import pytest
from independent_counts import count
from torch import nn

from cspbench.blocks.csp import CSP, BothTransitions, FusionFirst, FusionLast, SplitOnly
from cspbench.blocks.dense import Dense

# Six layers of growth 32 and bn_size 4: 6 x (128 -> 32) by 3x3, read 768, write 192; the 1x1s
# write 768; the 3x3s' norms hold 768. What the 1x1s read depends on the block's base:
#   base 64:  64 + 96 + 128 + 160 + 192 + 224 = 864, out 256
#   base 48:  48 + 80 + 112 + 144 + 176 + 208 = 768, out 240   (gamma .25)
#   base 32:  32 + 64 +  96 + 128 + 160 + 192 = 672, out 224   (gamma .5)
#   base 16:  16 + 48 +  80 + 112 + 144 + 176 = 576, out 208   (gamma .75)
#   base 33:  33 + 65 +  97 + 129 + 161 + 193 = 678, out 225
#   base 25:  25 + 57 +  89 + 121 + 153 + 185 = 630, out 217   (33 channels, 8 bypass)
#   base 17:  17 + 49 +  81 + 113 + 145 + 177 = 582, out 209   (33 channels, 16 bypass)
#   base  9:   9 + 41 +  73 + 105 + 137 + 169 = 534, out 201   (33 channels, 24 bypass)
#   base  6:   6 + 38 +  70 + 102 + 134 + 166 = 516, out 198   (7 channels, 1 bypasses)
#   base  4:   4 + 36 +  68 + 100 + 132 + 164 = 504, out 196   (7 channels, 3 bypass)
#   base  2:   2 + 34 +  66 +  98 + 130 + 162 = 492, out 194   (7 channels, 5 bypass)
CUBES = 6 * 128 * 32 * 9  # weights of the six 3x3
INNER = 768 + 768 + 192  # channels at the six layers, but for what the 1x1s read

FIGURE_3: list[tuple[type[nn.Module], dict[str, Any], int, int, int]] = [
    # design, arguments, weights, normalised channels, channels read and written
    (
        Dense,
        {},
        864 * 128 + CUBES + 256 * 128,
        864 + 768 + 256,
        864 + INNER + 256 + 128,
    ),
    (
        Dense,
        {"channels": 33},
        678 * 128 + CUBES + 225 * 112,
        678 + 768 + 225,
        678 + INNER + 225 + 112,
    ),
    (
        Dense,
        {"t2": 0.25},
        864 * 128 + CUBES + 256 * 64,
        864 + 768 + 256,
        864 + INNER + 256 + 64,
    ),
    (
        Dense,
        {"layers": 2, "growth": 8, "bn_size": 2},
        (64 + 72) * 16 + 2 * 16 * 8 * 9 + 80 * 40,
        64 + 72 + 16 + 16 + 80,
        (64 + 16) + (16 + 8) + (72 + 16) + (16 + 8) + (80 + 40),
    ),
    (
        CSP,
        {},
        672 * 128 + CUBES + 224 * 224 + 256 * 128,
        672 + 768 + 224 + 256,
        672 + INNER + 224 + 224 + 256 + 128,
    ),
    (
        CSP,
        {"gamma": 0.25},
        768 * 128 + CUBES + 240 * 240 + 256 * 128,
        768 + 768 + 240 + 256,
        768 + INNER + 240 + 240 + 256 + 128,
    ),
    (
        CSP,
        {"gamma": 0.75},
        576 * 128 + CUBES + 208 * 208 + 256 * 128,
        576 + 768 + 208 + 256,
        576 + INNER + 208 + 208 + 256 + 128,
    ),
    (
        CSP,  # T: 224 -> 112; then 32 + 112 = 144 -> 36
        {"t1": 0.5, "t2": 0.25},
        672 * 128 + CUBES + 224 * 112 + 144 * 36,
        672 + 768 + 224 + 144,
        672 + INNER + 224 + 112 + 144 + 36,
    ),
    (
        CSP,  # T: 209 -> 104; then 16 + 104 = 120 -> 60
        {"channels": 33, "t1": 0.5},
        582 * 128 + CUBES + 209 * 104 + 120 * 60,
        582 + 768 + 209 + 120,
        582 + INNER + 209 + 104 + 120 + 60,
    ),
    (
        FusionFirst,
        {},
        672 * 128 + CUBES + 256 * 128,
        672 + 768 + 256,
        672 + INNER + 256 + 128,
    ),
    (
        FusionFirst,
        {"gamma": 0.25},
        768 * 128 + CUBES + 256 * 128,
        768 + 768 + 256,
        768 + INNER + 256 + 128,
    ),
    (
        FusionFirst,
        {"gamma": 0.75},
        576 * 128 + CUBES + 256 * 128,
        576 + 768 + 256,
        576 + INNER + 256 + 128,
    ),
    (
        FusionFirst,  # 8 + 217 = 225 -> 112
        {"channels": 33, "gamma": 0.25},
        630 * 128 + CUBES + 225 * 112,
        630 + 768 + 225,
        630 + INNER + 225 + 112,
    ),
    (
        FusionFirst,  # 1 + 198 = 199 -> 99
        {"channels": 7, "gamma": 0.25},
        516 * 128 + CUBES + 199 * 99,
        516 + 768 + 199,
        516 + INNER + 199 + 99,
    ),
    (
        FusionLast,
        {},
        672 * 128 + CUBES + 224 * 112,
        672 + 768 + 224,
        672 + INNER + 224 + 112,
    ),
    (
        FusionLast,
        {"gamma": 0.25},
        768 * 128 + CUBES + 240 * 120,
        768 + 768 + 240,
        768 + INNER + 240 + 120,
    ),
    (
        FusionLast,
        {"gamma": 0.75},
        576 * 128 + CUBES + 208 * 104,
        576 + 768 + 208,
        576 + INNER + 208 + 104,
    ),
    (
        FusionLast,
        {"channels": 33},
        582 * 128 + CUBES + 209 * 104,
        582 + 768 + 209,
        582 + INNER + 209 + 104,
    ),
    (
        FusionLast,
        {"channels": 7, "gamma": 0.75},
        492 * 128 + CUBES + 194 * 97,
        492 + 768 + 194,
        492 + INNER + 194 + 97,
    ),
    (SplitOnly, {}, 672 * 128 + CUBES, 672 + 768, 672 + INNER),
    (SplitOnly, {"gamma": 0.25}, 768 * 128 + CUBES, 768 + 768, 768 + INNER),
    (SplitOnly, {"gamma": 0.75}, 576 * 128 + CUBES, 576 + 768, 576 + INNER),
    (SplitOnly, {"channels": 7}, 504 * 128 + CUBES, 504 + 768, 504 + INNER),
    (
        BothTransitions,
        {},
        672 * 128 + CUBES + 224 * 112 + 32 * 16,
        672 + 768 + 224 + 32,
        672 + INNER + 224 + 112 + 32 + 16,
    ),
    (
        BothTransitions,
        {"gamma": 0.25},
        768 * 128 + CUBES + 240 * 120 + 16 * 8,
        768 + 768 + 240 + 16,
        768 + INNER + 240 + 120 + 16 + 8,
    ),
    (
        BothTransitions,
        {"channels": 33, "gamma": 0.75},
        534 * 128 + CUBES + 201 * 100 + 24 * 12,
        534 + 768 + 201 + 24,
        534 + INNER + 201 + 100 + 24 + 12,
    ),
    (
        BothTransitions,  # one bypass channel keeps one
        {"channels": 7, "gamma": 0.25},
        516 * 128 + CUBES + 198 * 99 + 1 * 1,
        516 + 768 + 198 + 1,
        516 + INNER + 198 + 99 + 1 + 1,
    ),
]


@pytest.mark.parametrize(("design", "arguments", "weights", "normed", "touched"), FIGURE_3)
def test_a_figure_3_design_costs_what_its_channels_say(
    design: type[nn.Module], arguments: dict[str, Any], weights: int, normed: int, touched: int
) -> None:
    shape = (1, arguments.get("channels", 64), 56, 56)
    parameters, macs, cio = count(design, shape, **arguments)
    assert parameters == weights + 2 * normed
    assert macs == weights * 56 * 56
    assert cio == touched * 56 * 56


@pytest.mark.parametrize(
    ("design", "totals"),
    [
        (Dense, (368_320, 1_143_209_984, 9_332_736)),
        (FusionFirst, (343_360, 1_066_139_648, 8_730_624)),
    ],
)
def test_the_reference_totals_of_figure_3_are_met(
    design: type[nn.Module], totals: tuple[int, int, int]
) -> None:
    assert count(design, (1, 64, 56, 56)) == totals


@pytest.mark.parametrize(
    ("design", "touched"),
    [
        # the 1x1 of a transition still runs before its pool, at full size
        (Dense, 864 + INNER + 256 + 128),
        (CSP, 672 + INNER + 224 + 224 + 256 + 128),
        (FusionFirst, 672 + INNER + 256 + 128),
        (FusionLast, 672 + INNER + 224 + 112),
        (BothTransitions, 672 + INNER + 224 + 112 + 32 + 16),
    ],
)
def test_a_pool_changes_no_convolution(design: type[nn.Module], touched: int) -> None:
    unpooled = count(design, (1, 64, 56, 56))
    assert count(design, (1, 64, 56, 56), pool="avg") == unpooled
    assert unpooled[2] == touched * 56 * 56
