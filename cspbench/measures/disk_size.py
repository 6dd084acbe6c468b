"""The size of a model's weights on disk, as `torch.save` and safetensors would store them."""

from typing import TYPE_CHECKING

from ..records.measurement import Basis
from ..records.measurements import DiskSize
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="disk_size",
    place="static",
    help="bytes of the weights as torch.save and safetensors store them; nothing is written",
)
def disk_size(subject: "Subject", basis: Basis = "meta") -> DiskSize:
    """The size on disk of a case's weights in its precision; nothing is written."""
    from .execution.basis import call_on
    from .execution.state_size import state_bytes

    with call_on(basis, subject) as call:
        return DiskSize(case=subject.case.key, disk_bytes=state_bytes(call.module))
