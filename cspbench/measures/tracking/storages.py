"""Tracking of live tensor storages by kind, through every operator of a call."""

import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, UntypedStorage
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ...records.tensor_peak import Split
from ..execution.call import Phase
from ..execution.placement import components
from ..execution.storages import storage_key
from .nodes import NodeOwners

_KINDS = Split.__struct_fields__
_Phase = Phase | Literal["buffers"]


@dataclass(slots=True, eq=False)
class TrackedStorage:
    """A storage, of which ``size`` bytes count as ``kind``.

    ``made_by`` is the number of operators that had ended when the tracker met it, that which made
    it included. ``freed_after`` is the number of them when it was freed; None while it is live.
    """

    reference: weakref.ref[Any]
    kind: str
    size: int
    made_by: int
    freed_after: int | None = None
    is_assigned: bool = False


class StorageTracker(TorchDispatchMode):
    """Tracks the storages of live tensors, and keeps the split at the highest sum.

    Storages are counted rather than tensors, so that views and in-place results add nothing. Weak
    references notice when a storage is freed, so that the sum is exact after every operator, for
    any number of threads.

    ``stack`` holds the names of the modules whose forward is running; ``owners`` finds the module
    of a node in the backward pass. New storages count as the current ``kind``. ``operators`` counts
    calls by qualified name, ``aten::convolution``, ``ended`` all of them. ``on_operator`` is called
    with the name of each operator that has ended.
    """

    supports_higher_order_operators = True

    def __init__(self, stack: list[str], owners: NodeOwners | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.stack = stack
        self._owners = owners
        self._storages: dict[int, TrackedStorage] = {}
        self.kind: _Phase = "activations"
        self.live = dict.fromkeys(_KINDS, 0)
        self._total = 0
        self.peak = dict(self.live)
        self._highest = 0
        self.operator = ""
        self.module = ""
        self.operators: Counter[str] = Counter()
        self.ended = 0
        self.on_operator: Callable[[str], object] | None = None

    def begin_phase(self, phase: _Phase) -> None:
        """Count new storages as ``phase`` from now on."""
        self.kind = phase

    @property
    def total(self) -> int:
        """The bytes that are live now."""
        return self._total

    @property
    def storages(self) -> list[TrackedStorage]:
        """All live storages."""
        return list(self._storages.values())

    def storages_of(self, tensor: Tensor) -> list[TrackedStorage]:
        """The storages of ``tensor``, which count as the current kind unless they are tracked."""
        self.follow(tensor, self.kind)
        return [self._storages[storage_key(part)] for part in components(tensor)]

    @property
    def has_unassigned(self) -> bool:
        """Whether the kind of a live storage was never assigned."""
        return not all(storage.is_assigned for storage in self._storages.values())

    def assign(self, tensor: Tensor, kind: str) -> None:
        """Count ``tensor`` as ``kind`` until it is freed, whatever it counted as so far."""
        self.follow(tensor, kind)
        for part in components(tensor):
            live = self._storages[storage_key(part)]
            self.live[live.kind] -= live.size
            self.live[kind] += live.size
            live.kind, live.is_assigned = kind, True

    def follow(self, tensor: Tensor, kind: str) -> None:
        """Count the storages of ``tensor`` as ``kind`` until they are freed, unless tracked.

        A sparse tensor has several, of its indices and values.
        """
        for part in components(tensor):
            self._follow(part.untyped_storage(), kind)

    def _follow(self, storage: UntypedStorage, kind: str) -> None:
        key, size = storage._cdata, storage.nbytes()  # noqa: SLF001 -- torch's only identity
        known = self._storages.get(key)
        if known is not None and known.reference() is not None:
            if known.size != size:  # resized in place
                self._add(known.kind, size - known.size)
                known.size = size
            return

        def forget(reference: weakref.ref[Any]) -> None:
            freed = self._storages.get(key)
            if freed is not None and freed.reference is reference:
                del self._storages[key]
                freed.freed_after = self.ended
                self._add(freed.kind, -freed.size)

        self._storages[key] = TrackedStorage(weakref.ref(storage, forget), kind, size, self.ended)
        self._add(kind, size)

    def _add(self, kind: str, size: int) -> None:
        self.live[kind] += size
        self._total += size

    def reset_peak(self) -> int:
        """Forget the peak and the operators so far, and return the bytes that are live now."""
        self.operators.clear()
        self.peak, self._highest = dict(self.live), self._total
        self.operator = self.module = ""
        return self._total

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result: object = func(*args, **(kwargs or {}))
        if func.namespace == "prim":  # a fake tensor is asked for its device: no operator
            return result
        self.ended += 1
        self.operators[func.name().partition(".")[0]] += 1
        leaves = (result,) if isinstance(result, Tensor) else pytree.tree_leaves(result)
        for leaf in leaves:
            if isinstance(leaf, Tensor):
                self.follow(leaf, self.kind)
        if self._total > self._highest:
            self.peak, self._highest = dict(self.live), self._total
            self.operator, self.module = _name(func), self.running_module()
        if self.on_operator is not None:
            self.on_operator(_name(func))
        return result

    def running_module(self) -> str:
        """The path of the module that runs, or whose forward created the running node."""
        if self.kind == "activations":
            return self.stack[-1] if self.stack else ""
        return self._owners.running_module() if self._owners is not None else ""


def _name(func: Any) -> str:
    name: str = getattr(func, "overloadpacket", func).__name__
    return name
