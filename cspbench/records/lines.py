"""The lines of ``records.jsonl``: measurements, launches and their samples, failures."""

from typing import Annotated, Literal

import msgspec

from ..choices import Allocator
from .base import (
    MAX_DETAIL,
    MAX_REASON,
    Detail,
    Elapsed,
    Failure,
    Frozen,
    Name,
    Reason,
    Samples,
    Seconds,
    Share,
    Whole,
    bound_texts,
    storable,
)
from .machine import Activity, GpuActivity
from .measurements import MEASUREMENTS, AnyMeasurement, stage_of
from .module_times import ModuleTimes
from .trainings import Training

YARDSTICK = "yardstick"
"""The key of the yardstick, the frozen workload that ties runs together."""

Stage = Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
"""The name of a measure, which is the tag of its record."""

Cause = Literal[
    "raised",
    "absent",
    "out_of_memory",
    "signal",
    "timeout",
    "exited",
    "too_large",
    "environment",
    "invalid",
]
"""Why something failed.

``environment``: the machine lacked something, such as room on a disk; a resumed run tries again.
``invalid``: what was measured is out of the bounds of a record.
"""


class Latency(Frozen, frozen=True, kw_only=True, tag="latency", tag_field="kind"):
    """The samples of one case in one launch: one a turn, in seconds per iteration.

    Cases of a launch may have taken different numbers of turns, the first ones. ``first_call_s`` is
    the time of the first call. ``warmup_iterations`` ran untimed before the turns; ``steady`` says
    whether warm-up ended because times were steady, not at its cap. ``untimed`` iterations preceded
    each sample.

    On a GPU, ``samples_s`` are timed by GPU events and ``host_samples_s`` are the same iterations
    by the host's clock, until the device is idle again (None on a CPU, and if the cache is flushed
    between calls). ``issued_share`` is the median share of a call's time that the host needs to
    issue it: near 1, the device waits for the host. ``graph_samples_s`` are samples of the same
    work replayed as a CUDA graph. ``throttled`` counts samples during which the clocks were held
    down.
    """

    case: Name
    launch: Whole
    samples_s: Samples
    iterations: Whole
    first_call_s: Seconds
    warmup_iterations: Whole
    steady: bool
    untimed: Whole = 1
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
    cases: tuple[Name, ...]
    seed: Whole
    threads: Whole
    allocator: Allocator
    activity: Activity
    seconds: Elapsed
    gpu: GpuActivity | None = None


class LaunchFailure(Frozen, frozen=True, kw_only=True, tag="launch_failure", tag_field="kind"):
    """A launch of ``cases`` that none of them is to blame for; its samples are left out.

    The yardstick could not be measured, its process was ended from outside, or its readings are out
    of bounds.
    """

    launch: Whole
    cases: tuple[Name, ...] = ()
    cause: Cause
    reason: Reason
    detail: Detail = ""

    def __post_init__(self) -> None:
        """Bound the texts."""
        bound_texts(self, reason=MAX_REASON, detail=MAX_DETAIL)


class BlockTraining(Frozen, frozen=True, kw_only=True, tag="training", tag_field="kind"):
    """One training of a block in a small classifier, from one seed."""

    case: Name
    training: Training


class CaseFailure(Frozen, frozen=True, kw_only=True, tag="failure", tag_field="kind"):
    """A case that could not be measured at a stage.

    ``is_fatal``: the case does not run, and was not measured further; otherwise it lacks this
    measure alone. ``reason`` is one line, ``detail`` a traceback or the end of the worker's output.
    ``requested_bytes`` is the size of the allocation that failed, if the error states it.
    """

    case: Name
    stage: Stage
    cause: Cause
    reason: Reason
    launch: Whole | None = None
    detail: Detail = ""
    requested_bytes: Whole | None = None
    is_fatal: bool = True

    def __post_init__(self) -> None:
        """Bound the texts."""
        bound_texts(self, reason=MAX_REASON, detail=MAX_DETAIL)


class Alterations(Frozen, frozen=True, kw_only=True, tag="alterations", tag_field="kind"):
    """What a case's code changes in its process: put back after its own calls, which run so.

    Each item of ``alters`` is a sentence whose subject is the case. ``lingers``: part of it, such
    as a thread, runs on beside the calls of others.
    """

    case: Name
    alters: tuple[Reason, ...]
    lingers: bool = False

    def __post_init__(self) -> None:
        """Bound the texts."""
        alters = tuple(storable(text, MAX_REASON) for text in self.alters)
        if alters != self.alters:
            msgspec.structs.force_setattr(self, "alters", alters)


class Printed(Frozen, frozen=True, kw_only=True, tag="printed", tag_field="kind"):
    """The end of what a model printed while its case was measured at ``stage``."""

    case: Name
    stage: Stage
    text: Detail

    def __post_init__(self) -> None:
        """Bound the text."""
        bound_texts(self, text=MAX_DETAIL)


Line = (
    AnyMeasurement
    | Latency
    | Launch
    | LaunchFailure
    | BlockTraining
    | ModuleTimes
    | CaseFailure
    | Printed
    | Alterations
)

STAGES = {*map(stage_of, MEASUREMENTS), "latency", "training", "module_times"}
"""The names of all measures."""


def launch_number(line: Line) -> int:
    """The number of the launch that ``line`` belongs to; 0 if it belongs to none."""
    return getattr(line, "launch", None) or 0
