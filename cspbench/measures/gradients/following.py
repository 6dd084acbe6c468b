"""Follows terms through the operators of one pass on meta tensors, a small rule for each kind."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ...records.gradient_terms import INPUT
from .labels import Labels, Terms, collapsed, storage_key

# Operators that keep each element's place, beside those that torch tags as pointwise. Of a
# normalisation this leaves out its statistics, which join the channels of a group.
_KEEPING = frozenset(
    """
    _fused_rms_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _prelu_kernel
    _to_copy cudnn_batch_norm hardswish hardswish_ mish mish_ native_batch_norm native_dropout
    native_group_norm native_layer_norm
    """.split()  # noqa: SIM905 -- as in `measures.counts`
)
# Operators that move elements without looking at them: they move the labels in the same way.
_MOVING = frozenset(
    """
    channel_shuffle flip im2col native_channel_shuffle pixel_shuffle pixel_unshuffle repeat roll
    """.split()  # noqa: SIM905
)
# Operators whose result carries nothing of a tensor that they were given.
_MAKING = frozenset(
    """
    empty_like fill_ full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like
    rand_like randn_like zero_ zeros_like
    """.split()  # noqa: SIM905
)
# Operators that work along the last axes, as many as the digit says: pools, upsampling, padding.
_SPATIAL = re.compile(
    r"_?(?:(?:adaptive_)?(?:avg|max)_pool|upsample_[a-z_]+|(?:reflection|replication)_pad)"
    r"(?P<axes>[123])d(?:_with_indices|_aa)?"
)
# Operators that mix along one axis: followed where nothing changes along it.
_ALONG = frozenset({"_log_softmax", "_softmax", "cumsum"})
_UNMARKED_VIEWS = frozenset({"_unsafe_view", "unsafe_split", "unsafe_split_with_sizes"})
_CUTS = frozenset(
    "select slice split split_with_sizes unbind unsafe_split unsafe_split_with_sizes".split()  # noqa: SIM905
)
_FACTORS = {
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "bmm": ("self", "mat2"),
    "linear": ("input", "weight"),
    "mm": ("self", "mat2"),
}


class _Operation:
    """One call of an operator: its arguments by name, defaults included, and its tensors."""

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.func = func
        self.name: str = func.overloadpacket.__name__
        self.is_view = (
            func.is_view or torch.Tag.inplace_view in func.tags or self.name in _UNMARKED_VIEWS
        )
        named = func._schema.arguments  # noqa: SLF001 -- no public one
        self.given = {
            argument.name: args[place]
            if place < len(args)
            else kwargs.get(argument.name, argument.default_value)
            for place, argument in enumerate(named)
        }
        leaves = pytree.tree_leaves(list(self.given.values()))
        self.operands = [leaf for leaf in leaves if isinstance(leaf, Tensor)]

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    @property
    def first(self) -> Tensor:
        """The tensor that the operator is named for."""
        return self.operands[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbered:
    """A source, and its terms from ``start`` up to ``stop``."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Weight:
    """What a weight reads; its output's channels lie along ``axis``, ``copies`` times."""

    name: str
    reads: Terms
    axis: int
    copies: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a weight: the number of the source that it starts, and what it reads."""

    weight: str
    source: int
    reads: Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A tensor that is cut along one axis: each part's channels and terms, by its place."""

    module: str
    earlier_calls: int
    parts: dict[object, tuple[int, Terms]] = field(default_factory=dict)


