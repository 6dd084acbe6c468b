"""Whether two builds of a case compute the same from the same weights and input."""

from typing import Literal

import torch
from torch import nn

from ...records.measurements import Equivalence
from .call import Call
from .distance import distance_of
from .subject import Subject


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
                outputs.append(call.forward())
        distance, tolerance = distance_of(*outputs)
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
