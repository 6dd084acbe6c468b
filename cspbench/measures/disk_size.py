"""The size of a model's weights on disk, as `torch.save` and safetensors would store them."""

from typing import TYPE_CHECKING

from ..records.measurements import Basis, DiskSize
from .base import measure

if TYPE_CHECKING:
    from torch import nn

    from .execution.subject import Subject


@measure(
    stage="disk_size",
    place="static",
    help="bytes of the weights as torch.save and safetensors store them; nothing is written",
)
def disk_size(subject: "Subject", basis: Basis = "meta") -> DiskSize:
    """The size on disk of a case's weights in its precision; nothing is written."""
    from .execution.basis import call_on

    with call_on(basis, subject) as call:
        return DiskSize(case=subject.case.key, disk_bytes=state_bytes(call.module))


def state_bytes(module: "nn.Module") -> int:
    """The bytes of the tensors in the state dict: parameters and persistent buffers.

    Headers and names are left out. Tensors that share a storage count together, each region once
    and at most the size of the storage. If the state dict holds only a view of a storage, the view
    counts, as safetensors stores it; `torch.save` would store the whole storage.
    """
    from torch import Tensor

    from .execution.placement import components
    from .execution.storages import storage_key

    regions: dict[int, dict[object, int]] = {}
    storages: dict[int, int] = {}
    for tensor in module.state_dict(keep_vars=True).values():
        for part in components(tensor) if isinstance(tensor, Tensor) else ():
            key = storage_key(part)
            region = (part.dtype, part.storage_offset(), part.shape, part.stride())
            storages[key] = part.untyped_storage().nbytes()
            regions.setdefault(key, {})[region] = part.numel() * part.element_size()
    return sum(min(storages[key], sum(sizes.values())) for key, sizes in regions.items())