class Follower(TorchDispatchMode):
    """Labels what every operator returns, and keeps the calls of weights, cuts and gaps.

    ``stack`` holds the modules of ``module`` whose forward is running; ``inputs`` is the first
    source.
    """

    def __init__(self, module: nn.Module, inputs: Tensor, stack: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._root = type(module).__name__
        self._stack = stack
        self.labels = Labels()
        self.sources: list[Numbered] = []
        self.calls: list[Call] = []
        self.cuts: dict[object, Cut] = {}
        self.unfollowed: Counter[tuple[str, str]] = Counter()
        self._owners: dict[int, tuple[str, ...]] = {}
        self._kept: list[torch.UntypedStorage] = []  # so that no identity is used twice
        for name, parameter in module.named_parameters():
            owner = (
                name.rpartition(".")[0]
                .split(".parametrizations")[0]
                .removeprefix("parametrizations.")
            )
            self._own(parameter, (owner or self._root,))
        self._start_source(INPUT, inputs, 1)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        made = _Operation(func, args, kwargs or {})
        carrying = any(map(self.labels.carries, made.operands))
        needed = carrying or made.name == "convolution"  # which may read a constant
        follow = _rule(made) if needed and not made.is_view else None
        label = follow(self, made) if follow is not None else None
        result: object = func(*args, **(kwargs or {}))
        outputs = [leaf for leaf in pytree.tree_leaves(result) if is_real(leaf)]
        if made.is_view:  # labels belong to storages
            if carrying and made.name in _CUTS:
                self._cut(made, outputs)
        elif isinstance(label, _Weight):
            self.calls.append(Call(weight=label.name, source=len(self.sources), reads=label.reads))
            self._start_source(label.name, outputs[0], label.axis, label.copies)
        elif not carrying:
            self._compute_constant(made.operands, outputs)
        elif label is not None:
            for output in outputs if torch.Tag.reduction in func.tags else outputs[:1]:
                self.labels.write(output, label)
        elif outputs:
            self.unfollowed[self._place(), made.name] += 1
            for output in outputs:
                self._start_source(f"{self._place()}:{made.name}", output, _channel_axis(output))
        return result

    def nothing(self, _: _Operation) -> Tensor:
        return torch.zeros((), dtype=torch.int32)

    def kept(self, made: _Operation) -> Tensor:
        return self.labels.read(made.first)

    def copied(self, made: _Operation) -> Tensor:
        return self.labels.read(made["src"])

    def pointwise(self, made: _Operation) -> Tensor:
        return reduce(self.labels.join, map(self.labels.read, made.operands))

    def moved(self, made: _Operation) -> Tensor | None:
        if len(made.operands) != 1:
            return None
        # doubles, as not every one of these operators takes integers
        label = self.labels.read(made.first).double().expand(made.first.shape)
        moved: Tensor = made.func(label, *list(made.given.values())[1:])
        return collapsed(moved.int())

    def concat(self, made: _Operation) -> Tensor:
        tensors = [tensor for tensor in made["tensors"] if tensor.shape != (0,)]
        labels = [self.labels.read(tensor) for tensor in tensors]
        dim = made["dim"] % labels[0].dim()
        widest = [max(sizes) for sizes in zip(*(label.shape for label in labels), strict=True)]
        wide = [
            label.expand([*widest[:dim], tensor.shape[dim], *widest[dim + 1 :]])
            for label, tensor in zip(labels, tensors, strict=True)
        ]
        return torch.cat(wide, dim=dim)

    def stacked(self, made: _Operation) -> Tensor:
        labels = torch.broadcast_tensors(*map(self.labels.read, made["tensors"]))
        return torch.stack(labels, dim=made["dim"])

    def padded(self, made: _Operation) -> Tensor:
        """Padding along H and W changes nothing; new channels are empty."""
        label, pad = self.labels.read(made.first), made["pad"]
        for place, sides in enumerate(zip(pad[::2], pad[1::2], strict=True)):
            axis = label.dim() - 1 - place
            if any(sides) and (axis < 2 or label.shape[axis] > 1):
                shape = list(label.shape)
                shape[axis] = made.first.shape[axis]
                label = functional.pad(label.expand(shape), [0, 0] * place + list(sides))
        return label

    def reduced(self, made: _Operation) -> Tensor | None:
        if len(made.operands) != 1:
            return None
        label, dim = self.labels.read(made.first), made.given.get("dim")
        dims = [dim] if isinstance(dim, int) else list(dim or range(label.dim()))
        for axis in dims:
            label = self.labels.join_along(label, axis)
        return label if made.given.get("keepdim") else label.squeeze(dims)

    def spatial(self, made: _Operation) -> Tensor | None:
        found = _SPATIAL.fullmatch(made.name)
        label = self.labels.read(made.first)
        axes = int(found["axes"]) if found else label.dim()
        return label if set(label.shape[-axes:]) == {1} else None

    def along(self, made: _Operation) -> Tensor | None:
        label = self.labels.read(made.first)
        return label if label.shape[made["dim"]] == 1 else None

    def gated(self, made: _Operation) -> Tensor:
        """One half of the channels times a gate made of the other."""
        label = self.labels.read(made.first)
        if label.shape[made["dim"]] == 1:
            return label
        return self.labels.join(*label.chunk(2, dim=made["dim"]))

    def convolution(self, made: _Operation) -> Tensor | _Weight | None:
        weight, inputs = made["weight"], made["input"]
        if self.labels.carries(weight):
            return None
        label = self.labels.read(inputs)
        owner = self._owner(weight)
        if owner is not None:
            return _Weight(name=owner, reads=self.labels.terms(label), axis=1)
        if made["transposed"] or label.shape[2:].numel() > 1:
            return None
        groups = made["groups"]
        shape = (label.shape[0], inputs.shape[1], *label.shape[2:])
        grouped = label.expand(shape).unflatten(1, (groups, -1))
        joined = self.labels.join_along(grouped, 2).squeeze(2)
        return joined.repeat_interleave(weight.shape[0] // groups, dim=1)

    def product(self, made: _Operation) -> _Weight | None:
        left, right = (made[name] for name in _FACTORS[made.name])
        if sum(map(self.labels.carries, made.operands)) != 1:
            return None
        on_left = self.labels.carries(left)
        inputs, weight = (left, right) if on_left else (right, left)
        owner = self._owner(weight)
        if owner is None or not self.labels.carries(inputs):
            return None
        batched = weight.dim() == 3 and weight.stride(0) > 0
        return _Weight(
            name=owner,
            reads=self.labels.terms(self.labels.read(inputs)),
            axis=-1 if on_left else -2,
            copies=weight.shape[0] if batched else 1,
        )

    def _compute_constant(self, operands: list[Tensor], outputs: list[Tensor]) -> None:
        owners = [self._owners.get(storage_key(operand), ()) for operand in operands]
        names = tuple(dict.fromkeys(chain.from_iterable(owners)))
        for output in outputs if names else ():
            self._own(output, names)

    def _own(self, tensor: Tensor, names: tuple[str, ...]) -> None:
        self._kept.append(tensor.untyped_storage())
        self._owners.setdefault(storage_key(tensor), names)

    def _owner(self, weight: Tensor) -> str | None:
        """The module of a weight; that which runs where the weight is held by none."""
        names = self._owners.get(storage_key(weight))
        if names is not None:
            return " + ".join(names)
        return self._place() if isinstance(weight, nn.Parameter) else None

    def _place(self) -> str:
        return (self._stack and self._stack[-1]) or self._root

    def _start_source(self, name: str, output: Tensor, axis: int, copies: int = 1) -> None:
        """Let ``output`` carry terms of its own along ``axis``, and along the first if copied."""
        channels = output.shape[axis] * copies if output.dim() else 1
        first = self.sources[-1].stop if self.sources else 0
        self.sources.append(Numbered(name=name, start=first, stop=first + channels))
        label = self.labels.singles(range(first, first + channels))
        if output.dim():
            shape = [copies, *[1] * (output.dim() - 1)] if copies > 1 else [1] * output.dim()
            shape[axis] = output.shape[axis]
            label = label.reshape(shape)
        self.labels.write(output, label)

    def _cut(self, made: _Operation, outputs: list[Tensor]) -> None:
        tensor = made.first
        dim = made["dim"] % tensor.dim()
        if self.labels.read(tensor).shape[dim] == 1:
            return
        key = (storage_key(tensor), tensor.shape, tensor.stride(), tensor.storage_offset(), dim)
        cut = self.cuts.setdefault(key, Cut(module=self._place(), earlier_calls=len(self.calls)))
        for part in outputs:
            channels = part.shape[dim] if part.dim() == tensor.dim() else 1
            if 0 < channels < tensor.shape[dim]:
                place = (part.storage_offset(), part.stride(), channels)
                cut.parts[place] = channels, self.labels.terms(self.labels.read(part))


_Rule = Callable[[Follower, _Operation], "Tensor | _Weight | None"]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(_KEEPING, Follower.kept),
    **dict.fromkeys(_MAKING, Follower.nothing),
    **dict.fromkeys(_MOVING, Follower.moved),
    **dict.fromkeys(_ALONG, Follower.along),
    **dict.fromkeys(_FACTORS, Follower.product),
    "cat": Follower.concat,
    "constant_pad_nd": Follower.padded,
    "convolution": Follower.convolution,
    "copy_": Follower.copied,
    "glu": Follower.gated,
    "stack": Follower.stacked,
}


def _rule(made: _Operation) -> _Rule | None:
    if made.name in _RULES:
        return _RULES[made.name]
    if torch.Tag.pointwise in made.func.tags:
        return Follower.pointwise
    if torch.Tag.reduction in made.func.tags:
        return Follower.reduced
    return Follower.spatial if _SPATIAL.fullmatch(made.name) else None


def is_real(leaf: object) -> bool:
    """Whether a gradient can flow to ``leaf``: masks and indices carry nothing."""
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def _channel_axis(tensor: Tensor) -> int:
    """The second axis of (N, C, H, W) and of (N, C, D, H, W), else the last."""
    return 1 if tensor.dim() in {4, 5} else -1
