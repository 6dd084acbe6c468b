"""The yardstick: a small frozen workload in every group, which ties runs together.

Never change what `definition` says: runs are compared through it, and its hash stands in every run.
It is the work of one dense layer: 1x1 convolution, ReLU, 3x3 convolution, concat; of one image on a
CPU, and on a GPU of so many that the device is busy for longer than the host needs to launch them.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...plan.case import is_gpu

if TYPE_CHECKING:
    from torch import Tensor

_IMAGES, _IMAGES_ON_GPU = 1, 64


def definition(device: str) -> str:
    """What one call on ``device`` computes."""
    return (
        f"x: {_images(device)}x64x56x56 float32, x[i] = sin(i); a: 128x64x1x1, a[i] = cos(i) / 8; "
        "b: 32x128x3x3, b[i] = sin(i) / 32; "
        "cat(x, conv3x3_pad1(relu_(conv1x1(x, a)), b)), no gradient"
    )


def digest(device: str) -> str:
    """The first 16 digits of SHA-256 over the definition."""
    return hashlib.sha256(definition(device).encode()).hexdigest()[:16]


def yardstick(device: str) -> "Callable[[], Tensor]":
    """One call of the yardstick on ``device``."""
    import torch  # late: the definition and its hash are wanted where torch is not
    from torch.nn import functional

    def wave(*shape: int) -> "Tensor":
        return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)

    x = torch.sin(wave(_images(device), 64, 56, 56)).to(device)
    a = (torch.cos(wave(128, 64, 1, 1)) / 8).to(device)
    b = (torch.sin(wave(32, 128, 3, 3)) / 32).to(device)

    def call() -> "Tensor":
        with torch.no_grad():
            hidden = functional.conv2d(x, a).relu_()
            return torch.cat([x, functional.conv2d(hidden, b, padding=1)], 1)

    return call


def _images(device: str) -> int:
    return _IMAGES_ON_GPU if is_gpu(device) else _IMAGES
