"""How far two outputs of any structure are apart, in units of what rounding allows."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .trees import named_leaves

_TOLERANCES: dict[torch.dtype, tuple[float, float]] = {
    torch.float64: (1e-7, 1e-7),
    torch.float32: (1.3e-6, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float16: (1e-3, 1e-5),
    torch.complex128: (1e-7, 1e-7),
    torch.complex64: (1.3e-6, 1e-5),
}
"""Relative and absolute tolerances, the defaults of `torch.testing.assert_close`."""

_NUMBERS = "biufc"  # NumPy's kinds of types


def distance_of(baseline: object, candidate: object) -> tuple[float, tuple[float, float]]:
    """The largest difference over its tolerance, and (rtol, atol) of the tensor that has it.

    All tensors, arrays, numbers and texts in trees and objects are compared. The distance is capped
    at 1e300, so that the record is finite. Raises ValueError for outputs of different structures or
    shapes, and for those that hold nothing to compare.
    """
    expected, actual = dict(_leaves(baseline)), dict(_leaves(candidate))
    _check_structure(expected, actual)
    if not expected:
        raise ValueError(f"nothing to compare in outputs of type {type(baseline).__name__}")
    largest, tolerance = -1.0, (0.0, 0.0)
    for path, leaf in expected.items():
        distance = _distance(leaf, actual[path])
        if distance > largest:
            largest = distance
            tolerance = (0.0, 0.0) if isinstance(leaf, str) else _tolerance(leaf)
    return min(largest, 1e300), tolerance


def _leaves(output: object) -> Iterator[tuple[str, Tensor | str]]:
    """What is compared of ``output``, by path."""
    for path, leaf in named_leaves(output):
        if isinstance(leaf, Tensor) and leaf.is_nested:
            yield from ((f"{path}[{i}]", part) for i, part in enumerate(leaf.unbind()))
        elif isinstance(leaf, Tensor):
            yield path, _dense(leaf)
        elif isinstance(leaf, np.ndarray | np.generic):
            yield path, torch.as_tensor(leaf) if leaf.dtype.kind in _NUMBERS else repr(leaf)
        elif isinstance(leaf, bool | int | float | complex):
            yield path, torch.as_tensor(leaf)
        elif isinstance(leaf, str | bytes):
            yield path, repr(leaf)


def _dense(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _check_structure(baseline: dict[str, Tensor | str], candidate: dict[str, Tensor | str]) -> None:
    shapes = [
        [list(leaf.shape) for leaf in leaves.values() if isinstance(leaf, Tensor)]
        for leaves in (baseline, candidate)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(f"outputs of shapes {shapes[0]} and {shapes[1]}")
    for name, leaves, others in (
        ("baseline", baseline, candidate),
        ("candidate", candidate, baseline),
    ):
        for path, leaf in leaves.items():
            if path not in others or isinstance(leaf, str) != isinstance(others[path], str):
                raise ValueError(f"outputs of two structures: only the {name} has output{path}")


def _tolerance(tensor: Tensor) -> tuple[float, float]:
    return _TOLERANCES.get(tensor.dtype, (0.0, 0.0))


def _distance(expected: Tensor | str, actual: Tensor | str) -> float:
    if isinstance(expected, str) or isinstance(actual, str):
        return 0.0 if expected == actual else torch.inf
    if not expected.numel():
        return 0.0
    actual = actual.to(expected.device, expected.dtype)
    rtol, atol = _tolerance(expected)
    wide = torch.complex128 if expected.is_complex() else torch.float64
    difference = (expected.to(wide) - actual.to(wide)).abs()
    allowed = atol + rtol * expected.to(wide).abs()
    is_same = (expected == actual) | (expected.isnan() & actual.isnan())
    distance = torch.where(is_same, 0.0, difference / allowed).nan_to_num(nan=torch.inf)
    return float(distance.max())
