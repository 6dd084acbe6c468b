"""Compulsory memory traffic of one call: what its operators must at least read and write."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from .base import Frozen, Name, Whole
from .measurement import Basis, Measurement


class Operator(Frozen, frozen=True, kw_only=True):
    """``calls`` calls of an operator that each read and write as much, in bytes.

    Each distinct byte of the arguments is read once, and each result written once; a view moves
    nothing. ``flops`` are those of the products in one call.
    """

    name: Name
    calls: Whole
    read_bytes: Whole
    written_bytes: Whole
    flops: Whole

    @property
    def moved_bytes(self) -> int:
        """Bytes that one call reads and writes."""
        return self.read_bytes + self.written_bytes


class Work(Frozen, frozen=True, kw_only=True):
    """What several operators read and write, in bytes, and the FLOPs of their products."""

    read_bytes: Whole
    written_bytes: Whole
    flops: Whole

    @classmethod
    def of(cls, operators: Iterable[Operator]) -> "Work":
        """The work of all calls of ``operators``."""
        listed = list(operators)
        return cls(
            read_bytes=sum(operator.calls * operator.read_bytes for operator in listed),
            written_bytes=sum(operator.calls * operator.written_bytes for operator in listed),
            flops=sum(operator.calls * operator.flops for operator in listed),
        )

    @property
    def moved_bytes(self) -> int:
        """Bytes read and written."""
        return self.read_bytes + self.written_bytes


class ModuleTraffic(Frozen, frozen=True, kw_only=True):
    """The operators that ran directly in the module ``path``, not in its children.

    ``path`` is its dotted name ('' for the whole model). ``backward`` holds the operators of the
    autograd nodes that its forward created; it is empty at inference.
    """

    path: Name
    forward: tuple[Operator, ...] = ()
    backward: tuple[Operator, ...] = ()


class Traffic(Measurement, frozen=True, kw_only=True, tag="traffic", tag_field="kind"):
    """The compulsory memory traffic of one call after a first one, by module and operator.

    It is a lower bound: caches that are too small, and workspaces inside operators, add to it.
    ``modules`` are in order of registration, without those that have no operators of their own.
    ``optimizer`` holds the operators of the optimizer's step. Operators without bytes and FLOPs are
    left out.
    """

    exact: ClassVar = ("traffic_bytes",)

    modules: tuple[ModuleTraffic, ...]
    optimizer: tuple[Operator, ...] = ()
    counted_on: Basis = "fake"

    @property
    def operators(self) -> Iterator[Operator]:
        """All operators: those of modules, forward before backward, then the optimizer's."""
        for module in self.modules:
            yield from module.forward
            yield from module.backward
        yield from self.optimizer

    @property
    def total(self) -> Work:
        """The work of the whole call."""
        return Work.of(self.operators)

    @property
    def traffic_bytes(self) -> int:
        """The bytes that the whole call reads and writes."""
        return self.total.moved_bytes
