"""Live tensor storages over the course of one call, by kind, and what of them modules account for.

Paths of modules and names of operators stand once; all else refers to them by index.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Annotated, Literal, get_args

import msgspec

from .base import Failure, Frozen, Name, Whole
from .measurement import Basis, Measurement
from .tensor_peak import Split

Kind = Literal[
    "weights", "buffers", "inputs", "activations", "gradients", "optimizer_state", "other"
]
"""A kind of `Split`."""
KINDS: tuple[Kind, ...] = get_args(Kind)

CallPhase = Literal["forward", "backward", "optimizer"]
"""A phase of a call; at inference there is the first alone."""
CALL_PHASES: tuple[CallPhase, ...] = get_args(CallPhase)

Change = Literal["", "list", "in_place"]
"""How what a module takes is changed after its call, if it is."""

Difference = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Changes(Frozen, frozen=True, kw_only=True):
    """The points at which the bytes of one kind change, and by how much.

    ``steps`` are the distances between these points, the first from the start of the series.
    """

    steps: tuple[Whole, ...]
    bytes: tuple[Difference, ...]


class MemoryPoint(Frozen, frozen=True, kw_only=True):
    """What is live when ``number`` operators of the call have ended.

    ``operator`` is the one that has just ended, '' at the start of a phase and at the end of the
    call. ``module`` is the path of the one that it ran in, '' for the whole model; in the backward
    pass, of the module whose forward created the running autograd node.
    """

    number: Whole
    operator: Name
    module: Name
    phase: CallPhase
    live: Split


class ModuleMemory(Frozen, frozen=True, kw_only=True, array_like=True):
    """What the calls of one module in the forward pass take, its children included.

    ``module`` is an index of `MemorySeries.modules`. ``output_bytes`` are those of storages that
    arose in the module and that its output holds, over all ``calls``; ``freed_after`` is the number
    of operators after which the last of them is gone, None if that outlives the call.
    ``needed_bytes`` is the highest sum of live storages while it ran, less the sum at its entry;
    ``working_bytes`` is that part of it which is not its output. Both are those of its most
    demanding call.
    """

    module: Whole
    calls: Whole
    output_bytes: Whole
    freed_after: Whole | None
    needed_bytes: Whole
    working_bytes: Whole


class SavedStorage(Frozen, frozen=True, kw_only=True, array_like=True):
    """A storage of the forward pass, and the modules in which autograd saved it, first one first.

    ``savers`` are indices of `MemorySeries.modules`, each of the innermost running module. A
    storage without savers is one that a module takes as input or that outlives the forward pass.
    """

    size_bytes: Whole
    savers: tuple[Whole, ...]


class ModuleInputs(Frozen, frozen=True, kw_only=True, array_like=True):
    """The storages, as indices of `SavedTensors.storages`, that a module takes as input.

    ``changed`` says how they change between the module's call and the end of the forward pass, so
    that running it again would compute something else: ``list``, a list or other container holds
    other tensors then; ``in_place``, their values are overwritten.
    """

    module: Whole
    storages: tuple[Whole, ...]
    changed: Change = ""


class SavedTensors(Frozen, frozen=True, kw_only=True):
    """The storages that live on after the forward pass of a training step, and why.

    They are in the order in which they were first saved or taken as input. Weights, buffers and the
    model's own input, which live on anyway, are left out. ``held`` are the indices of those that
    something other than autograd holds: those of the model's output, and what the model keeps.
    """

    storages: tuple[SavedStorage, ...]
    inputs: tuple[ModuleInputs, ...]
    held: tuple[Whole, ...]


class MemorySeries(Measurement, frozen=True, kw_only=True, tag="memory_series", tag_field="kind"):
    """Live tensor storages by kind over the course of one call, after a first one, exact.

    A point is the end of an operator with which a sum has changed, the start of a phase, or the end
    of the call. Its figures are of what is live then: what is freed between two operators is
    missing at the second, and tensors of parts of a composite operator have points of their own.
    Memory that a single operator allocates and frees is not seen. ``steps`` are the numbers of
    operators between the points, ``operator`` and ``module`` indices of ``operators`` and
    ``modules`` for each point, ``begins`` the index of the first point of each phase.

    ``by_module`` are the modules that ran, in order of their first call. ``saved`` says what
    autograd saves for the backward pass; None at inference, and where ``saved_failure`` says why it
    could not be observed.
    """

    operators: tuple[Name, ...]
    modules: tuple[Name, ...]
    begins: tuple[Whole, ...]
    steps: tuple[Whole, ...]
    operator: tuple[Whole, ...]
    module: tuple[Whole, ...]
    changes: dict[Kind, Changes]
    by_module: tuple[ModuleMemory, ...] = ()
    saved: SavedTensors | None = None
    saved_failure: Failure | None = None
    counted_on: Basis = "fake"

    def __post_init__(self) -> None:
        """Raise ValueError for parts that do not fit each other."""
        length = len(self.steps)
        if not length or {len(self.operator), len(self.module)} != {length}:
            raise ValueError("steps, operator and module must have one value for each point")
        if not 0 < len(self.begins) <= len(CALL_PHASES) or self.begins[0]:
            raise ValueError("begins must have the first point of each phase, from 0 on")
        if sorted(self.begins) != list(self.begins):
            raise ValueError("begins must be in order")
        _check_indices("begins", self.begins, length)
        _check_indices("operator", self.operator, len(self.operators))
        _check_indices("module", self.module, len(self.modules))
        _check_indices("by_module", (row.module for row in self.by_module), len(self.modules))
        for kind, changes in self.changes.items():
            if len(changes.steps) != len(changes.bytes):
                raise ValueError(f"changes of {kind} must have one size for each step")
            _check_indices(f"changes of {kind}", accumulate(changes.steps), length)
            if min(accumulate(changes.bytes), default=0) < 0:
                raise ValueError(f"{kind} must not fall below 0")
        if self.saved is not None:
            _check_saved(self.saved, len(self.modules))

    def live(self, kind: Kind) -> list[int]:
        """The bytes of one kind at each point."""
        changes = self.changes.get(kind)
        differences = [0] * len(self.steps)
        if changes is not None:
            for index, size in zip(accumulate(changes.steps), changes.bytes, strict=True):
                differences[index] += size
        return list(accumulate(differences))

    @property
    def numbers(self) -> list[int]:
        """The number of operators that have ended at each point."""
        return list(accumulate(self.steps))

    @property
    def totals(self) -> list[int]:
        """The bytes of all kinds at each point."""
        differences = [0] * len(self.steps)
        for changes in self.changes.values():
            for index, size in zip(accumulate(changes.steps), changes.bytes, strict=True):
                differences[index] += size
        return list(accumulate(differences))

    @property
    def points(self) -> list[MemoryPoint]:
        """All points, in order."""
        live = {kind: self.live(kind) for kind in KINDS}
        return [
            MemoryPoint(
                number=number,
                operator=self.operators[self.operator[index]],
                module=self.modules[self.module[index]],
                phase=phase,
                live=Split(**{kind: sizes[index] for kind, sizes in live.items()}),
            )
            for index, (number, phase) in enumerate(zip(self.numbers, self._phases(), strict=True))
        ]

    @property
    def peak_index(self) -> int:
        """The index of the first point with the highest sum."""
        totals = self.totals
        return totals.index(max(totals))

    @property
    def peak(self) -> MemoryPoint:
        """The first point with the highest sum."""
        return self.points[self.peak_index]

    @property
    def peak_tensor_bytes(self) -> int:
        """The highest sum: that of `TensorPeak`."""
        return max(self.totals)

    @property
    def after_forward(self) -> MemoryPoint | None:
        """What is live between the forward and the backward pass; None at inference."""
        return self.points[self.begins[1]] if len(self.begins) > 1 else None

    def outline(self, most: int) -> list[int]:
        """The indices of at most ``most`` points, or few more, that show the course of the call.

        Of points that follow each other they are the highest, with the starts of all phases and the
        end. The peak is among them.
        """
        totals = self.totals
        size = -(-len(totals) // most)
        chosen = {*self.begins, len(totals) - 1, self.peak_index}
        for start in range(0, len(totals), size):
            chosen.add(max(range(start, min(start + size, len(totals))), key=totals.__getitem__))
        return sorted(chosen)

    def _phases(self) -> Iterator[CallPhase]:
        ends = (*self.begins[1:], len(self.steps))
        for phase, begin, end in zip(CALL_PHASES, self.begins, ends, strict=False):
            for _ in range(begin, end):
                yield phase


def _check_saved(saved: SavedTensors, modules: int) -> None:
    number = len(saved.storages)
    for storage in saved.storages:
        _check_indices("savers", storage.savers, modules)
    for inputs in saved.inputs:
        _check_indices("inputs", (inputs.module,), modules)
        _check_indices("inputs", inputs.storages, number)
    _check_indices("held", saved.held, number)


def _check_indices(name: str, indices: Iterable[int], length: int) -> None:
    if any(index >= length for index in indices):
        raise ValueError(f"{name} must be below {length}")
