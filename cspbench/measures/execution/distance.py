"""How far two outputs of any structure are apart, in units of what rounding allows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
_MAX_DISTANCE = 1e300


@dataclass(frozen=True, kw_only=True, slots=True)
class Distance:
    """How far a candidate's output is from a baseline's.

    ``value`` is the largest difference of two elements over its tolerance, at most 1e300, so that
    the record is finite; ``rtol`` and ``atol`` are those of the leaf that has it. ``differences``
    say which leaves differ in type, and in values that compare exactly. ``nans`` counts the
    elements that are NaN on both sides, which are equal.
    """

    value: float
    rtol: float
    atol: float
    differences: tuple[str, ...] = ()
    nans: int = 0


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Numbers as a tensor, anything else as text; ``type`` is what the output has there."""

    type: str
    value: Tensor | str


def distance_of(baseline: object, candidate: object) -> Distance:
    """The distance of two outputs.

    All tensors, arrays, numbers and texts in trees and objects are compared: real and complex
    floating-point numbers by the tolerances of the baseline's type, whole numbers, booleans and
    texts exactly. Raises ValueError for outputs of different structures or shapes, and for those
    that hold nothing to compare.
    """
    expected, actual = dict(_leaves(baseline)), dict(_leaves(candidate))
    _check_structure(expected, actual)
    if not expected:
        raise ValueError(f"nothing to compare in outputs of type {type(baseline).__name__}")
    largest, tolerance = -1.0, (0.0, 0.0)
    differences: list[str] = []
    nans = 0
    for path, leaf in expected.items():
        other = actual[path]
        distance = _distance(leaf.value, other.value)
        if distance > largest:
            largest, tolerance = distance, _tolerance(leaf.value)
        nans += _shared_nans(leaf.value, other.value)
        differences += _differences(f"output{path}", leaf, other)
    return Distance(
        value=min(largest, _MAX_DISTANCE),
        rtol=tolerance[0],
        atol=tolerance[1],
        differences=tuple(differences),
        nans=nans,
    )


def _leaves(output: object) -> Iterator[tuple[str, _Leaf]]:
    """What is compared of ``output``, by path."""
    for path, leaf in named_leaves(output):
        if isinstance(leaf, Tensor) and leaf.is_nested:
            for index, part in enumerate(leaf.unbind()):
                yield f"{path}[{index}]", _Leaf(_type(part), _dense(part))
        elif isinstance(leaf, Tensor):
            yield path, _Leaf(_type(leaf), _dense(leaf))
        elif isinstance(leaf, np.ndarray | np.generic):
            yield path, _Leaf(f"NumPy's {leaf.dtype}", _array(leaf))
        elif isinstance(leaf, bool | int | float | complex | str | bytes):
            yield path, _Leaf(type(leaf).__name__, _plain_value(leaf))


def _type(tensor: Tensor) -> str:
    """The type of the elements, and the layout unless every element has its place in memory."""
    layout = "" if tensor.layout == torch.strided else f"{tensor.layout} "
    return f"{layout}{tensor.dtype}".replace("torch.", "")


def _dense(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _array(array: "np.ndarray[Any, Any] | np.generic") -> Tensor | str:
    if array.dtype.kind not in _NUMBERS:
        return repr(array)
    return torch.from_numpy(np.array(array, order="C"))


def _plain_value(value: complex | str | bytes) -> Tensor | str:
    if isinstance(value, str | bytes) or (isinstance(value, int) and value.bit_length() > 63):
        return repr(value)
    wide = torch.float64 if isinstance(value, float) else None
    return torch.tensor(value, dtype=torch.complex128 if isinstance(value, complex) else wide)


def _check_structure(baseline: dict[str, _Leaf], candidate: dict[str, _Leaf]) -> None:
    shapes = [
        [list(leaf.value.shape) for leaf in leaves.values() if isinstance(leaf.value, Tensor)]
        for leaves in (baseline, candidate)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(f"outputs of shapes {shapes[0]} and {shapes[1]}")
    for name, leaves, others in (
        ("baseline", baseline, candidate),
        ("candidate", candidate, baseline),
    ):
        for path in leaves:
            if path not in others:
                raise ValueError(f"outputs of two structures: only the {name} has output{path}")


def _tolerance(value: Tensor | str) -> tuple[float, float]:
    """The relative and absolute tolerance; both 0 for what compares exactly."""
    return (0.0, 0.0) if isinstance(value, str) else _TOLERANCES.get(value.dtype, (0.0, 0.0))


def _distance(expected: Tensor | str, actual: Tensor | str) -> float:
    if _are_exact(expected, actual):
        return torch.inf if _unequal_elements(expected, actual) else 0.0
    assert isinstance(expected, Tensor)
    assert isinstance(actual, Tensor)
    if not expected.numel():
        return 0.0
    is_complex = expected.is_complex() or actual.is_complex()
    wide = torch.complex128 if is_complex else torch.float64
    old, new = expected.to(wide), actual.to(expected.device, wide)
    rtol, atol = _tolerance(expected)
    is_same = (old == new) | (old.isnan() & new.isnan())
    distance = torch.where(is_same, 0.0, (old - new).abs() / (atol + rtol * old.abs()))
    return float(distance.nan_to_num(nan=torch.inf).max())


def _are_exact(expected: Tensor | str, actual: Tensor | str) -> bool:
    """Whether the two compare exactly: texts, whole numbers and booleans."""
    if isinstance(expected, str) or isinstance(actual, str):
        return True
    return not any(v.is_floating_point() or v.is_complex() for v in (expected, actual))


def _unequal_elements(expected: Tensor | str, actual: Tensor | str) -> int:
    """The number of elements that differ, of two that compare exactly."""
    if isinstance(expected, str) or isinstance(actual, str):
        return int(expected is not actual and expected != actual)
    # Whole numbers of 64 bits are not all float64; those without a sign keep their bits.
    unequal = expected.to(torch.int64) != actual.to(expected.device, torch.int64)
    return int(unequal.sum())


def _shared_nans(expected: Tensor | str, actual: Tensor | str) -> int:
    if _are_exact(expected, actual):
        return 0
    assert isinstance(expected, Tensor)
    assert isinstance(actual, Tensor)
    return int((expected.isnan() & actual.isnan().to(expected.device)).sum())


def _differences(name: str, expected: _Leaf, actual: _Leaf) -> Iterator[str]:
    """What differs of a leaf in other respects than by rounding."""
    if expected.type != actual.type:
        yield f"{name} is {expected.type} in the baseline, {actual.type} in the candidate"
    if not _are_exact(expected.value, actual.value):
        return
    unequal = _unequal_elements(expected.value, actual.value)
    if unequal and isinstance(expected.value, Tensor):
        number = f"{unequal:,} of {expected.value.numel():,} elements of {name}"
        yield f"{number}, which compare exactly, differ"
    elif unequal:
        yield f"{name} differs"
