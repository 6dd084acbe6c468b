"""The highest rate of products that a device reaches, in matrix products and convolutions."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch.nn import functional

from ...machine.device import Gpu, gpu
from ...plan.case import Precision, is_gpu
from ...records.ceilings import Peak
from ..execution.conversion import DTYPES
from .sampling import shortest_s

_TRIAL_S, _SAMPLING_S = 0.05, 0.5
_CHANNELS = 256
_SIZES, _GPU_SIZES = (1024, 2048), (4096, 8192)
"""Rows and columns of square matrices."""

_MAPS = ((2, 56, 3), (4, 28, 3), (4, 28, 1))
"""Images, height and width, and size of the kernel of convolutions as CNNs have them."""

_GPU_IMAGES = 32
"""How many times as many images a GPU gets."""


class _Candidate(NamedTuple):
    name: str
    flops: int
    call: Callable[[], object]


def product_peak(device: str, precision: Precision) -> Peak:
    """The highest rates of matrix products and of convolutions in ``precision``.

    The fastest shape in a short trial is sampled for half a second. The backend's flags are those
    in force. Raises RuntimeError if torch cannot compute them.
    """
    on_gpu = gpu(device)
    dtype = DTYPES.get(precision) or torch.float32
    with torch.no_grad():
        product, product_rate = _fastest(_matrix_products(device, dtype), on_gpu)
        convolution, convolution_rate = _fastest(_convolutions(device, dtype), on_gpu)
    return Peak(
        product_flops=(product_rate,),
        convolution_flops=(convolution_rate,),
        product=product,
        convolution=convolution,
    )


def trial_rate(device: str, precision: Precision) -> float:
    """FLOPs a second of the smallest matrix product in ``precision``, in a short trial.

    Raises RuntimeError if torch cannot compute it.
    """
    candidate = next(_matrix_products(device, DTYPES.get(precision) or torch.float32))
    with torch.no_grad():
        return candidate.flops / shortest_s(candidate.call, gpu(device), seconds=_TRIAL_S, fewest=1)


def _fastest(candidates: Iterable[_Candidate], on_gpu: Gpu | None) -> tuple[str, float]:
    """The name and the rate of the fastest of ``candidates``."""
    trials = {
        candidate: candidate.flops / shortest_s(candidate.call, on_gpu, seconds=_TRIAL_S, fewest=1)
        for candidate in candidates
    }
    best = max(trials, key=lambda candidate: trials[candidate])
    rate = best.flops / shortest_s(best.call, on_gpu, seconds=_SAMPLING_S)
    return best.name, max(rate, trials[best])


def _matrix_products(device: str, dtype: torch.dtype) -> Iterator[_Candidate]:
    for size in _GPU_SIZES if is_gpu(device) else _SIZES:
        left, right = (torch.full((size, size), 0.5, device=device, dtype=dtype) for _ in range(2))
        output = torch.empty_like(left)

        def call(
            left: torch.Tensor = left, right: torch.Tensor = right, output: torch.Tensor = output
        ) -> object:
            return torch.mm(left, right, out=output)

        yield _Candidate(f"{size} x {size}", 2 * size**3, call)


def _convolutions(device: str, dtype: torch.dtype) -> Iterator[_Candidate]:
    for images, width, kernel in _MAPS:
        number = images * _GPU_IMAGES if is_gpu(device) else images
        for layout in (torch.contiguous_format, torch.channels_last):
            inputs = torch.full(
                (number, _CHANNELS, width, width), 0.5, device=device, dtype=dtype
            ).contiguous(memory_format=layout)
            weight = torch.full(
                (_CHANNELS, _CHANNELS, kernel, kernel), 0.5, device=device, dtype=dtype
            ).contiguous(memory_format=layout)

            def call(
                inputs: torch.Tensor = inputs, weight: torch.Tensor = weight, kernel: int = kernel
            ) -> object:
                return functional.conv2d(inputs, weight, padding=kernel // 2)

            name = f"{kernel}x{kernel}, {number}x{_CHANNELS}x{width}x{width}"
            if layout is torch.channels_last:
                name += ", channels last"
            macs = number * width**2 * _CHANNELS**2 * kernel**2
            yield _Candidate(name, 2 * macs, call)
