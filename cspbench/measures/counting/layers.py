"""Layers and uncounted operators, from the observation of one call."""

from collections import Counter
from collections.abc import Iterator

from torch import nn

from ...records.base import Failure
from ...records.layers import Layer, Uncounted
from .observation import Observation
from .thop_profile import has_rule


def layers(observation: Observation) -> Iterator[Layer]:
    """A `Layer` for each module, in order of registration."""
    held: set[int] = set()
    log, calls = observation.log, observation.calls
    for path, child in observation.module.named_modules():
        own = [p for p in child.parameters(recurse=False) if p.requires_grad and id(p) not in held]
        held.update(map(id, own))
        yield Layer(
            path=path,
            type=type(child).__name__,
            output_shape=calls.shapes.get(path),
            params=sum(p.numel() for p in own),
            macs=log.macs[path],
            matmul_macs=log.matmul_macs[path],
            calls=calls.number[path],
        )


def uncounted(observation: Observation) -> Iterator[Uncounted]:
    """The operators and modules without a formula or rule, by counter, the most frequent first."""
    if not isinstance(observation.thop, Failure):
        missed: Counter[str] = Counter()
        for path, child in observation.module.named_modules():
            is_leaf = next(child.children(), None) is None
            does_nothing = isinstance(child, nn.Identity) or not observation.calls.number[path]
            if is_leaf and not does_nothing and not has_rule(type(child)):
                missed[type(child).__name__] += observation.calls.number[path]
        for name, calls in missed.most_common():
            yield Uncounted(
                counter="thop",
                name=name,
                calls=calls,
                reason="no rule for this type: 0 MACs in thop",
            )
    for name, calls in observation.log.formulaless.most_common():
        yield Uncounted(counter="torch", name=name, calls=calls, reason="no FLOP formula")
    for name, calls in observation.log.unknown.most_common():
        yield Uncounted(
            counter="cspbench",
            name=name,
            calls=calls,
            reason="unknown operator: if it computes products, they are in no figure",
        )
    for name, calls in observation.log.stray.items():
        yield Uncounted(
            counter="cspbench",
            name=name,
            calls=calls,
            reason="missing from params; is a layer held in a plain list?",
        )
