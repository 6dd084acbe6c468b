"""Following of terms through the operators of one pass on meta tensors."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ...records.gradient_terms import INPUT
from ..execution.storages import storage_key
from .labels import Labels, Terms
from .operation import SPLITS, Operation
from .owners import WeightOwners
from .rules import WeightRead, result_of


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTerms:
    """A source and its terms, ``start`` to ``stop`` (exclusive)."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightCall:
    """One call of a weight: the number of the source that it starts, and the terms it reads."""

    weight: str
    source: int
    reads: Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitTensor:
    """A tensor that is split along one axis: the channels and terms of each part, by position."""

    module: str
    earlier_calls: int
    parts: dict[object, tuple[int, Terms]] = field(default_factory=dict)


class Follower(TorchDispatchMode):
    """Labels the output of every operator, and records calls of weights, splits and gaps.

    ``stack`` holds the names of the modules of ``module`` whose forward is running (see
    `module_stack`); the floating-point tensors of ``inputs`` become the first sources.
    """

    def __init__(self, module: nn.Module, inputs: Sequence[Tensor], stack: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._root = type(module).__name__
        self._stack = stack
        self._owners = WeightOwners(module)
        self.labels = Labels()
        self.sources: list[SourceTerms] = []
        self.calls: list[WeightCall] = []
        self.splits: dict[object, SplitTensor] = {}
        self.unfollowed: Counter[tuple[str, str]] = Counter()
        for tensor in filter(is_differentiable, inputs):
            self._start_source(INPUT, tensor, 1 if tensor.dim() > 1 else -1)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        operation = Operation(func, args, kwargs or {})
        carries = any(map(self.labels.carries, operation.operands))
        may_read = carries or operation.name == "convolution"  # its input may be a constant
        label: Tensor | WeightRead | None = None
        if may_read and not operation.is_view:
            label = result_of(operation, self.labels, self._owner)
        result: object = func(*args, **(kwargs or {}))
        outputs = [leaf for leaf in pytree.tree_leaves(result) if is_differentiable(leaf)]
        if operation.is_view:  # its output has the labels of the storage already
            if carries and operation.name in SPLITS:
                self._split(operation, outputs)
        elif isinstance(label, WeightRead):
            self._call_weight(label, outputs[0])
        elif not carries:
            self._owners.derive(operation.operands, outputs)
        elif label is not None:
            for output in outputs if torch.Tag.reduction in func.tags else outputs[:1]:
                self.labels.write(output, label)
        elif outputs:
            self._start_unfollowed(operation, outputs)
        return result

    def _call_weight(self, weight: WeightRead, output: Tensor) -> None:
        self.calls.append(
            WeightCall(weight=weight.name, source=len(self.sources), reads=weight.reads)
        )
        self._start_source(weight.name, output, weight.axis, weight.copies)

    def _start_unfollowed(self, operation: Operation, outputs: Sequence[Tensor]) -> None:
        """Start a source for each output of an operator that has no rule."""
        module = self._running_module()
        self.unfollowed[module, operation.name] += 1
        for output in outputs:
            self._start_source(f"{module}:{operation.name}", output, _channel_axis(output))

    def _owner(self, weight: Tensor) -> str | None:
        """The module that holds ``weight``, or runs it as a parameter; None if it is no weight."""
        owner = self._owners.of(weight)
        if owner is None and isinstance(weight, nn.Parameter):
            return self._running_module()
        return owner

    def _running_module(self) -> str:
        return (self._stack and self._stack[-1]) or self._root

    def _start_source(self, name: str, output: Tensor, axis: int, copies: int = 1) -> None:
        """Give ``output`` new terms along ``axis``, and along the first if there are copies."""
        channels = output.shape[axis] * copies if output.dim() else 1
        first = self.sources[-1].stop if self.sources else 0
        self.sources.append(SourceTerms(name=name, start=first, stop=first + channels))
        label = self.labels.singles(range(first, first + channels))
        if output.dim():
            shape = [copies, *[1] * (output.dim() - 1)] if copies > 1 else [1] * output.dim()
            shape[axis] = output.shape[axis]
            label = label.reshape(shape)
        self.labels.write(output, label)

    def _split(self, operation: Operation, outputs: Sequence[Tensor]) -> None:
        tensor = operation.first
        dim = operation["dim"] % tensor.dim()
        if self.labels.read(tensor).shape[dim] == 1:
            return
        key = (storage_key(tensor), tensor.shape, tensor.stride(), tensor.storage_offset(), dim)
        split = self.splits.setdefault(
            key, SplitTensor(module=self._running_module(), earlier_calls=len(self.calls))
        )
        for part in outputs:
            channels = part.shape[dim] if part.dim() == tensor.dim() else 1
            if 0 < channels < tensor.shape[dim]:
                position = (part.storage_offset(), part.stride(), channels)
                split.parts[position] = channels, self.labels.terms(self.labels.read(part))


def is_differentiable(leaf: object) -> bool:
    """Whether a gradient can flow to ``leaf``; to masks and indices it cannot."""
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def _channel_axis(tensor: Tensor) -> int:
    """The channel axis: the second of (N, C, H, W) and (N, C, D, H, W), else the last."""
    return 1 if tensor.dim() in {4, 5} else -1
