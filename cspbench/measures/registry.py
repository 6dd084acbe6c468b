"""The measures of one case by the stage that they are; latency is measured in groups."""

from collections.abc import Callable

from ..records.lines import Stage
from ..records.measurements import Allocated, Counts, GradientTerms, Graph, Resident, TensorPeak
from .base import Subject
from .counts import count
from .gradient_terms import gradient_terms
from .graph import graph
from .memory import allocated, tensor_peak
from .resident import resident

Found = Counts | TensorPeak | Allocated | Graph | Resident | GradientTerms

MEASURES: dict[Stage, Callable[[Subject], Found]] = {
    "counts": count,
    "tensor_peak": tensor_peak,
    "allocated": allocated,
    "graph": graph,
    "resident": resident,
    "gradient_terms": gradient_terms,
}
