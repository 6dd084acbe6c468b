"""Storages of tensors, and their identities."""

from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

_COMPRESSED_ROWS = (torch.sparse_csr, torch.sparse_bsr)
_COMPRESSED_COLUMNS = (torch.sparse_csc, torch.sparse_bsc)


def storage_key(tensor: Tensor) -> int:
    """The identity of a tensor's storage, valid while the storage lives."""
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 -- torch's only identity


def storages(tensor: Tensor) -> list[UntypedStorage]:
    """The storages of a tensor: one of a dense tensor, those of its parts of any other.

    Empty for a tensor that another library holds, such as one in oneDNN's layout.
    """
    subclass: Any = tensor
    if type(tensor) is not Tensor and is_traceable_wrapper_subclass(subclass):
        parts = [getattr(tensor, name) for name in subclass.__tensor_flatten__()[0]]
    elif tensor.layout is torch.strided:
        return [tensor.untyped_storage()]
    elif tensor.layout is torch.sparse_coo:
        parts = [tensor._indices(), tensor._values()]  # noqa: SLF001 -- without coalescing
    elif tensor.layout in _COMPRESSED_ROWS:
        parts = [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    elif tensor.layout in _COMPRESSED_COLUMNS:
        parts = [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    else:
        parts = []
    return [storage for part in parts for storage in storages(part)]
