"""How far the outputs of a form are from those of the eager module."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...choices import Precision
from ...units import shape_text

TOLERANCES: dict[Precision, float] = {
    "fp32": 1e-4,
    "tf32": 1e-2,
    "bf16": 5e-2,
    "fp16": 1e-2,
    "amp": 5e-2,
}
"""The largest error of an element that rounding explains, over the largest magnitude in its tensor.

Other orders of the same sums round otherwise: by some 1e-6 a layer in single precision, which grows
with depth. A wrong fold is off by more than 1e-2.
"""

_MOST = 1e9  # an error that is not finite, or larger


@dataclass(frozen=True, slots=True)
class Distance:
    """``error``: of the worst element, over its tensor's largest magnitude. ``sqnr_db``: the least
    ratio of a tensor's power to that of its error, in decibels; None if there is no error, or one
    of no finite power.
    """

    error: float
    sqnr_db: float | None


def distance(expected: Sequence[Tensor], actual: Sequence[Tensor]) -> Distance:
    """The distance of ``actual`` outputs from the ``expected`` ones.

    Raises ValueError for none, for different numbers of them and for different shapes.
    """
    if not expected:
        raise ValueError("eager's output has no tensor to compare")
    if len(expected) != len(actual):
        raise ValueError(f"{len(actual)} tensors in its output, {len(expected)} in eager's")
    error, sqnr_db = 0.0, math.inf
    for old, new in zip(map(_real, expected), map(_real, actual), strict=True):
        if old.shape != new.shape:
            raise ValueError(
                f"an output of shape {shape_text(tuple(new.shape))}, "
                f"{shape_text(tuple(old.shape))} in eager mode"
            )
        if old.numel():
            of_tensor = _distance(old.cpu().to(torch.float64), new.cpu().to(torch.float64))
            error = max(error, of_tensor[0])
            sqnr_db = min(sqnr_db, of_tensor[1])
    return Distance(error, None if math.isinf(sqnr_db) else sqnr_db)


def _real(tensor: Tensor) -> Tensor:
    """``tensor``, a complex one as its two parts, as the ONNX format has it."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _distance(old: Tensor, new: Tensor) -> tuple[float, float]:
    """The error and the SQNR of one tensor; where both are not numbers, they are equal."""
    is_same = (old == new) | (old.isnan() & new.isnan())
    if bool(is_same.all()):
        return 0.0, math.inf
    difference = torch.where(is_same, 0.0, old - new)
    magnitude = old.nan_to_num(0.0, 0.0, 0.0).abs().max()
    error = float((difference.abs().max() / magnitude).nan_to_num(_MOST, _MOST, _MOST))
    power, noise = old.nan_to_num(0.0, 0.0, 0.0).square().sum(), difference.square().sum()
    ratio = float((power / noise).nan_to_num(0.0, 0.0, 0.0))
    return min(error, _MOST), 10 * math.log10(ratio) if ratio > 0 else -math.inf
