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
    def rates(self) -> Rates:
        """The highest rate of each launch."""
        return tuple(map(max, self.product_flops, self.convolution_flops))

    @property
    def flops_per_s(self) -> float:
        """The highest rate of any launch."""
        return max(self.rates)


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
    def rates(self) -> Rates:
        """The highest rate of any operation in each launch."""
        return tuple(map(max, self.copy_bytes, self.triad_bytes, self.sum_bytes))

    @property
    def bytes_per_s(self) -> float:
        """The highest rate of any launch."""
        return max(self.rates)


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

    @property
    def disagreement(self) -> float:
        """The most by which the best two launches of a peak or a bandwidth differ, as a share."""
        return max(map(disagreement, self.rates))

    @property
    def rates(self) -> list[Rates]:
        """The rates of each launch, of every peak and every bandwidth."""
        peaks = [peak.rates for peak in self.peaks.values()]
        return [*peaks, *(level.rates for level in self.bandwidths)]


def disagreement(rates: Rates) -> float:
    """How far the second best of several launches is below the best; 1 if there is but one.

    >>> disagreement((90.0, 50.0, 100.0)), disagreement((1.0,))
    (0.1, 1.0)
    """
    best, second = sorted((0.0, *rates))[:-3:-1]
    return (best - second) / best
