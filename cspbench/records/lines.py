"""The lines of ``records.jsonl``: measurements, launches and their samples, failures."""

from typing import Annotated, Literal

import msgspec

from .base import Failure, Frozen, Samples, Seconds, Share, Whole
from .machine import Activity, GpuActivity
from .measurements import AnyMeasurement
from .trainings import Training

YARDSTICK = "yardstick"
"""In place of a case's key: the frozen workload that ties runs together."""

Stage = Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
"""The name of a measure: the tag of its record."""

Cause = Literal["raised", "absent", "out_of_memory", "signal", "timeout", "exited", "too_large"]


class Latency(Frozen, frozen=True, kw_only=True, tag="latency", tag_field="kind"):
    """Samples of one case in one launch: one a turn, in seconds per iteration.

    ``first_call_s`` is the first call's time; ``warmup_iterations`` ran untimed before the turns,
    and ``steady`` says whether warm-up ended on steadiness rather than at its cap.

    On a GPU ``samples_s`` are by its own events, ``host_samples_s`` of the same iterations by the
    host's clock, until the device is idle again (None on a CPU, and where the cache is flushed in
    between); ``issued_share`` is the part of a single call's time after which the host had handed
    it over (median): near 1, the device waited for the host. ``graph_samples_s`` are of the same
    work as a replayed CUDA graph. ``throttled`` counts the samples in which something held the
    clocks down.
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
    """One launch that ended well: a fresh process in which ``cases`` took turns.

    ``allocator`` is the mode in force. ``activity`` is of the turns; ``seconds`` are of the whole
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
    """One training of a block, of one seed, inside a small classifier."""

    case: str
    training: Training


class CaseFailure(Frozen, frozen=True, kw_only=True, tag="failure", tag_field="kind"):
    """A case that could not be measured at a stage; ``reason`` is one line, ``detail`` the rest.

    ``requested_bytes`` is what was asked for where memory ran out, as far as it was told.
    """

    case: str
    stage: Stage
    cause: Cause
    reason: str
    launch: Whole | None = None
    detail: str = ""
    requested_bytes: Whole | None = None


Line = AnyMeasurement | Latency | Launch | BlockTraining | CaseFailure


def launch_number(line: Line) -> int:
    """The launch that a line belongs to; 0 where it belongs to none."""
    return getattr(line, "launch", None) or 0
