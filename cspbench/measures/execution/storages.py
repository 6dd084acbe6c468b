"""Identities of tensors' storages."""

from torch import Tensor


def storage_key(tensor: Tensor) -> int:
    """The identity of a tensor's storage, valid while the storage lives."""
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 -- torch's only identity
