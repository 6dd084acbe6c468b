"""Do two builds of a case compute the same: from the same weights and input, within rounding."""

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
"""Relative and absolute, as `torch.testing.assert_close` has them by default."""


def equivalence(baseline: Subject, candidate: Subject, seed: int) -> Equivalence:
    """Outputs of one forward pass in the case's mode, element by element.

    The candidate takes the baseline's weights where their names and shapes agree; else both begin
    from the same seed, so that another order of construction reads as a difference.
    """
    case = candidate.case
    weights: Literal["shared", "seeded"] = "seeded"
    try:
        torch.manual_seed(seed)
        old = baseline.real()
        torch.manual_seed(seed)
        new = candidate.real()
        if _shapes(old) == _shapes(new):
            new.load_state_dict(old.state_dict())
            weights = "shared"
        outputs = []
        for module in (old, new):
            torch.manual_seed(seed)
            call = Call(case, module, case.device)
            with torch.no_grad():
                outputs.append(pytree.tree_flatten(call.module(call.input))[0])
        distance, tolerance = _distance(*outputs)
    except Exception as error:  # noqa: BLE001 -- whatever a module raises is the answer
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


def _distance(old: list[Any], new: list[Any]) -> tuple[float, tuple[float, float]]:
    shapes = [[list(one.shape) for one in side if isinstance(one, Tensor)] for side in (old, new)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"outputs of shapes {shapes[0]} and {shapes[1]}")
    worst, tolerance = 0.0, (0.0, 0.0)
    for one, other in _pairs(old, new):
        rtol, atol = tolerance = _TOLERANCES.get(one.dtype, (0.0, 0.0))
        far = (one.double() - other.double()).abs()
        room = atol + rtol * one.double().abs()
        same = (far == 0) | (one.isnan() & other.isnan())
        over = torch.where(same, 0.0, far / room).nan_to_num(nan=torch.inf)
        worst = max(worst, min(float(over.max()) if over.numel() else 0.0, 1e300))
    return worst, tolerance


def _pairs(old: list[Any], new: list[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    for one, other in zip(old, new, strict=True):
        if isinstance(one, Tensor) and isinstance(other, Tensor):
            yield one, other.to(one.dtype)
