"""Whether two builds of a case compute the same from the same weights and input."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from ...records.measurements import Equivalence
from ...records.run import SIDES, Side
from .call import Call
from .distance import Distance, distance_of
from .subject import Subject

Weights = Literal["shared", "seeded"]


def equivalence(
    baseline: Subject,
    candidate: Subject,
    seed: int,
    begin_side: Callable[[Side], object] = lambda _: None,
) -> Equivalence:
    """Compare the outputs of one forward pass of two builds in the case's mode.

    The candidate takes the baseline's weights if their names and shapes agree. Otherwise both are
    initialised from ``seed``, and a different order of construction shows as a difference. An
    exception of a module becomes the reason of the record. ``begin_side`` is called before code of
    a side runs.
    """
    case = candidate.case
    weights: Weights = "seeded"
    running: Side | None = None
    try:
        modules = []
        for running, subject in zip(SIDES, (baseline, candidate), strict=True):
            begin_side(running)
            torch.manual_seed(seed)
            modules.append(subject.real())
        if _shapes(modules[0]) == _shapes(modules[1]):
            modules[1].load_state_dict(modules[0].state_dict())
            weights = "shared"
        outputs = []
        for running, subject, module in zip(SIDES, (baseline, candidate), modules, strict=True):
            begin_side(running)
            torch.manual_seed(seed)
            call = Call(case, module, candidate.inputs(case.device), case.device)
            with subject.surroundings.running(), torch.no_grad():
                outputs.append(call.forward())
        running = None
        distance = distance_of(*outputs)
    except Exception as error:  # noqa: BLE001 -- a module may raise anything, which is recorded
        reason = f"{type(error).__name__}: {error}"
        return _not_compared(
            case.key, weights, f"the {running} raised {reason}" if running else reason
        )
    return _compared(case.key, weights, distance)


def _compared(key: str, weights: Weights, distance: Distance) -> Equivalence:
    return Equivalence(
        case=key,
        is_equal=distance.value <= 1 and not distance.differences,
        distance=distance.value,
        rtol=distance.rtol,
        atol=distance.atol,
        weights=weights,
        reason="; ".join(distance.differences),
        nans=distance.nans,
    )


def _not_compared(key: str, weights: Weights, reason: str) -> Equivalence:
    return Equivalence(
        case=key,
        is_equal=False,
        distance=None,
        rtol=0.0,
        atol=0.0,
        weights=weights,
        reason=next(iter(reason.splitlines()), ""),
    )


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}
