"""What reads the outputs of a module's convolutions, by one call of it."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.utils._python_dispatch import TorchDispatchMode

from ..execution.copying import copy_with
from ..execution.inputs import Arguments
from ..execution.module_stack import module_stack
from ..execution.placement import Placement, place_on_meta
from ..execution.storages import storage_key
from ..execution.trees import tensors

# Operators that read a tensor's shape or device, and none of its values.
_OF_METADATA = frozenset(
    """
    device dim is_contiguous is_non_overlapping_and_dense is_strides_like_format layout numel size
    storage_offset stride sym_is_contiguous sym_numel sym_size sym_storage_offset sym_stride
    """.split()  # noqa: SIM905 -- a list would be twice as long
)


class _Channels(NamedTuple):
    """Where the channels of a dense tensor are in its storage."""

    offset: int
    elements: int
    channels: int
    stride: int

    @classmethod
    def of(cls, tensor: Tensor, dim: int) -> "_Channels":
        channels = tensor.shape[dim]
        stride = tensor.stride(dim) if channels > 1 else 0
        return cls(int(tensor.storage_offset()), tensor.numel(), channels, stride)


@dataclass(slots=True)
class Output:
    """The output of the convolution ``path``: where its channels are, how many operators read it.

    That the model returns it counts as one.
    """

    path: str
    place: _Channels
    readers: int = 0


class Reads(TorchDispatchMode):
    """What reads what in a call of ``module`` while the mode is active.

    ``calls`` is by the path of a module; ``sources`` holds, by the path of a norm, the output of a
    convolution that it normalises, channel by channel; ``shared`` are the paths of the convolutions
    and norms whose tensors are read by others than themselves. Paths are dotted names.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.calls: Counter[str] = Counter()
        self.sources: dict[str, Output] = {}
        self.shared: set[str] = set()
        self.stack: list[str] = []
        self._outputs: dict[int, Output] = {}  # by storage, while that lives
        self._modules = dict(module.named_modules())
        self._holders: dict[int, list[str]] = {}
        for path, child in self._modules.items():
            if isinstance(child, _ConvNd | nn.Linear | _BatchNorm):
                held = (*child.parameters(recurse=False), *child.buffers(recurse=False))
                for key in set(_storages(held)):
                    self._holders.setdefault(key, []).append(path)

    def add_call(self, path: str, output: object) -> None:
        """Note that the module ``path`` returned ``output``."""
        self.calls[path] += 1
        child = self._modules[path]
        if isinstance(child, _ConvNd | nn.Linear) and isinstance(output, Tensor):
            dim = -1 if isinstance(child, nn.Linear) else -1 - len(child.kernel_size)
            for key in _storages([output]):
                self._outputs[key] = Output(path, _Channels.of(output, dim))

    def add_result(self, result: object) -> None:
        """Note that the whole module returned ``result``."""
        for key in _storages(tensors(result)):
            if key in self._outputs:
                self._outputs[key].readers += 1

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        keywords = kwargs or {}
        arguments = tensors((args, keywords))
        result: object = func(*args, **keywords)
        read, made = set(_storages(arguments)), set(_storages(tensors(result)))
        name = getattr(func, "overloadpacket", func).__name__
        if name not in _OF_METADATA and not _is_view(func, read, made):
            self._read(name, args, read)
            for key in made:  # written into, or in the memory of one that lives no more
                self._outputs.pop(key, None)
        return result

    def _read(self, operator: str, args: tuple[Any, ...], read: set[int]) -> None:
        path = self.stack[-1] if self.stack else ""
        normalised = self._normalised(path, args) if "batch_norm" in operator else None
        for key in read:
            self.shared.update(holder for holder in self._holders.get(key, ()) if holder != path)
            output = self._outputs.get(key)
            if output is None:
                continue
            output.readers += 1
            if key == normalised:
                self.sources[path] = output

    def _normalised(self, path: str, args: tuple[Any, ...]) -> int | None:
        """The storage of the output that the norm ``path`` normalises channel by channel."""
        if not isinstance(self._modules.get(path), _BatchNorm) or args[0].dim() < 2:
            return None
        for key in _storages(args[:1]):
            output = self._outputs.get(key)
            if output is not None and output.place == _Channels.of(args[0], 1):
                return key
        return None


def reads_of(module: nn.Module, arguments_on: Callable[[str], Arguments]) -> Reads:
    """What reads what in a call of ``module``, or of a copy without data.

    It is called on meta tensors, or if it cannot run there, on fake ones, or on its own; what it
    raises on those goes through.
    """
    for without_data in (_on_meta, _on_fake):
        # A forward that reads values may raise anything; an active fake mode would read, too.
        with contextlib.suppress(Exception), unset_fake_temporarily():
            return without_data(module, arguments_on)
    held = (*module.parameters(), *module.buffers())
    device = next((str(tensor.device) for tensor in held), "cpu")
    return _observed(module, arguments_on(device))


def _on_meta(module: nn.Module, arguments_on: Callable[[str], Arguments]) -> Reads:
    return _observed(copy_with(module, place_on_meta()), arguments_on("meta"))


def _on_fake(module: nn.Module, arguments_on: Callable[[str], Arguments]) -> Reads:
    with FakeTensorMode(allow_non_fake_inputs=True):
        copied = copy_with(module, Placement("cpu", with_data=False))
        return _observed(copied, arguments_on("cpu"))


def _observed(module: nn.Module, arguments: Arguments) -> Reads:
    reads = Reads(module)
    with torch.no_grad(), module_stack(module, reads.add_call) as stack:
        reads.stack = stack
        with reads:
            result = module(*arguments.args, **arguments.kwargs)
    reads.add_result(result)
    return reads


def _is_view(func: Any, read: set[int], made: set[int]) -> bool:
    """Whether an operator returns views of the storages that it ``read``, and does nothing else."""
    schema = getattr(func, "_schema", None)  # which higher-order operators lack
    return bool(made) and made <= read and schema is not None and not schema.is_mutable


def _storages(values: Iterable[Tensor]) -> list[int]:
    """The identities of the storages of ``values``, of those that have one."""
    keys = []
    for tensor in values:
        with contextlib.suppress(NotImplementedError, RuntimeError):  # a sparse tensor has none
            keys.append(storage_key(tensor))
    return keys
