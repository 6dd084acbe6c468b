"""What a device can do at most, as measured on it: products a second, and bytes a second."""

from typing import Annotated

import msgspec

from ..choices import Precision
from .base import Frozen, Name, Whole

Rate = Annotated[float, msgspec.Meta(gt=0, le=1e18)]
"""FLOPs or bytes a second."""

Rates = Annotated[tuple[Rate, ...], msgspec.Meta(min_length=1, max_length=1_000)]
"""The fastest sample of each launch."""


class Peak(Frozen, frozen=True, kw_only=True):
    """FLOPs a second of matrix products and of convolutions.

    ``product`` and ``convolution`` say which shape was the fastest. FLOPs of a convolution are
    those of its definition, whatever algorithm computes it.
    """

    product_flops: Rates
    convolution_flops: Rates
    product: Name
    convolution: Name

    @property
    def flops_per_s(self) -> float:
        """The highest rate of any sample."""
        return max(*self.product_flops, *self.convolution_flops)


class Bandwidth(Frozen, frozen=True, kw_only=True):
    """Bytes a second between the processor and one ``level`` of memory, by three operations.

    ``level`` is ``L2``, ``L3`` or ``memory``; ``capacity_bytes`` is what it holds for all threads
    together, None for memory. ``array_bytes`` is the size of each array. Counted are the bytes that
    an operation names: a copy reads one array and writes one, a triad (a = b + s * c) reads two and
    writes one, and a sum reads one.
    """

    level: Name
    capacity_bytes: Whole | None
    array_bytes: Whole
    copy_bytes: Rates
    triad_bytes: Rates
    sum_bytes: Rates

    @property
    def bytes_per_s(self) -> float:
        """The highest rate of any operation."""
        return max(*self.copy_bytes, *self.triad_bytes, *self.sum_bytes)


class Ceilings(Frozen, frozen=True, kw_only=True):
    """The ceilings of a machine's device with ``threads`` threads.

    ``peaks`` are by precision. ``bandwidths`` run from the smallest cache to memory. ``measured``
    is the time of the measurement. They hold for this ``machine``, ``device`` and ``threads``, and
    for this version of ``torch``, which computed them.
    """

    machine: Name
    device: Name
    threads: Whole
    torch: Name
    peaks: dict[Precision, Peak]
    bandwidths: Annotated[tuple[Bandwidth, ...], msgspec.Meta(min_length=1)]
    measured: Name
