"""Whether two builds of a case compute the same from the same weights and input."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ...records.measurements import Equivalence
from .call import Call
from .subject import Subject

_TOLERANCES: dict[torch.dtype, tuple[float, float]] = {
    torch.float64: (1e-7, 1e-7),
    torch.float32: (1.3e-6, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float16: (1e-3, 1e-5),
}
"""Relative and absolute tolerances, the defaults of `torch.testing.assert_close`."""


def equivalence(baseline: Subject, candidate: Subject, seed: int) -> Equivalence:
    """Compare the outputs of one forward pass of two builds in the case's mode.

    The candidate takes the baseline's weights if their names and shapes agree. Otherwise both are
    initialised from ``seed``, and a different order of construction shows as a difference. An
    exception of a module becomes the reason of the record.
    """
    case = candidate.case
    weights: Literal["shared", "seeded"] = "seeded"
    try:
        torch.manual_seed(seed)
        baseline_module = baseline.real()
        torch.manual_seed(seed)
        candidate_module = candidate.real()
        if _shapes(baseline_module) == _shapes(candidate_module):
            candidate_module.load_state_dict(baseline_module.state_dict())
            weights = "shared"
        outputs = []
        for subject, module in ((baseline, baseline_module), (candidate, candidate_module)):
            torch.manual_seed(seed)
            call = Call(case, module, candidate.inputs(case.device), case.device)
            with subject.surroundings.running(), torch.no_grad():
                outputs.append(pytree.tree_flatten(call.forward())[0])
        distance, tolerance = _distance(*outputs)
    except Exception as error:  # noqa: BLE001 -- a module may raise anything, which is recorded
        return _equivalence(case.key, None, (0.0, 0.0), weights, f"{type(error).__name__}: {error}")
    return _equivalence(case.key, distance, tolerance, weights)


def _equivalence(
    key: str,
    distance: float | None,
    tolerance: tuple[float, float],
    weights: Literal["shared", "seeded"],
    reason: str = "",
) -> Equivalence:
    return Equivalence(
        case=key,
        is_equal=distance is not None and distance <= 1,
        distance=distance,
        rtol=tolerance[0],
        atol=tolerance[1],
        weights=weights,
        reason=next(iter(reason.splitlines()), ""),
    )


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def _distance(baseline: list[Any], candidate: list[Any]) -> tuple[float, tuple[float, float]]:
    """The largest difference over its tolerance, and (rtol, atol) of the last output.

    The distance is capped at 1e300, so that the record is finite. Raises ValueError if the shapes
    of the outputs differ.
    """
    shapes = [
        [list(leaf.shape) for leaf in outputs if isinstance(leaf, Tensor)]
        for outputs in (baseline, candidate)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(f"outputs of shapes {shapes[0]} and {shapes[1]}")
    largest, tolerance = 0.0, (0.0, 0.0)
    for expected, actual in _pairs(baseline, candidate):
        rtol, atol = tolerance = _TOLERANCES.get(expected.dtype, (0.0, 0.0))
        difference = (expected.double() - actual.double()).abs()
        allowed = atol + rtol * expected.double().abs()
        is_same = (difference == 0) | (expected.isnan() & actual.isnan())
        distance = torch.where(is_same, 0.0, difference / allowed).nan_to_num(nan=torch.inf)
        largest = max(largest, min(float(distance.max()) if distance.numel() else 0.0, 1e300))
    return largest, tolerance


def _pairs(baseline: list[Any], candidate: list[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    for expected, actual in zip(baseline, candidate, strict=True):
        if isinstance(expected, Tensor) and isinstance(actual, Tensor):
            yield expected, actual.to(expected.dtype)
