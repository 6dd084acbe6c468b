"""The roofline: how near a call, or a part of one, comes to what its device can do.

An operator needs at least the time of its FLOPs at the device's peak, and that of its bytes at the
bandwidth of the smallest memory that may hold them: the longer of the two is its least time. Parts
run one after the other, so that their least times add up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..choices import Precision
from ..plan.case import is_gpu
from ..records.ceilings import Bandwidth, Ceilings
from ..records.run import Record
from ..records.traffic import Operator, Work
from .profiles import over_profiles

COMPUTE = "compute"
"""The roof of an operator whose FLOPs take longer than its bytes; others are those of a level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """The ``work`` of operators that took ``seconds``, beside the least that they need.

    ``least_s`` are the seconds that they need at least, by roof: ``compute``, or the level of
    memory that their bytes come from.
    """

    work: Work
    seconds: float
    least_s: Mapping[str, float]

    @property
    def intensity(self) -> float:
        """FLOPs a byte; 0 if nothing is moved."""
        return self.work.flops / self.work.moved_bytes if self.work.moved_bytes else 0.0

    @property
    def flops_per_s(self) -> float:
        """The FLOPs a second that were reached."""
        return self.work.flops / self.seconds

    @property
    def bytes_per_s(self) -> float:
        """The bytes a second that were reached."""
        return self.work.moved_bytes / self.seconds

    @property
    def share(self) -> float:
        """The least time over the time taken: 1 at the roof."""
        return sum(self.least_s.values()) / self.seconds

    @property
    def roof(self) -> str:
        """The roof that most of the least time is owed to; '' if there is none."""
        return max(self.least_s, key=lambda name: self.least_s[name], default="")


def computes_in(precision: Precision, device: str) -> Precision:
    """The precision of products of a case in ``precision``: with autocast, the device's own."""
    if precision != "amp":
        return precision
    return "fp16" if is_gpu(device) else "bf16"


def ceilings_for(every: Sequence[Ceilings], device: str, precision: Precision) -> Ceilings | None:
    """The ceilings of ``device`` if they hold the peak of ``precision``; else None."""
    for ceilings in every:
        if ceilings.device == device and computes_in(precision, device) in ceilings.peaks:
            return ceilings
    return None


def position(
    operators: Iterable[Operator], seconds: float, ceilings: Ceilings, precision: Precision
) -> Position:
    """Where ``operators`` of a case in ``precision``, which took ``seconds``, stand.

    ``ceilings`` are those of `ceilings_for`.
    """
    listed = list(operators)
    peak = ceilings.peaks[computes_in(precision, ceilings.device)].flops_per_s
    least_s: dict[str, float] = {}
    for operator in listed:
        compute_s = operator.flops / peak
        level = level_of(operator, ceilings)
        memory_s = operator.moved_bytes / level.bytes_per_s
        roof = COMPUTE if compute_s >= memory_s else level.level
        least = operator.calls * max(compute_s, memory_s)
        least_s[roof] = least_s.get(roof, 0.0) + least
    return Position(work=Work.of(listed), seconds=seconds, least_s=MappingProxyType(least_s))


class Roofline:
    """The roofline of a case: its operators by module, and their times over its profiles."""

    def __init__(self, record: Record, ceilings: Ceilings) -> None:
        self._precision = record.case.precision
        self._ceilings = ceilings
        self._operators: dict[str, tuple[Operator, ...]] = {}
        if record.traffic is not None:
            self._operators = {
                module.path: module.forward + module.backward for module in record.traffic.modules
            }
        self._optimizer = () if record.traffic is None else record.traffic.optimizer
        self._self_s = [
            {module.path: module.self_s for module in times.modules}
            for times in record.module_times
        ]

    @classmethod
    def of(cls, record: Record, every: Sequence[Ceilings]) -> "Roofline | None":
        """The roofline of a case; None without its traffic, or ceilings of it among ``every``."""
        ceilings = ceilings_for(every, record.case.device, record.case.precision)
        return None if ceilings is None or record.traffic is None else cls(record, ceilings)

    def call(self, seconds: float) -> Position:
        """Where a whole call stands that takes ``seconds``."""
        operators = [item for module in self._operators.values() for item in module]
        return self._position([*operators, *self._optimizer], seconds)

    def modules(self, paths: Iterable[str]) -> Position | None:
        """Where the modules called ``paths`` stand with what ran directly in them.

        None if they moved nothing or took no time.
        """
        listed = list(paths)
        operators = [item for path in listed for item in self._operators.get(path, ())]
        if not operators or not self._self_s:
            return None
        seconds = over_profiles(
            [sum(times.get(path, 0.0) for path in listed) for times in self._self_s]
        ).value
        return self._position(operators, seconds) if seconds > 0 else None

    def each_module(self) -> dict[str, Position]:
        """The position of each module that has one, by its dotted name."""
        positions = ((path, self.modules([path])) for path in self._operators)
        return {path: at for path, at in positions if at is not None}

    def _position(self, operators: Iterable[Operator], seconds: float) -> Position:
        return position(operators, seconds, self._ceilings, self._precision)


def level_of(operator: Operator, ceilings: Ceilings) -> Bandwidth:
    """The smallest memory that holds all that the operator reads.

    The operator before may have left it there.
    """
    for bandwidth in ceilings.bandwidths:
        if bandwidth.capacity_bytes is None or operator.read_bytes <= bandwidth.capacity_bytes:
            return bandwidth
    return ceilings.bandwidths[-1]
