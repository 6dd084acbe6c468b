"""The measures of one case by the stage that they are; latency is measured in groups."""

from collections.abc import Callable

from ..records import Allocated, Counts, Resident, Stage, TensorPeak
from .base import Subject
from .counts import count
from .memory import allocated, tensor_peak
from .resident import resident

MEASURES: dict[Stage, Callable[[Subject], Counts | TensorPeak | Allocated | Resident]] = {
    "counts": count,
    "tensor_peak": tensor_peak,
    "allocated": allocated,
    "resident": resident,
}
