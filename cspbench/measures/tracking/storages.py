"""Tracking of live tensor storages by kind, through every operator of a call."""

import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ...records.measurements import Split
from ..execution.call import Phase
from ..execution.placement import components
from .nodes import NodeOwners

_KINDS = Split.__struct_fields__


class _LiveStorage(NamedTuple):
    reference: weakref.ref[Any]
    kind: str
    size: int


class StorageTracker(TorchDispatchMode):
    """Tracks the storages of live tensors, and keeps the split at the highest sum.

    Storages are counted rather than tensors, so that views and in-place results add nothing. Weak
    references notice when a storage is freed, so that the sum is exact after every operator, for
    any number of threads.

    ``stack`` holds the names of the modules whose forward is running; ``owners`` finds the module
    of a node in the backward pass. New storages count as the current ``kind``.
    """

    def __init__(self, stack: list[str], owners: NodeOwners | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._stack = stack
        self._owners = owners
        self._storages: dict[int, _LiveStorage] = {}
        self.kind: Phase = "activations"
        self.live = dict.fromkeys(_KINDS, 0)
        self.peak = dict(self.live)
        self.operator = ""
        self.module = ""

    def follow(self, tensor: Tensor, kind: str) -> None:
        """Count the storages of ``tensor`` as ``kind`` until they are freed, unless tracked.

        A sparse tensor has several, of its indices and values.
        """
        for part in components(tensor):
            self._follow(part, kind)

    def _follow(self, tensor: Tensor, kind: str) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()  # noqa: SLF001 -- torch's only identity
        known = self._storages.get(key)
        if known is not None and known.reference() is not None:
            if known.size != size:  # resized in place
                self.live[known.kind] += size - known.size
                self._storages[key] = known._replace(size=size)
            return

        def forget(reference: weakref.ref[Any]) -> None:
            freed = self._storages.get(key)
            if freed is not None and freed.reference is reference:
                del self._storages[key]
                self.live[freed.kind] -= freed.size

        self._storages[key] = _LiveStorage(weakref.ref(storage, forget), kind, size)
        self.live[kind] += size

    def reset_peak(self) -> int:
        """Forget the peak so far, and return the bytes that are live now."""
        self.peak = dict(self.live)
        self.operator = self.module = ""
        return sum(self.live.values())

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result: object = func(*args, **(kwargs or {}))
        for leaf in pytree.tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.follow(leaf, self.kind)
        if sum(self.live.values()) > sum(self.peak.values()):
            self.peak = dict(self.live)
            self.operator = func.overloadpacket.__name__
            self.module = self._running_module()
        return result

    def _running_module(self) -> str:
        if self.kind == "activations":
            return self._stack[-1] if self._stack else ""
        return self._owners.running_module() if self._owners is not None else ""
