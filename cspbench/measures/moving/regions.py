"""The distinct bytes that tensors occupy in their storages."""

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..execution.placement import components
from ..execution.storages import storage_key

_Dims = tuple[tuple[int, int], ...]


class _Region(NamedTuple):
    """Bytes of a storage: ``dims`` are sizes and strides, in bytes, the largest stride first."""

    offset: int
    dims: _Dims

    @property
    def end(self) -> int:
        return self.offset + 1 + sum((size - 1) * stride for size, stride in self.dims)

    @property
    def is_injective(self) -> bool:
        """Whether no byte stands at two indices."""
        extent = 1
        for size, stride in reversed(self.dims):
            if stride < extent:
                return False
            extent += (size - 1) * stride
        return True

    @property
    def size(self) -> int:
        """The number of bytes, those at several indices counted as often."""
        return math.prod(size for size, _ in self.dims)


def distinct_bytes(tensors: Iterable[Tensor]) -> int:
    """The number of bytes that ``tensors`` occupy, each counted once however often it is named.

    An expanded tensor counts as what it was expanded from; views of one storage that overlap count
    what they share once.
    """
    regions: dict[int, set[_Region]] = {}
    for tensor in tensors:
        for part in components(tensor):
            if part.numel():
                regions.setdefault(storage_key(part), set()).add(_region(part))
    return sum(map(_union, regions.values()))


def _region(tensor: Tensor) -> _Region:
    item = tensor.element_size()
    dims = [
        (int(size), int(stride) * item)
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
        if size > 1 and stride > 0
    ]
    dims.append((item, 1))
    dims.sort(key=lambda dim: (-dim[1], dim[0]))
    return _Region(int(tensor.storage_offset()) * item, tuple(dims))


def _union(regions: set[_Region]) -> int:
    """The bytes of one storage that are in any of ``regions``."""
    ordered = sorted(regions)
    start, end = ordered[0].offset, max(region.end for region in ordered)
    (size, stride), *others = {region.dims[0] for region in ordered}
    is_repeated = not others and all(len(region.dims) > 1 for region in ordered)
    if is_repeated and end - start - (size - 1) * stride <= stride:  # as images of a batch are
        return size * _union({region._replace(dims=region.dims[1:]) for region in ordered})
    are_apart = all(one.end <= other.offset for one, other in itertools.pairwise(ordered))
    if are_apart and all(region.is_injective for region in ordered):
        return sum(region.size for region in ordered)
    is_named = np.zeros(end - start, dtype=bool)
    for offset, dims in ordered:
        sizes, strides = zip(*dims, strict=True)
        view = np.lib.stride_tricks.as_strided(is_named[offset - start :], sizes, strides)
        view[...] = True
    return int(np.count_nonzero(is_named))
