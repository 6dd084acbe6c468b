"""The exact tensor peak of one call, on fake tensors where that is possible."""

from typing import TYPE_CHECKING

from ..records.measurement import Basis
from ..records.tensor_peak import TensorPeak
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="tensor_peak",
    place="static",
    bases=("fake", "real"),
    help="peak of live tensor storages, exact, from fake tensors",
)
def tensor_peak(subject: "Subject", basis: Basis = "fake") -> TensorPeak:
    """The tensor peak of one call on tensors of ``basis``; with fake ones, nothing is allocated."""
    from .execution.basis import call_on
    from .tracking.peaks import track

    with call_on(basis, subject) as call:
        return track(call)
