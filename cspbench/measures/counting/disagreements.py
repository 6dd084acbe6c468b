"""Modules that thop and torch count differently, each with the reason."""

from collections import Counter
from collections.abc import Iterator

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from ...records.base import Failure
from ...records.layers import Disagreement
from .observation import Observation
from .thop_profile import ThopMacs, has_rule, inherits_rules, rules


def disagreements(observation: Observation) -> Iterator[Disagreement]:
    """The modules whose MACs thop and torch count differently; empty if thop raised."""
    thop = observation.thop
    if isinstance(thop, Failure):
        return
    children = list(observation.module.named_modules(remove_duplicate=False))
    parents = Counter(id(child) for _, child in children)
    for path, child in children:
        thop_macs, torch_macs = thop.by_path.get(path, 0), observation.log.flops[path] // 2
        if thop_macs == torch_macs:
            continue
        if parents[id(child)] > 1:
            explanation = (
                f"module used twice: it hangs under {parents[id(child)]} parents and thop counts "
                "it for each"
            )
        else:
            explanation = _explain(observation, thop, path, child)
        yield Disagreement(
            path=path,
            type=type(child).__name__,
            thop_macs=thop_macs,
            torch_macs=torch_macs,
            explanation=explanation,
        )


def _explain(observation: Observation, thop: ThopMacs, path: str, module: nn.Module) -> str:
    kind, log, calls = type(module).__name__, observation.log, observation.calls
    thop_macs, torch_macs = thop.by_path.get(path, 0), log.flops[path] // 2
    rank = len(calls.shapes.get(path, ()))
    reasons = (
        (thop.calls[path] != calls.number[path], "its forward took another path for thop"),
        (path not in thop.by_path, "inside a module that thop counts as a whole, by its own rule"),
        (torch_macs == 0, f"{kind} counted: thop adds its operations to MACs"),
        (thop_macs == 0, _missed(module)),
        (
            path in log.complex,
            "complex numbers: torch runs three convolutions, thop counts one",
        ),
        (path in calls.mapped, "vmap: thop counts one of the calls that run as a batch"),
        (
            isinstance(module, RNNBase | RNNCellBase),
            f"{kind}: thop adds biases and the elementwise operations of its gates to MACs",
        ),
        (
            isinstance(module, _ConvNd) and rank == len(module.kernel_size) + 1,
            "unbatched input: thop reads its channels in the wrong dimension",
        ),
        (
            isinstance(module, _ConvTransposeNd),
            "transposed convolution: thop multiplies by the output's size, not the input's",
        ),
        (
            thop_macs < torch_macs,
            f"its forward computes more than thop's rule for {kind} counts",
        ),
    )
    unexplained = "unexplained: please report the module"
    return next((reason for applies, reason in reasons if applies), unexplained)


def _missed(module: nn.Module) -> str:
    named = [base.__name__ for base in type(module).__mro__ if base in rules()]
    if not named:
        return "functional call: its forward calls operators that no module hook sees"
    if not has_rule(type(module)) and not inherits_rules():
        return f"exact-type miss: thop has a rule for {named[0]}, not for its subclass"
    return f"thop's rule for {named[0]} counts nothing, whatever its forward calls"
