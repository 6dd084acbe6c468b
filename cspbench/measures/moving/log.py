"""A log of what the operators of a call move, by the module that they ran in."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from ...records.traffic import ModuleTraffic, OperatorTraffic, Traffic, Work
from ..counting.operators import is_composite
from ..counting.products import flops_of
from ..execution.call import Call, Phase
from ..execution.module_stack import module_stack
from ..tracking.nodes import NodeOwners
from .arguments import moved


class _TrafficLog(TorchDispatchMode):
    """Logs the work of each operator while it is active, by phase and module, and by operator.

    ``stack`` holds the names of the modules whose forward is running; ``owners`` finds the module
    of a node in the backward pass.
    """

    supports_higher_order_operators = True

    def __init__(self, stack: list[str], owners: NodeOwners) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._stack = stack
        self._owners = owners
        self.phase: Phase = "activations"
        self.by_module: dict[tuple[Phase, str], Work] = {}
        self.by_operator: dict[str, Work] = {}
        self.calls: Counter[str] = Counter()

    def begin_phase(self, phase: Phase) -> None:
        """Log what follows as of ``phase``."""
        self.phase = phase

    def work(self, phase: Phase, path: str) -> Work:
        """The work of ``phase`` in the module ``path``."""
        return self.by_module.get((phase, path), Work())

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        keywords = kwargs or {}
        if is_composite(func):  # as it arrives in inference mode
            with self:
                result: object = func.decompose(*args, **keywords)
            return result
        result = func(*args, **keywords)
        operator = getattr(func, "overloadpacket", func)
        flops = flops_of(operator, args, keywords, result)
        read, written = moved(func, args, keywords, result)
        if flops or read or written:
            work = Work(
                read_bytes=read, written_bytes=written, flops=flops, largest_bytes=read + written
            )
            self._add(operator.__name__, work)
        return result

    def _add(self, operator: str, work: Work) -> None:
        key = self.phase, self._running_module()
        self.by_module[key] = self.by_module.get(key, Work()) + work
        self.by_operator[operator] = self.by_operator.get(operator, Work()) + work
        self.calls[operator] += 1

    def _running_module(self) -> str:
        if self.phase == "activations":
            return self._stack[-1] if self._stack else ""
        return self._owners.running_module() if self.phase == "gradients" else ""


def traffic_of(call: Call) -> Traffic:
    """The traffic of one call, after a first one that may compute and keep what others do not."""
    owners = NodeOwners(call.module)
    with module_stack(call.module, on_change=owners.enter) as stack:
        call()
        call.forget_gradients()
        log = _TrafficLog(stack, owners)
        with log:
            call(log.begin_phase)
    largest_first = sorted(
        log.by_operator.items(), key=lambda item: (-item[1].moved_bytes, item[0])
    )
    return Traffic(
        case=call.case.key,
        modules=tuple(
            ModuleTraffic(
                path=path,
                forward=log.work("activations", path),
                backward=log.work("gradients", path) if call.training else None,
            )
            for path, _ in call.module.named_modules()
        ),
        operators=tuple(
            OperatorTraffic(name=name, calls=log.calls[name], work=work)
            for name, work in largest_first
        ),
        optimizer=log.work("other", "") if call.training else None,
    )
