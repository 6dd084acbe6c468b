"""A log of what the operators of a call move, by the module that they ran in."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...records.traffic import ModuleTraffic, Operator, Traffic
from ..counting.operators import OperatorObserver
from ..counting.products import flops_of
from ..execution.call import Call, Phase
from ..execution.module_stack import module_stack
from ..tracking.nodes import NodeOwners
from .arguments import moved


class _Entry(NamedTuple):
    """A call of an operator, as `Operator` has it."""

    name: str
    read_bytes: int
    written_bytes: int
    flops: int


class _TrafficLog(OperatorObserver):
    """Logs each operator while it is active, by phase and module.

    ``stack`` holds the names of the modules whose forward is running; ``owners`` finds the module
    of a node in the backward pass.
    """

    def __init__(self, stack: list[str], owners: NodeOwners) -> None:
        super().__init__()
        self._stack = stack
        self._owners = owners
        self._phase: Phase = "activations"
        self._calls: dict[tuple[Phase, str], Counter[_Entry]] = {}

    def begin_phase(self, phase: Phase) -> None:
        """Log what follows as of ``phase``."""
        self._phase = phase

    def operators(self, phase: Phase, path: str = "") -> tuple[Operator, ...]:
        """The operators of ``phase`` in the module ``path``, in order of their first call."""
        entries = self._calls.get((phase, path), Counter())
        return tuple(Operator(calls=calls, **entry._asdict()) for entry, calls in entries.items())

    def observe(
        self, func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], result: object
    ) -> None:
        """Log what the call moves and computes, if anything."""
        operator = getattr(func, "overloadpacket", func)
        entry = _Entry(
            operator.__name__,
            *moved(func, args, keywords, result),
            flops_of(operator, args, keywords, result),
        )
        if any(entry[1:]):
            key = self._phase, self._running_module()
            self._calls.setdefault(key, Counter())[entry] += 1

    def _running_module(self) -> str:
        if self._phase == "activations":
            return self._stack[-1] if self._stack else ""
        return self._owners.running_module() if self._phase == "gradients" else ""


def traffic_of(call: Call) -> Traffic:
    """The traffic of one call, after a first one that may compute and keep what others do not."""
    owners = NodeOwners(call.module)
    paths = [path for path, _ in call.module.named_modules()]  # a call may change them
    with module_stack(call.module, on_change=owners.enter) as stack:
        call()
        call.forget_gradients()
        log = _TrafficLog(stack, owners)
        with log:
            call(log.begin_phase)
    modules = (
        ModuleTraffic(
            path=path,
            forward=log.operators("activations", path),
            backward=log.operators("gradients", path),
        )
        for path in paths
    )
    return Traffic(
        case=call.case.key,
        modules=tuple(module for module in modules if module.forward or module.backward),
        optimizer=log.operators("other"),
    )
