"""Layers, uncounted operators, and disagreements of counters, from the observation of one pass."""

from collections import Counter
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd

from ...records.base import Failure
from ...records.measurements import Disagreement, Layer, Uncounted
from .observation import Observation


def layers(observation: Observation) -> Iterator[Layer]:
    """A `Layer` for each module, in order of registration."""
    for path, child in observation.module.named_modules():
        trainable = (p.numel() for p in child.parameters(recurse=False) if p.requires_grad)
        yield Layer(
            path=path,
            type=type(child).__name__,
            output_shape=observation.calls.shapes.get(path),
            params=sum(trainable),
            macs=observation.log.macs[path],
            calls=observation.calls.number[path],
        )


def uncounted(observation: Observation) -> Iterator[Uncounted]:
    """The operators and modules without a formula or rule, by counter, the most frequent first."""
    if not isinstance(observation.thop, Failure):
        from thop.profile import register_hooks

        missed: Counter[str] = Counter()
        for path, child in observation.module.named_modules():
            is_leaf = next(child.children(), None) is None
            does_nothing = isinstance(child, nn.Identity) or not observation.calls.number[path]
            if is_leaf and not does_nothing and type(child) not in register_hooks:
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
    for name, calls in observation.log.stray.items():
        yield Uncounted(
            counter="cspbench",
            name=name,
            calls=calls,
            reason="missing from params; is a layer held in a plain list?",
        )


def disagreements(observation: Observation) -> Iterator[Disagreement]:
    """The modules whose MACs thop and torch count differently; empty if thop raised."""
    if isinstance(observation.thop, Failure):
        return
    parents = Counter(
        id(child) for _, child in observation.module.named_modules(remove_duplicate=False)
    )
    by_path = observation.thop.by_path
    for path, child in observation.module.named_modules(remove_duplicate=False):
        thop_macs, torch_macs = by_path.get(path, 0), observation.log.flops[path] // 2
        if thop_macs == torch_macs:
            continue
        yield Disagreement(
            path=path,
            type=type(child).__name__,
            thop_macs=thop_macs,
            torch_macs=torch_macs,
            explanation=_explain(child, thop_macs, torch_macs, parents[id(child)]),
        )


def _explain(module: nn.Module, thop_macs: int, torch_macs: int, parents: int) -> str:
    from thop.profile import register_hooks

    kind = type(module).__name__
    bases_with_rule = [base.__name__ for base in type(module).__mro__ if base in register_hooks]
    if parents > 1:
        return f"module used twice: it hangs under {parents} parents and thop counts it for each"
    if torch_macs == 0:
        return f"{kind} counted: thop adds its operations to MACs"
    if thop_macs == 0 and not bases_with_rule:
        return "functional call: its forward calls operators that no module hook sees"
    if thop_macs == 0 and type(module) not in register_hooks:
        return f"exact-type miss: thop has a rule for {bases_with_rule[0]}, not for its subclass"
    if isinstance(module, _ConvTransposeNd):
        return "transposed convolution: thop multiplies by the output's size, not the input's"
    return "unexplained: please report the module"
