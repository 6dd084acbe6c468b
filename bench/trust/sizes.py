"""The blocks of the trials, sized for the machine at hand: their latency, and what is planted."""

import math
import random
import time
from collections.abc import Sequence
from itertools import pairwise

import msgspec
from torch import Tensor

from cspbench.engine.channel import Channel
from cspbench.verdicts.turns import log_ratio

from .planted import Block

SIZES_MS = (0.5, 2.0, 15.0, 50.0)
CHANGES = (1, 2, 3, 5, 10)
"""Planted changes in percent, as they are aimed at; 0 stands for identical code."""

_MAPS = {0.5: (32, 28), 2.0: (64, 28), 15.0: (64, 56), 50.0: (128, 56)}
"""Channels, and height and width, by size."""

_PIXELS = 16  # of the further convolution where nothing is planted: its first ones cost more
_CALIBRATION_S = 3.0
_TURNS_S = 20.0
_GRID = 1.25  # factor between the numbers of pixels that are timed


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """A block of about ``size_ms``.

    ``pixels`` are those of its further convolution, by the planted change in percent.
    """

    size_ms: float
    channels: int
    side: int
    depth: int
    expansion: int
    pixels: dict[int, int]
    latency_s: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the input."""
        return 1, self.channels, self.side, self.side

    def call(self, change: int) -> str:
        """The expression that builds the block with a change planted."""
        return (
            f"Block(channels={self.channels}, depth={self.depth}, "
            f"expansion={self.expansion}, pixels={self.pixels[change]})"
        )


def calibrate(channel: Channel, threads: int) -> None:
    """Send the `Size` of each block, timed with ``threads`` threads."""
    import torch

    torch.set_num_threads(threads)
    with torch.inference_mode():
        for size_ms in SIZES_MS:
            channel.send(_calibrated(size_ms))


def _calibrated(size_ms: float) -> Size:
    import torch

    channels, side = _MAPS[size_ms]
    batch = torch.randn(1, channels, side, side)
    depth = 4
    for _ in range(3):  # each time from nearer to the target
        latency_s = _latency_s(_block(channels, depth), batch)
        depth = max(1, round(depth * size_ms * 1e-3 / latency_s))
    block = _block(channels, depth)
    latency_s = _latency_s(block, batch)
    grid = _grid(side**2)
    guess = pixels_by_change(grid, _work_s(block, batch, grid), latency_s)
    near = sorted({*guess.values(), min(side**2, 2 * max(guess.values()))})
    times_s = [latency_s * ratio for ratio in _ratios(block, batch, near)]
    return Size(
        size_ms=size_ms,
        channels=channels,
        side=side,
        depth=depth,
        expansion=_expansion(depth),
        pixels=pixels_by_change(near, times_s, latency_s),
        latency_s=latency_s,
    )


def _block(channels: int, depth: int) -> Block:
    block = Block(channels=channels, depth=depth, expansion=_expansion(depth), pixels=_PIXELS)
    return block.eval()


def _expansion(depth: int) -> int:
    """So that all pixels together take a fifth of the layers' multiply-accumulates."""
    return max(8, 2 * depth)


def _grid(most: int) -> list[int]:
    grid = [_PIXELS]
    while grid[-1] < most:
        grid.append(min(most, max(grid[-1] + 1, round(grid[-1] * _GRID))))
    return grid


def _latency_s(block: Block, batch: Tensor) -> float:
    samples: list[float] = []
    for _ in range(3):
        block(batch)
    while len(samples) < 30 or sum(samples) < _CALIBRATION_S / 3:
        began = time.perf_counter()
        block(batch)
        samples.append(time.perf_counter() - began)
    return min(samples)  # others may run beside


def _work_s(block: Block, batch: Tensor, grid: Sequence[int]) -> list[float]:
    """The least time of the further convolution for each number of pixels, between layers."""
    samples: list[list[float]] = [[] for _ in grid]
    began = time.monotonic()
    while len(samples[0]) < 5 or time.monotonic() - began < _CALIBRATION_S:
        for pixels, series in zip(grid, samples, strict=True):
            block.layers[0](batch)
            start = time.perf_counter()
            block.work(batch, pixels)
            series.append(time.perf_counter() - start)
    return [min(series) for series in samples]


def _ratios(block: Block, batch: Tensor, grid: Sequence[int]) -> list[float]:
    """The ratio of the block's time with each number of pixels to that with the first, in turns.

    Work by itself costs another time than work in the block, whose caches the layers have filled.
    """
    draw = random.Random(0)
    samples: dict[int, list[float]] = {pixels: [] for pixels in grid}
    began = time.monotonic()
    while len(samples[grid[0]]) < 5 or time.monotonic() - began < _TURNS_S:
        for pixels in draw.sample(grid, len(grid)):
            block.pixels = pixels
            start = time.perf_counter()
            block(batch)
            samples[pixels].append(time.perf_counter() - start)
    return [math.exp(log_ratio(series, samples[grid[0]])) for series in samples.values()]


def pixels_by_change(
    grid: Sequence[int], work_s: Sequence[float], latency_s: float
) -> dict[int, int]:
    """The pixels that make a block slower by each change, and the least for none.

    ``work_s`` are the times with so many pixels of ``grid``, of the work or of the whole block;
    between two, time is interpolated.
    """
    steady = [max(work_s[: index + 1]) for index in range(len(work_s))]  # more never takes less
    pixels = {0: grid[0]}
    for change in CHANGES:
        target = steady[0] + change / 100 * latency_s
        pixels[change] = grid[-1]
        for (low, high), (fast, slow) in zip(pairwise(grid), pairwise(steady), strict=True):
            if slow >= target:
                pixels[change] = round(low + (high - low) * (target - fast) / (slow - fast))
                break
    return pixels
