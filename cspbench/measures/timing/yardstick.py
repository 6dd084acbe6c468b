"""The yardstick: a small frozen workload in every launch, through which runs are compared.

Never change `definition`: its hash is recorded in every run. The workload is one dense layer: 1x1
convolution, ReLU, 3x3 convolution, concat. It has one image on a CPU; on a GPU it has as many as
keep the device busy for longer than the host needs to launch the kernels.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...plan.case import is_gpu

if TYPE_CHECKING:
    from torch import Tensor

_IMAGES, _IMAGES_ON_GPU = 1, 64


def definition(device: str) -> str:
    """The computation of one call on ``device``, in words."""
    return (
        f"x: {_images(device)}x64x56x56 float32, x[i] = sin(i); a: 128x64x1x1, a[i] = cos(i) / 8; "
        "b: 32x128x3x3, b[i] = sin(i) / 32; "
        "cat(x, conv3x3_pad1(relu_(conv1x1(x, a)), b)), no gradient"
    )


def digest(device: str) -> str:
    """The first 16 digits of the SHA-256 of the definition."""
    return hashlib.sha256(definition(device).encode()).hexdigest()[:16]


def yardstick(device: str) -> "Callable[[], Tensor]":
    """A function that makes one call of the yardstick on ``device``."""
    import torch  # imported late: the definition and its hash are used without torch
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
