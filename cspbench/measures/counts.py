"""Parameters, MACs, FLOPs, activations and CIO, from one pass of a copy on meta tensors.

thop counts by module hooks, torch by formulas for operators; both observe the same pass, and every
module for which they differ is listed with an explanation, as is every operator that a counter does
not cover.
"""

from typing import TYPE_CHECKING

from ..records.base import Failure
from ..records.measurements import Counts
from .base import measure

if TYPE_CHECKING:
    from .counting.observation import Observation
    from .execution.subject import Subject


@measure(
    stage="counts",
    place="static",
    help="parameters, weights, MACs (thop and ours), FLOPs (torch), activations, CIO",
    commands=("run", "gradients"),
)
def count(subject: "Subject") -> Counts:
    """The counts of a subject, without allocating its weights.

    Lets exceptions of the module's forward through, shape errors included.
    """
    from .counting.layers import disagreements, layers, uncounted
    from .counting.observation import observe

    case = subject.case
    observation = observe(subject)
    thop, log = observation.thop, observation.log
    flops = sum(log.flops.values())
    return Counts(
        case=case.key,
        params=sum(p.numel() for p in observation.module.parameters() if p.requires_grad),
        weights=_weights(observation),
        macs=sum(log.macs.values()),
        thop_macs=thop if isinstance(thop, Failure) else thop.total,
        flops=flops,
        backward_flops=_backward_flops(subject, flops) if case.mode == "train" else None,
        activations=log.activations,
        cio=log.cio,
        uncounted=tuple(uncounted(observation)),
        disagreements=tuple(disagreements(observation)),
        layers=tuple(layers(observation)),
    )


def _weights(observation: "Observation") -> int:
    """The number of elements of weights that ran, and of those of layers that never ran."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    by_identity = observation.log.weights | {
        id(child.weight): child.weight.numel()
        for child in observation.module.modules()
        if isinstance(child, _ConvNd | nn.Linear)
    }
    return sum(by_identity.values())


def _backward_flops(subject: "Subject", forward_flops: int) -> int:
    from .counting.formulas import flop_counter
    from .execution.call import Call

    module = subject.meta()
    if not subject.case.input_gradient and not any(p.requires_grad for p in module.parameters()):
        return 0  # nothing needs a gradient, so there is no backward pass
    call = Call(subject.case, module, subject.inputs("meta"), "meta")
    with flop_counter() as counter:
        call()
    return int(counter.get_total_flops()) - forward_flops
