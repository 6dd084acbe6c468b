"""The size of a model's weights on disk, as `torch.save` and safetensors would store them."""

from typing import TYPE_CHECKING

from ..records.base import Failure
from ..records.measurements import DiskSize
from .base import measure

if TYPE_CHECKING:
    from torch import nn

    from .execution.subject import Subject


@measure(
    stage="disk_size",
    place="static",
    help="bytes of the weights as torch.save and safetensors store them; nothing is written",
)
def disk_size(subject: "Subject") -> DiskSize:
    """The size on disk of a case's weights in its precision; nothing is allocated or written.

    For a model that cannot be built on fake tensors it is a `Failure`, which does not fail the
    case.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    from .execution.conversion import DTYPES, convert_module

    case, mode = subject.case, FakeTensorMode()
    try:
        with mode:
            module = subject.fake(mode)
            dtype = DTYPES.get(case.precision)
            if dtype is not None:
                convert_module(module, dtype, layout=None)
            return DiskSize(case=case.key, disk_bytes=state_bytes(module))
    except Exception as error:  # noqa: BLE001 -- a builder may raise anything
        first_line = next(iter(str(error).splitlines()), "")
        reason = f"{type(error).__name__}: {first_line}"
        return DiskSize(case=case.key, disk_bytes=Failure(reason=reason))


def state_bytes(module: "nn.Module") -> int:
    """The bytes of the tensors in the state dict: parameters and persistent buffers.

    Headers and names are left out. Tensors that share a storage count together, each region once
    and at most the size of the storage. If the state dict holds only a view of a storage, the view
    counts, as safetensors stores it; `torch.save` would store the whole storage.
    """
    from torch import Tensor

    from .execution.storages import storage_key

    regions: dict[int, dict[object, int]] = {}
    storages: dict[int, int] = {}
    for tensor in module.state_dict(keep_vars=True).values():
        if isinstance(tensor, Tensor):
            key = storage_key(tensor)
            region = (tensor.dtype, tensor.storage_offset(), tensor.shape, tensor.stride())
            storages[key] = tensor.untyped_storage().nbytes()
            regions.setdefault(key, {})[region] = tensor.numel() * tensor.element_size()
    return sum(min(storages[key], sum(sizes.values())) for key, sizes in regions.items())
