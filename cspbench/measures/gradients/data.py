"""Images to train on: scikit-learn's digits, or those of a callable that yields batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...catalogue.loading import resolve
from ...errors import CspbenchError

DIGITS = "digits"
MAX_IMAGES = 20_000
"""The number of images taken from a callable's batches, which may be endless."""

_MIN_IMAGES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Pixels (N, C, H, W) in single precision and labels (N,) from 0."""

    pixels: Tensor
    labels: Tensor

    @property
    def classes(self) -> int:
        """The number of classes: one more than the largest label."""
        return int(self.labels.max()) + 1


def images(name: str) -> Images:
    """The images that ``name`` refers to: `digits`, or those `yielded` by a callable.

    Raises `CspbenchError` like these.
    """
    if name == DIGITS:
        return digits()
    if ":" not in name:
        raise CspbenchError(f"expected digits or package.module:callable, got {name!r}")
    return yielded(name)


def digits(size: int = 8) -> Images:
    """The 1797 handwritten digits of scikit-learn, (1797, 1, size, size).

    They are 8 x 8, bilinearly interpolated to any other size, and standardised over all pixels.
    Raises `CspbenchError` if scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise CspbenchError(
            "the digits need scikit-learn; install it with: pip install scikit-learn"
        ) from error
    bundle = load_digits()
    pixels = torch.from_numpy(bundle.images).float().unsqueeze(1)
    if size != pixels.shape[-1]:
        pixels = functional.interpolate(pixels, size=(size, size), mode="bilinear")
    return Images(
        pixels=(pixels - pixels.mean()) / pixels.std(),
        labels=torch.from_numpy(bundle.target).long(),
    )


def yielded(reference: str) -> Images:
    """The batches that ``package.module:callable`` yields, joined: the first `MAX_IMAGES` images.

    Each batch is a pair of images (N, C, H, W) and labels (N,), whole numbers from 0; pixels are
    not normalised. Raises `CspbenchError` for anything else.
    """
    pixels: list[Tensor] = []
    labels: list[Tensor] = []
    for batch in _batches(reference):
        batch_pixels, batch_labels = _checked(batch, reference)
        if pixels and batch_pixels.shape[1:] != pixels[0].shape[1:]:
            raise CspbenchError(
                f"{reference} must yield images of one shape, got "
                f"{tuple(batch_pixels.shape[1:])} after {tuple(pixels[0].shape[1:])}"
            )
        pixels.append(batch_pixels)
        labels.append(batch_labels)
        if sum(map(len, labels)) >= MAX_IMAGES:
            break
    if sum(map(len, labels)) < _MIN_IMAGES:
        raise CspbenchError(
            f"{reference} yields {sum(map(len, labels))} images; at least {_MIN_IMAGES} are needed"
        )
    return Images(
        pixels=torch.cat(pixels)[:MAX_IMAGES].float(),
        labels=torch.cat(labels)[:MAX_IMAGES].long(),
    )


def _batches(reference: str) -> Iterator[object]:
    """The batches of the callable; turns any exception of it into a `CspbenchError`."""
    batches = resolve(reference)
    try:
        yield from batches()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise CspbenchError(f"{reference} failed to yield batches: {reason}") from error


def _checked(batch: object, reference: str) -> tuple[Tensor, Tensor]:
    if isinstance(batch, tuple | list) and len(batch) == 2:
        images, labels = batch
        if (
            isinstance(images, Tensor)
            and isinstance(labels, Tensor)
            and images.dim() == 4
            and images.is_floating_point()
            and labels.shape == images.shape[:1]
            and not labels.is_floating_point()
            and (not labels.numel() or labels.min() >= 0)
        ):
            return images, labels
    raise CspbenchError(
        f"{reference} must yield pairs of images (N, C, H, W) and labels (N,), integers from 0, "
        f"got {_described(batch)}"
    )


def _described(batch: object) -> str:
    if isinstance(batch, Tensor):
        return f"a tensor {tuple(batch.shape)} of {batch.dtype}"
    if isinstance(batch, tuple | list):
        return f"{type(batch).__name__} of " + ", ".join(map(_described, batch))
    return type(batch).__name__
