"""The lines of ``records.jsonl``: measurements, launches and their samples, failures."""

from typing import Annotated, Literal

import msgspec

from .base import Failure, Frozen, Samples, Seconds, Share, Whole
from .machine import Activity, GpuActivity
from .measurements import MEASUREMENTS, AnyMeasurement, stage_of
from .trainings import Training

YARDSTICK = "yardstick"
"""The key of the yardstick, the frozen workload that ties runs together."""

Stage = Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
"""The name of a measure, which is the tag of its record."""

Cause = Literal["raised", "absent", "out_of_memory", "signal", "timeout", "exited", "too_large"]


class Latency(Frozen, frozen=True, kw_only=True, tag="latency", tag_field="kind"):
    """The samples of one case in one launch: one a turn, in seconds per iteration.

    ``first_call_s`` is the time of the first call. ``warmup_iterations`` ran untimed before the
    turns; ``steady`` says whether warm-up ended because times were steady, not at its cap.

    On a GPU, ``samples_s`` are timed by GPU events and ``host_samples_s`` are the same iterations
    by the host's clock, until the device is idle again (None on a CPU, and if the cache is flushed
    between calls). ``issued_share`` is the median share of a call's time that the host needs to
    issue it: near 1, the device waits for the host. ``graph_samples_s`` are samples of the same
    work replayed as a CUDA graph. ``throttled`` counts samples during which the clocks were held
    down.
    """

    case: str
    launch: Whole
    samples_s: Samples
    iterations: Whole
    first_call_s: Seconds
    warmup_iterations: Whole
    steady: bool
    host_samples_s: Samples | None = None
    issued_share: Share | None = None
    graph_samples_s: Samples | Failure | None = None
    throttled: Whole = 0


class Launch(Frozen, frozen=True, kw_only=True, tag="launch", tag_field="kind"):
    """One completed launch: a fresh process in which ``cases`` took turns.

    ``allocator`` is the mode in force. ``activity`` covers the turns only, ``seconds`` the whole
    launch, building and warm-up included. ``gpu`` is None on a CPU.
    """

    launch: Whole
    cases: tuple[str, ...]
    seed: Whole
    threads: int
    allocator: Literal["pinned", "system"]
    activity: Activity
    seconds: float
    gpu: GpuActivity | None = None


class BlockTraining(Frozen, frozen=True, kw_only=True, tag="training", tag_field="kind"):
    """One training of a block in a small classifier, from one seed."""

    case: str
    training: Training


class CaseFailure(Frozen, frozen=True, kw_only=True, tag="failure", tag_field="kind"):
    """A case that could not be measured at a stage.

    ``is_fatal``: the case does not run, and was not measured further; otherwise it lacks this
    measure alone. ``reason`` is one line, ``detail`` a traceback or the end of the worker's output.
    ``requested_bytes`` is the size of the allocation that failed, if the error states it.
    """

    case: str
    stage: Stage
    cause: Cause
    reason: str
    launch: Whole | None = None
    detail: str = ""
    requested_bytes: Whole | None = None
    is_fatal: bool = True


class Alterations(Frozen, frozen=True, kw_only=True, tag="alterations", tag_field="kind"):
    """What a case's code changes in its process: put back after its own calls, which run so.

    Each item of ``alters`` is a sentence whose subject is the case. ``lingers``: part of it, such
    as a thread, runs on beside the calls of others.
    """

    case: str
    alters: tuple[str, ...]
    lingers: bool = False


class Printed(Frozen, frozen=True, kw_only=True, tag="printed", tag_field="kind"):
    """The end of what a model printed while its case was measured at ``stage``."""

    case: str
    stage: Stage
    text: str


Line = AnyMeasurement | Latency | Launch | BlockTraining | CaseFailure | Printed | Alterations

STAGES = {*map(stage_of, MEASUREMENTS), "latency", "training"}
"""The names of all measures."""


def launch_number(line: Line) -> int:
    """The number of the launch that ``line`` belongs to; 0 if it belongs to none."""
    return getattr(line, "launch", None) or 0
