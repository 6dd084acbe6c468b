"""The exact tensor peak of one call, on fake tensors."""

from typing import TYPE_CHECKING

from ..records.measurements import TensorPeak
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="tensor_peak",
    place="static",
    help="peak of live tensor storages, exact, from fake tensors",
)
def tensor_peak(subject: "Subject") -> TensorPeak:
    """The tensor peak of one call on fake tensors; nothing is allocated."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    from .tracking.peaks import track

    mode = FakeTensorMode()
    with mode:
        module = subject.fake(mode)
        return track(subject, module, "cpu")
