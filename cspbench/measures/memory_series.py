"""Live tensors over the course of one call, what of them each module takes, what autograd saves."""

from typing import TYPE_CHECKING

from ..records.measurement import Basis
from ..records.memory_series import MemorySeries
from .base import calls_modules, is_by_module, measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="memory_series",
    place="static",
    bases=("fake", "real"),
    help="live tensors over a call by module, and what a checkpoint frees, exact (--by-module)",
    applies=is_by_module,
    covers=calls_modules,
)
def memory_series(subject: "Subject", basis: Basis = "fake") -> MemorySeries:
    """The series of one call on tensors of ``basis``; with fake ones, nothing is allocated."""
    from .execution.basis import call_on
    from .tracking.series import series

    with call_on(basis, subject) as call:
        return series(call)
