"""The compulsory memory traffic of one call, on fake tensors where that is possible."""

from typing import TYPE_CHECKING

from ..choices import FORMS
from ..plan.case import Case
from ..records.measurement import Basis
from ..records.run import Settings
from ..records.traffic import Traffic
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject

_FORMS = {FORMS[0], "fused"}  # whose operators are seen one by one


def _is_requested(settings: Settings) -> bool:
    return settings.by_module


def _is_seen(case: Case) -> bool:
    return case.form in _FORMS


@measure(
    stage="traffic",
    place="static",
    bases=("fake", "real"),
    help="bytes that operators read and write, and FLOPs, by module, exact (--by-module)",
    applies=_is_requested,
    covers=_is_seen,
)
def traffic(subject: "Subject", basis: Basis = "fake") -> Traffic:
    """The traffic of one call on tensors of ``basis``; with fake ones, nothing is allocated.

    Meta tensors would not do: autocast leaves them in the precision that they have.
    """
    from .execution.basis import call_on
    from .moving.log import traffic_of

    with call_on(basis, subject) as call:
        return traffic_of(call)
