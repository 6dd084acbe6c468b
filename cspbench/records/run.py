"""A run: what was asked for, on what it ran, and what is known of each case."""

from typing import Any, Literal, TypeVar

from ..plan.case import Case
from .base import Frozen, Whole
from .lines import CaseFailure, Latency, Launch, Stage
from .machine import Environment, Git, NoiseFloor
from .measurements import (
    MEASUREMENTS,
    Allocated,
    AnyMeasurement,
    Counts,
    Equivalence,
    GradientTerms,
    Graph,
    Measurement,
    Resident,
    TensorPeak,
)
from .trainings import Head, Training

SCHEMA = 2
Side = Literal["baseline", "candidate"]
SIDES: tuple[Side, Side] = ("baseline", "candidate")
MOST_SEED = 2**40

COSTS: tuple[Stage, ...] = ("counts", "tensor_peak", "allocated", "resident", "latency")
"""What a run measured whose ``run.json`` does not say."""

AMeasurement = TypeVar("AMeasurement", bound=Measurement)


class TrainingSettings(Frozen, frozen=True, kw_only=True):
    """How blocks are trained: ``seeds`` from the run's own on, each so many ``steps``.

    ``data`` is ``digits``, or ``package.module:callable`` that yields batches. ``head`` is what
    follows the block.
    """

    seeds: Whole
    steps: Whole
    data: str
    head: Head = "pool"


class Settings(Frozen, frozen=True, kw_only=True):
    """How a run is measured. Two runs into one folder must agree in all of it.

    ``device`` may name several GPUs, separated by commas. ``cold``: a GPU's L2 cache is flushed
    before each call. ``cuda_graph``: calls are replayed as a graph, too.
    """

    device: str
    threads: int
    launches: int
    turns: int
    min_time_s: float
    time_limit_s: float
    allocator: Literal["pinned", "system"]
    seed: Whole
    memory_budget_bytes: int
    budget_s: float | None = None
    training: TrainingSettings | None = None
    cold: bool = False
    cuda_graph: bool = False


class RunInfo(Frozen, frozen=True, kw_only=True):
    """``run.json``: what was asked for, and on what it ran.

    ``source`` is a hash over the package's own files, ``yardstick`` one over its definition;
    ``models`` are those of the files that name and define models of one's own, by their builders.
    ``revisions`` are the commits of both sides, where two revisions took turns. ``stages`` are what
    is measured of each case.
    """

    schema: int
    version: str
    command: str
    suite: str
    description: str
    cases: tuple[Case, ...]
    settings: Settings
    environment: Environment
    git: Git | None
    source: str
    yardstick: str
    started: str
    noise_floor: NoiseFloor | None = None
    revisions: dict[Side, str] = {}  # noqa: RUF012 -- msgspec copies it
    stages: tuple[Stage, ...] = COSTS
    models: dict[str, str] = {}  # noqa: RUF012 -- msgspec copies it


class Record(Frozen, frozen=True, kw_only=True):
    """All that is known of one case; an absent measurement is None, and `failures` says why.

    ``measurements`` holds one of a stage. ``latencies`` are of complete launches, in their order;
    which of them count is for `verdicts` to decide. ``trainings`` are of one seed each, in their
    order.
    """

    case: Case
    measurements: dict[Stage, AnyMeasurement] = {}  # noqa: RUF012 -- msgspec copies it
    latencies: tuple[Latency, ...] = ()
    trainings: tuple[Training, ...] = ()
    failures: tuple[CaseFailure, ...] = ()

    def get(self, kind: type[AMeasurement]) -> AMeasurement | None:
        """The measurement of that type."""
        measurement = self.measurements.get(stage_of(kind))
        return measurement if isinstance(measurement, kind) else None

    @property
    def counts(self) -> Counts | None:
        """Parameters, MACs and what else is counted."""
        return self.get(Counts)

    @property
    def tensor_peak(self) -> TensorPeak | None:
        """The exact peak of live tensors."""
        return self.get(TensorPeak)

    @property
    def allocated(self) -> Allocated | None:
        """Peaks on real tensors."""
        return self.get(Allocated)

    @property
    def graph(self) -> Graph | None:
        """What a captured CUDA graph keeps."""
        return self.get(Graph)

    @property
    def resident(self) -> Resident | None:
        """The operating system's high-water mark."""
        return self.get(Resident)

    @property
    def gradient_terms(self) -> GradientTerms | None:
        """The gradient terms of each weight's update."""
        return self.get(GradientTerms)

    @property
    def equivalence(self) -> Equivalence | None:
        """Whether two revisions compute the same."""
        return self.get(Equivalence)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values, each stage's measurement under its name."""
        plain = super().to_dict()
        measured = plain.pop("measurements")
        stages = map(stage_of, MEASUREMENTS)
        return {"case": plain.pop("case"), **{s: measured.get(s) for s in stages}, **plain}


class Run(Frozen, frozen=True, kw_only=True):
    """A run as read from its folder, records in suite order.

    ``yardstick`` holds the yardstick's samples by launch. ``notes`` say what was left out of
    reading: a torn last line, samples of a launch that was cut off. ``last_launch`` is the highest
    number that a launch was given, cut off or not.
    """

    info: RunInfo
    records: tuple[Record, ...]
    launches: tuple[Launch, ...]
    yardstick: tuple[Latency, ...]
    last_launch: int = 0
    notes: tuple[str, ...] = ()


def stage_of(kind: type[Measurement]) -> Stage:
    """The stage whose result is of that type."""
    return str(kind.__struct_config__.tag)
