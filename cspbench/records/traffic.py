"""Compulsory memory traffic of one call: what its operators must at least read and write."""

from typing import ClassVar

from .base import Frozen, Name, Whole
from .measurement import Basis, Measurement


class Work(Frozen, frozen=True, kw_only=True):
    """Bytes that operators read and write, and the FLOPs of their products.

    An operator reads each distinct byte of its arguments once and writes each of its results once;
    a view moves nothing. ``largest_bytes`` is what the one operator that moves most moves.
    """

    read_bytes: Whole = 0
    written_bytes: Whole = 0
    flops: Whole = 0
    largest_bytes: Whole = 0

    @property
    def moved_bytes(self) -> int:
        """Bytes read and written."""
        return self.read_bytes + self.written_bytes

    def __add__(self, other: "Work") -> "Work":
        """The work of both, one after the other."""
        return Work(
            read_bytes=self.read_bytes + other.read_bytes,
            written_bytes=self.written_bytes + other.written_bytes,
            flops=self.flops + other.flops,
            largest_bytes=max(self.largest_bytes, other.largest_bytes),
        )


class ModuleTraffic(Frozen, frozen=True, kw_only=True):
    """The work of the operators that ran directly in the module ``path``, not in its children.

    ``path`` is its dotted name ('' for the whole model). ``backward`` is the work of the autograd
    nodes that its forward created; it is None at inference.
    """

    path: Name
    forward: Work
    backward: Work | None = None


class OperatorTraffic(Frozen, frozen=True, kw_only=True):
    """The work of all ``calls`` of the operator ``name``, in the whole call."""

    name: Name
    calls: Whole
    work: Work


class Traffic(Measurement, frozen=True, kw_only=True, tag="traffic", tag_field="kind"):
    """The compulsory memory traffic of one call after a first one, by module and by operator.

    It is a lower bound: a cache that is too small, and workspaces inside operators, add to it.
    ``modules`` are all modules in order of registration, ``operators`` those that move something,
    the largest first. ``optimizer`` is the work of the optimizer's step; None at inference.
    """

    exact: ClassVar = ("traffic_bytes",)

    modules: tuple[ModuleTraffic, ...]
    operators: tuple[OperatorTraffic, ...]
    optimizer: Work | None = None
    counted_on: Basis = "fake"

    @property
    def forward(self) -> Work:
        """The work of the forward pass."""
        return sum((module.forward for module in self.modules), Work())

    @property
    def total(self) -> Work:
        """The work of the whole call: forward, and in training backward and optimizer."""
        backward = (module.backward for module in self.modules if module.backward is not None)
        return sum(backward, self.forward) + (self.optimizer or Work())

    @property
    def traffic_bytes(self) -> int:
        """The bytes that the whole call reads and writes."""
        return self.total.moved_bytes
