"""Seconds per call of a case, in launches in which cases take turns."""

from typing import TYPE_CHECKING

from ..records.base import Failure
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject
    from .timing.benchmark import Benchmark
    from .timing.timer import Timer


@measure(
    stage="latency",
    place="turns",
    help="seconds per call in inference or per training step, in launches and turns",
)
def latency(
    subject: "Subject",
    timer: "Timer",
    *,
    graph: bool | Failure = False,
    iterations: int | None = None,
) -> "Benchmark":
    """Build a case and return its benchmark, warmed up and calibrated.

    ``graph``: also time the calls as a replayed CUDA graph, or the reason why that is impossible.
    ``iterations``: those of a sample, if an earlier launch was calibrated (`Timer.prepare`).
    """
    from .forms.timed import timed_call

    return timer.prepare(subject.case.key, timed_call(subject), graph=graph, iterations=iterations)
