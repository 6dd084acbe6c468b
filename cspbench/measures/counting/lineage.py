"""What tensors derive from in a call: from its arguments, or from parameters and buffers alone."""

import itertools
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

Sources = frozenset[int]
"""The identities of the parameters and buffers that a tensor derives from."""

_STRAY = -1
"""Stands for every parameter that no module holds."""

SHAPE_ONLY = frozenset(
    """
    empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like
    rand_like randint_like randn_like zeros_like
    """.split()  # noqa: SIM905
)
"""Operators whose result does not depend on the values of their arguments."""

_SAME_VALUES = frozenset(
    """
    _reshape_copy _to_copy clone contiguous copy div flatten mul reshape to
    """.split()  # noqa: SIM905
)
"""Operators that copy or scale the one activation among their arguments."""


@dataclass(slots=True)
class _Storage:
    reference: weakref.ref[Any]
    sources: Sources
    activation: int | None = None


class Lineage:
    """Tells activations, which derive from a call's arguments, from weights, which do not.

    Every other tensor is a weight or a constant: parameters, buffers, and what is computed from
    them (normalised, cast, merged, stacked). Storages are followed, so that views and in-place
    results are what their storage is. An activation has a number that its copies share.
    """

    def __init__(self, module: nn.Module, inputs: Iterable[Tensor]) -> None:
        self._storages: dict[int, _Storage] = {}
        self._held: dict[int, list[Tensor]] = {}
        self._elements: dict[int, int] = {}
        self._numbers = itertools.count()
        for tensor in itertools.chain(module.parameters(), module.buffers()):
            owner = _owner(tensor)
            self._held.setdefault(owner._cdata, []).append(tensor)
            self._elements[id(tensor)] = tensor.numel()
            self._follow(owner, frozenset({id(tensor)}), None)
        for tensor in inputs:
            self.activate(tensor)

    def activate(self, tensor: Tensor) -> None:
        """Take ``tensor`` for an activation from now on."""
        self._activate(_owner(tensor), None)

    def activation(self, tensor: Tensor) -> int | None:
        """The number of an activation, which its copies share; None for weights and constants."""
        storage = self._storages.get(_owner(tensor)._cdata)
        return None if storage is None else storage.activation

    def sources(self, tensor: Tensor) -> Sources:
        """The identities of the parameters and buffers that a weight derives from."""
        key = _owner(tensor)._cdata
        held = self._held.get(key)
        if held is not None:
            return frozenset({id(_held_by(held, tensor))})
        storage = self._storages.get(key)
        if storage is not None:
            return storage.sources
        return frozenset({_STRAY} if isinstance(tensor, nn.Parameter) else ())

    def is_stray(self, weight: Tensor) -> bool:
        """Whether ``weight`` derives from a parameter that no module holds."""
        return _STRAY in self.sources(weight)

    def element_count(self, weight: Tensor) -> int:
        """The elements of ``weight``, or of the one parameter that it is a part of."""
        sources = self.sources(weight)
        if len(sources) != 1:
            return weight.numel()
        (source,) = sources
        return max(self._elements.get(source, 0), weight.numel())

    def record(self, name: str, arguments: list[Tensor], results: list[Tensor]) -> None:
        """Follow the results of the operator ``name``."""
        activations: set[int] = set()
        if name not in SHAPE_ONLY:
            for tensor in arguments:
                number = self.activation(tensor)
                if number is not None:
                    activations.add(number)
        if not activations:
            self._record_weights(arguments, results)
            return
        is_copy = name in _SAME_VALUES and len(activations) == 1
        for tensor in results:
            self._activate(_owner(tensor), next(iter(activations)) if is_copy else None)

    def _record_weights(self, arguments: list[Tensor], results: list[Tensor]) -> None:
        sources: Sources | None = None
        for tensor in results:
            owner = _owner(tensor)
            if owner._cdata in self._storages:
                continue
            if sources is None:
                sources = frozenset().union(*map(self.sources, arguments))
            if sources:
                self._follow(owner, sources, None)

    def _activate(self, owner: Any, number: int | None) -> None:
        storage = self._storages.get(owner._cdata)
        if storage is None:
            self._follow(owner, frozenset(), next(self._numbers) if number is None else number)
        elif storage.activation is None:  # a constant, written into
            storage.activation = next(self._numbers) if number is None else number

    def _follow(self, owner: Any, sources: Sources, activation: int | None) -> None:
        key = owner._cdata

        def forget(reference: weakref.ref[Any]) -> None:
            storage = self._storages.get(key)
            if storage is not None and storage.reference is reference:
                del self._storages[key]
                for tensor in self._held.pop(key, ()):
                    del self._elements[id(tensor)]

        self._storages[key] = _Storage(weakref.ref(owner, forget), sources, activation)


def _owner(tensor: Tensor) -> Any:
    """The tensor's storage, or the tensor itself if it has none, as a sparse one."""
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return tensor


def _held_by(held: list[Tensor], part: Tensor) -> Tensor:
    """The tensor of ``held``, which share a storage, that ``part`` is a view of."""
    for tensor in held:
        if _starts_within(tensor, int(part.storage_offset())):
            return tensor
    return held[0]


def _starts_within(tensor: Tensor, offset: int) -> bool:
    """Whether an element of ``tensor`` stands at ``offset`` of its storage."""
    rest = offset - tensor.storage_offset()
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True), reverse=True):
        index = min(rest // stride, size - 1) if stride > 0 else 0
        rest -= index * stride
    return rest == 0


def tensors_in(values: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors among ``values``, and in lists and tuples of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)
