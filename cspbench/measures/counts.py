"""Parameters, MACs, FLOPs, activations and CIO, from one call of a copy.

A log of operators counts what runs, torch's formulas give FLOPs, and thop counts a pass of its own
by module hooks; every module for which they differ is listed with an explanation, as is every
operator that a counter does not cover.
"""

from typing import TYPE_CHECKING

from ..records.base import Failure
from ..records.measurement import Basis
from ..records.measurements import Counts
from .base import measure

if TYPE_CHECKING:
    from .counting.observation import Observation
    from .execution.call import Call
    from .execution.subject import Subject


@measure(
    stage="counts",
    place="static",
    help="parameters, weights, MACs (thop and ours), FLOPs (torch), activations, CIO",
    commands=("run", "gradients"),
)
def count(subject: "Subject", basis: Basis = "meta") -> Counts:
    """The counts of a subject on tensors of ``basis``; on meta, no weights are allocated.

    Lets exceptions of the module's forward through, shape errors included.
    """
    from .execution.basis import call_on

    with call_on(basis, subject) as call:
        return counts_of(call)


def counts_of(call: "Call") -> Counts:
    """The counts of a call on tensors of any kind: meta, fake or real."""
    from .counting.disagreements import disagreements
    from .counting.layers import layers, uncounted
    from .counting.observation import observe

    observation = observe(call)
    thop, log = observation.thop, observation.log
    macs, matmul_macs = sum(log.macs.values()), sum(log.matmul_macs.values())
    parameters = list(observation.module.parameters())
    return Counts(
        case=call.case.key,
        params=sum(p.numel() for p in parameters if p.requires_grad),
        frozen_params=sum(p.numel() for p in parameters if not p.requires_grad),
        weights=_weights(observation),
        macs=macs,
        matmul_macs=matmul_macs,
        fvcore_macs=macs + matmul_macs + log.norm_operations,
        thop_macs=thop if isinstance(thop, Failure) else thop.total,
        flops=sum(log.flops.values()),
        backward_flops=log.backward_flops if call.training else None,
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

    weights = observation.log.weights
    ran = frozenset().union(*weights)
    never_ran = {
        id(child.weight): child.weight.numel()
        for path, child in observation.module.named_modules()
        if isinstance(child, _ConvNd | nn.Linear)
        and not observation.calls.number[path]
        and ran.isdisjoint(map(id, child.parameters()))
    }
    return sum(weights.values()) + sum(never_ran.values())
