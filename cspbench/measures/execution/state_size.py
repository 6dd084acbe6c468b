"""The bytes that the weights of a module take where they are stored."""

from torch import Tensor, nn

from .placement import components
from .storages import storage_key


def state_bytes(module: nn.Module) -> int:
    """The bytes of the tensors in the state dict: parameters and persistent buffers.

    Headers and names are left out. Tensors that share a storage count together, each region once
    and at most the size of the storage. If the state dict holds only a view of a storage, the view
    counts, as safetensors stores it; `torch.save` would store the whole storage.
    """
    regions: dict[int, dict[object, int]] = {}
    storages: dict[int, int] = {}
    for tensor in module.state_dict(keep_vars=True).values():
        for part in components(tensor) if isinstance(tensor, Tensor) else ():
            key = storage_key(part)
            region = (part.dtype, part.storage_offset(), part.shape, part.stride())
            storages[key] = part.untyped_storage().nbytes()
            regions.setdefault(key, {})[region] = part.numel() * part.element_size()
    return sum(min(storages[key], sum(sizes.values())) for key, sizes in regions.items())
