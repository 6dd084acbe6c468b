"""Whether two builds of a case compute the same from the same weights and input."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import nn

from ...records.measurements import Equivalence, UnsharedWeights
from ...records.run import SIDES, Side
from ...units import shape_text
from .call import Call
from .distance import Distance, distance_of
from .subject import Subject

Weights = Literal["shared", "seeded"]
_Shapes = Mapping[str, tuple[int, ...]]


def equivalence(
    baseline: Subject,
    candidate: Subject,
    seed: int,
    begin_side: Callable[[Side], object] = lambda _: None,
) -> Equivalence:
    """Compare the outputs of one forward pass of two builds in the case's mode.

    The candidate takes the baseline's weights if their names and shapes agree. Otherwise both are
    initialised from ``seed``: layers that were only renamed still compute the same, any others do
    not. An exception of a module becomes the reason of the record. ``begin_side`` is called before
    code of a side runs.
    """
    case = candidate.case
    weights: Weights = "seeded"
    unshared: UnsharedWeights | None = None
    running: Side | None = None
    try:
        modules = []
        for running, subject in zip(SIDES, (baseline, candidate), strict=True):
            begin_side(running)
            torch.manual_seed(seed)
            modules.append(subject.real())
        unshared = unshared_weights(*map(_shapes, modules))
        if unshared is None:
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
        reason = f"the {running} raised {reason}" if running else reason
        return _not_compared(case.key, weights, unshared, reason)
    return _compared(case.key, weights, unshared, distance)


def unshared_weights(baseline: _Shapes, candidate: _Shapes) -> UnsharedWeights | None:
    """Why a build cannot take the weights of another, by their shapes; None if it can.

    >>> unshared_weights({"conv.weight": (8, 4, 3, 3)}, {"conv.weight": (16, 4, 3, 3)})
    UnsharedWeights(differ_in=('shape',), detail='conv.weight: 8x4x3x3 and 16x4x3x3')
    """
    if baseline == candidate:
        return None
    differ_in: list[Literal["number", "name", "shape"]] = []
    details = []
    if len(baseline) != len(candidate):
        differ_in.append("number")
        details.append(f"{len(baseline):,} and {len(candidate):,} tensors")
    elif names := [name for name in baseline if name not in candidate]:
        new = next(name for name in candidate if name not in baseline)
        differ_in.append("name")
        details.append(f"{names[0]} and {new}")
    reshaped = [name for name in baseline if candidate.get(name, baseline[name]) != baseline[name]]
    if reshaped:
        shapes = [shape_text(side[reshaped[0]]) or "scalar" for side in (baseline, candidate)]
        differ_in.append("shape")
        details.append(f"{reshaped[0]}: {' and '.join(shapes)}")
    return UnsharedWeights(differ_in=tuple(differ_in), detail="; ".join(details))


def _compared(
    key: str, weights: Weights, unshared: UnsharedWeights | None, distance: Distance
) -> Equivalence:
    return Equivalence(
        case=key,
        is_equal=distance.value <= 1 and not distance.differences,
        distance=distance.value,
        rtol=distance.rtol,
        atol=distance.atol,
        weights=weights,
        reason="; ".join(distance.differences),
        nans=distance.nans,
        unshared=unshared,
    )


def _not_compared(
    key: str, weights: Weights, unshared: UnsharedWeights | None, reason: str
) -> Equivalence:
    return Equivalence(
        case=key,
        is_equal=False,
        distance=None,
        rtol=0.0,
        atol=0.0,
        weights=weights,
        reason=next(iter(reason.splitlines()), ""),
        unshared=unshared,
    )


def _shapes(module: nn.Module) -> _Shapes:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
