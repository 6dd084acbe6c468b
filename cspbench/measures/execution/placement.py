"""Copies of tensors on another device, with or without data, that share storages alike."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily

from .storages import storage_key

_COMPRESSED: dict[torch.layout, Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]] = {
    layout: lambda tensor: (tensor.crow_indices(), tensor.col_indices(), tensor.values())
    for layout in (torch.sparse_csr, torch.sparse_bsr)
} | {
    layout: lambda tensor: (tensor.ccol_indices(), tensor.row_indices(), tensor.values())
    for layout in (torch.sparse_csc, torch.sparse_bsc)
}


class Placement:
    """Makes copies of tensors on ``device``; without data, if it is not ``with_data``.

    Copies have the strides of their originals, and those of tensors that share a storage share one.
    They are detached, and fake while a fake mode is active.
    """

    def __init__(self, device: str, *, with_data: bool) -> None:
        self._device = device
        self._with_data = with_data
        self._storages: dict[int, torch.UntypedStorage] = {}
        self._originals: list[Tensor] = []  # kept, so that no identity is used twice

    def __call__(self, tensor: Tensor) -> Tensor:
        """The copy of ``tensor``."""
        if tensor.layout != torch.strided:
            return self._sparse(tensor)
        if not _is_plain(tensor):
            return self._alone(tensor)
        key = storage_key(tensor)
        if key not in self._storages:
            self._originals.append(tensor)
            self._storages[key] = self._storage(tensor.untyped_storage())
        copied = torch.empty(0, dtype=tensor.dtype, device=self._device)
        return copied.set_(
            self._storages[key], tensor.storage_offset(), tensor.shape, tensor.stride()
        )

    def _storage(self, storage: torch.UntypedStorage) -> torch.UntypedStorage:
        copied = torch.empty(storage.nbytes(), dtype=torch.uint8, device=self._device)
        if self._with_data and storage.device.type != "meta":
            source = torch.empty(0, dtype=torch.uint8, device=storage.device)
            copied.copy_(source.set_(storage))
        return copied.untyped_storage()

    def _alone(self, tensor: Tensor) -> Tensor:
        if self._with_data:
            return tensor.detach().to(self._device, copy=True)
        return torch.empty_like(tensor, device=self._device, requires_grad=False)

    def _sparse(self, tensor: Tensor) -> Tensor:
        parts_of = _COMPRESSED.get(tensor.layout, _coo_parts)
        with unset_fake_temporarily():
            parts = parts_of(tensor.detach())
        copies = list(map(self, parts))
        if tensor.layout in _COMPRESSED:
            return torch.sparse_compressed_tensor(
                copies[0],
                copies[1],
                copies[2],
                tensor.shape,
                layout=tensor.layout,
                check_invariants=False,
            )
        return torch.sparse_coo_tensor(
            copies[0],
            copies[1],
            tensor.shape,
            check_invariants=False,
            is_coalesced=tensor.is_coalesced(),
        )


def place_on_meta() -> Placement:
    """The placement on the meta device."""
    return Placement("meta", with_data=False)


def components(tensor: Tensor) -> tuple[Tensor, ...]:
    """The dense tensors that hold the data of ``tensor``: itself, unless it is made of others.

    Empty for a tensor in the layout of another library, whose storage torch does not know.
    """
    subclass: Any = tensor
    if hasattr(subclass, "__tensor_flatten__"):
        parts = (getattr(tensor, name) for name in subclass.__tensor_flatten__()[0])
        return tuple(itertools.chain.from_iterable(map(components, parts)))
    if tensor.is_mkldnn:
        return ()
    if tensor.layout == torch.strided:
        return (tensor,)
    return _COMPRESSED.get(tensor.layout, _coo_parts)(tensor.detach())


def _coo_parts(tensor: Tensor) -> tuple[Tensor, ...]:
    return tensor._indices(), tensor._values()  # noqa: SLF001 -- public ones must be coalesced


def _is_plain(tensor: Tensor) -> bool:
    """Whether ``tensor`` is a view of the bytes of its storage, and nothing besides."""
    return not (
        tensor.is_quantized
        or tensor.is_nested
        or tensor.is_conj()
        or tensor.is_neg()
        or hasattr(tensor, "__tensor_flatten__")
    )
