"""Live tensors over the course of one call, what of them each module takes, what autograd saves."""

from typing import TYPE_CHECKING

from ..records.measurement import Basis
from ..records.memory_series import MemorySeries
from ..records.run import Settings
from .base import measure

if TYPE_CHECKING:
    from ..plan.case import Case
    from .execution.subject import Subject


def _is_by_module(settings: Settings) -> bool:
    return settings.by_module


def _runs_as_written(case: "Case") -> bool:
    return case.form in {"eager", "fused"}


@measure(
    stage="memory_series",
    place="static",
    bases=("fake", "real"),
    applies=_is_by_module,
    covers=_runs_as_written,
    help="live tensors over a call, by kind and module, and what a checkpoint frees, exact",
)
def memory_series(subject: "Subject", basis: Basis = "fake") -> MemorySeries:
    """The series of one call on tensors of ``basis``; with fake ones, nothing is allocated."""
    from .execution.basis import call_on
    from .tracking.series import series

    with call_on(basis, subject) as call:
        return series(call)
