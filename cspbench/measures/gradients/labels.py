"""Labels: the sets of terms that the elements of tensors carry, stored by storage.

Because labels belong to storages, views need no rule, and writing to a view changes its base and
all other views.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..execution.storages import storage_key

Terms = frozenset[int]
_EMPTY = 0  # the number of the empty set


@dataclass(slots=True)
class _Stored:
    """The label of a storage, laid out as ``geometry``; ``holder`` keeps the storage alive."""

    holder: torch.UntypedStorage
    geometry: tuple[torch.Size, tuple[int, ...], int]
    label: Tensor


class Labels:
    """The labels of all tensors of one pass on meta tensors.

    A label is an integer tensor with as many axes as its tensor; each element is the number of a
    set of terms. An axis along which the sets are equal has size 1.
    """

    def __init__(self) -> None:
        self._sets: list[Terms] = [frozenset()]
        self._numbers: dict[Terms, int] = {frozenset(): _EMPTY}
        self._joined: dict[tuple[int, int], int] = {}
        self._stored: dict[tuple[int, int], _Stored] = {}

    def read(self, tensor: Tensor) -> Tensor:
        """The label of ``tensor``; zeros if it carries no terms."""
        stored = self._stored.get(_key(tensor))
        if stored is None or not tensor.numel():
            return torch.zeros((1,) * tensor.dim(), dtype=torch.int32)
        if stored.geometry == _geometry(tensor):
            return stored.label
        return collapsed(_by_element(stored).as_strided(*_geometry(tensor)))

    def write(self, tensor: Tensor, label: Tensor) -> None:
        """Set the label of ``tensor`` to ``label``, broadcast to its shape."""
        if not tensor.numel():
            return
        label = label[(None,) * (tensor.dim() - label.dim())]
        storage = tensor.untyped_storage()
        stored = self._stored.get(_key(tensor))
        elements = storage.nbytes() // tensor.element_size()
        if stored is None and tensor.numel() != elements:
            empty = torch.zeros(elements, dtype=torch.int32)
            stored = _Stored(storage, (empty.shape, (1,), 0), empty)
            self._stored[_key(tensor)] = stored
        if stored is None or stored.geometry == _geometry(tensor):
            self._stored[_key(tensor)] = _Stored(storage, _geometry(tensor), collapsed(label))
        else:
            _by_element(stored).as_strided(*_geometry(tensor)).copy_(label)

    def carries(self, tensor: Tensor) -> bool:
        """Whether any element of ``tensor`` carries a term."""
        return _key(tensor) in self._stored and bool(self.read(tensor).any())

    def terms(self, label: Tensor) -> Terms:
        """All terms in ``label``."""
        return frozenset().union(*(self._sets[number] for number in label.unique().tolist()))

    def singles(self, terms: Iterable[int]) -> Tensor:
        """A one-dimensional label whose elements carry one of ``terms`` each."""
        return torch.tensor([self._number(frozenset({term})) for term in terms], dtype=torch.int32)

    def join(self, left: Tensor, right: Tensor) -> Tensor:
        """The label of an elementwise combination of two operands, broadcast."""
        if left.shape == right.shape and torch.equal(left, right):
            return left
        left, right = torch.broadcast_tensors(left, right)
        size = len(self._sets)
        pairs, indices = torch.unique(left.long() * size + right, return_inverse=True)
        numbers = [self._join(*divmod(pair, size)) for pair in pairs.tolist()]
        return torch.tensor(numbers, dtype=torch.int32)[indices]

    def join_along(self, label: Tensor, axis: int) -> Tensor:
        """``label`` with all elements along ``axis`` combined into one."""
        while (size := label.shape[axis]) > 1:
            half = size // 2
            joined = self.join(label.narrow(axis, 0, half), label.narrow(axis, half, half))
            rest = label.narrow(axis, 2 * half, size - 2 * half)
            label = torch.cat([joined, rest], dim=axis)
        return label

    def _join(self, left: int, right: int) -> int:
        pair = (left, right)
        if pair not in self._joined:
            self._joined[pair] = self._number(self._sets[left] | self._sets[right])
        return self._joined[pair]

    def _number(self, terms: Terms) -> int:
        number = self._numbers.setdefault(terms, len(self._sets))
        if number == len(self._sets):
            self._sets.append(terms)
        return number


def collapsed(label: Tensor) -> Tensor:
    """``label`` with size 1 along each axis on which its elements are equal."""
    for axis in reversed(range(label.dim())):
        first = label.narrow(axis, 0, 1)
        if label.stride(axis) == 0 or bool((label == first).all()):
            label = first
    return label


def _key(tensor: Tensor) -> tuple[int, int]:
    return storage_key(tensor), tensor.element_size()


def _geometry(tensor: Tensor) -> tuple[torch.Size, tuple[int, ...], int]:
    return tensor.shape, tensor.stride(), int(tensor.storage_offset())


def _by_element(stored: _Stored) -> Tensor:
    """The label of each element of a storage, in the order of memory."""
    shape = stored.geometry[0]
    if len(shape) != 1 or stored.label.shape != shape:
        flat = torch.zeros(shape.numel(), dtype=torch.int32)
        flat.as_strided(*stored.geometry).copy_(stored.label)
        stored.geometry, stored.label = (flat.shape, (1,), 0), flat
    return stored.label
