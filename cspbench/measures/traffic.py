"""The compulsory memory traffic of one call, on fake tensors where that is possible."""

from typing import TYPE_CHECKING

from ..records.measurement import Basis
from ..records.traffic import Traffic
from .base import calls_modules, is_by_module, measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="traffic",
    place="static",
    bases=("fake", "real"),
    help="bytes that operators read and write, and FLOPs, by module, exact (--by-module)",
    applies=is_by_module,
    covers=calls_modules,
)
def traffic(subject: "Subject", basis: Basis = "fake") -> Traffic:
    """The traffic of one call on tensors of ``basis``; with fake ones, nothing is allocated.

    Meta tensors would not do: autocast leaves them in the precision that they have.
    """
    from .execution.basis import call_on
    from .moving.log import traffic_of

    with call_on(basis, subject) as call:
        return traffic_of(call)
