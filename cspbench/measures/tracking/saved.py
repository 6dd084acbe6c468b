"""What autograd saves for the backward pass of a training step, by module."""

import operator

import torch
from torch import Tensor

from ...errors import message_of
from ...records.base import Failure
from ...records.memory_series import Change, ModuleInputs, SavedStorage, SavedTensors
from ..execution.call import Call
from ..execution.trees import tensors
from .names import Names
from .peaks import held_tensors, warm_tracker
from .storages import StorageTracker, TrackedStorage


def saved_by_autograd(
    call: Call, modules: Names
) -> tuple[SavedTensors, None] | tuple[None, Failure]:
    """What autograd saves in the forward pass of a training step; or why it cannot be observed.

    Indices of modules are those of ``modules``. What a checkpoint inside the model keeps out of
    autograd's hands is not seen, as it is not saved.
    """
    observer = _Observer(modules)
    with warm_tracker(call, on_call=observer.enter) as tracker:
        observer.tracker = tracker
        tracker.begin_phase("activations")
        hooks = torch.autograd.graph.saved_tensors_hooks(observer.pack, lambda tensor: tensor)
        try:
            with tracker, hooks:
                outputs = call.trained_outputs()
        except Exception as error:  # noqa: BLE001 -- of a model that runs without hooks
            return None, Failure(reason=f"{type(error).__name__}: {message_of(error)}")
        return observer.saved([*outputs, *held_tensors(call.module)]), None


class _Arguments:
    """The arguments of one call of a module, and what they were at the call."""

    def __init__(self, module: int, arguments: object) -> None:
        self.module = module
        self._arguments = arguments
        self._tensors = tensors(arguments)
        self._versions = [tensor._version for tensor in self._tensors]  # noqa: SLF001 -- no other

    def change(self) -> Change:
        """How they have changed since."""
        now = tensors(self._arguments)
        if len(now) != len(self._tensors) or any(map(operator.is_not, now, self._tensors)):
            return "list"
        versions = [tensor._version for tensor in self._tensors]  # noqa: SLF001
        return "" if versions == self._versions else "in_place"


class _Observer:
    """Sees tensors as autograd packs them, and those that modules take."""

    tracker: StorageTracker

    def __init__(self, modules: Names) -> None:
        self._modules = modules
        self._indices: dict[TrackedStorage, int] = {}
        self._savers: dict[TrackedStorage, dict[int, None]] = {}
        self._inputs: dict[int, dict[int, None]] = {}
        self._arguments: list[_Arguments] = []

    def pack(self, tensor: Tensor) -> Tensor:
        """``tensor``, which the innermost running module has saved."""
        path = self.tracker.stack[-1] if self.tracker.stack else ""
        for storage in self._activations(tensor):
            self._index(storage)
            self._savers.setdefault(storage, {})[self._modules.index(path)] = None
        return tensor

    def enter(self, path: str, arguments: object) -> None:
        """Note the storages of ``arguments``, which the module takes."""
        inputs = self._inputs.setdefault(self._modules.index(path), {})
        for tensor in tensors(arguments):
            for storage in self._activations(tensor):
                inputs[self._index(storage)] = None
        self._arguments.append(_Arguments(self._modules.index(path), arguments))

    def saved(self, holders: list[Tensor]) -> SavedTensors:
        """All that was seen; ``holders`` are tensors that live on without autograd."""
        changed = {item.module: change for item in self._arguments if (change := item.change())}
        self._arguments.clear()  # which held tensors that nothing else does
        kept = [storage for tensor in holders for storage in self._activations(tensor)]
        kept += [
            storage
            for storage in self.tracker.storages
            if storage.kind == "activations" and storage not in self._savers
        ]
        held = dict.fromkeys(map(self._index, kept))
        return SavedTensors(
            storages=tuple(
                SavedStorage(size_bytes=storage.size, savers=tuple(self._savers.get(storage, ())))
                for storage in self._indices
            ),
            inputs=tuple(
                ModuleInputs(
                    module=module, storages=tuple(storages), changed=changed.get(module, "")
                )
                for module, storages in self._inputs.items()
            ),
            held=tuple(held),
        )

    def _activations(self, tensor: Tensor) -> list[TrackedStorage]:
        return [
            storage for storage in self.tracker.storages_of(tensor) if storage.kind == "activations"
        ]

    def _index(self, storage: TrackedStorage) -> int:
        return self._indices.setdefault(storage, len(self._indices))
