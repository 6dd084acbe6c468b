"""A run: its settings, its environment, and the record of each case."""

from typing import Any, Literal, TypeVar

from ..choices import Allocator, Head
from ..plan.case import Case
from .base import MAX_DETAIL, Detail, Elapsed, Frozen, Name, Seconds, Whole, bound_texts
from .ceilings import Ceilings
from .deployment import Deployment
from .gate import Gate
from .lines import STAGES, CaseFailure, Latency, Launch, Printed, Stage
from .machine import Environment, Git, NoiseFloor
from .measurement import Measurement
from .measurements import (
    MEASUREMENTS,
    Allocated,
    AnyMeasurement,
    Counts,
    Energy,
    Equivalence,
    GradientTerms,
    Graph,
    Resident,
    stage_of,
)
from .memory_series import MemorySeries
from .module_times import ModuleTimes
from .tensor_peak import TensorPeak
from .traffic import Traffic
from .trainings import Training

SCHEMA = 2
Side = Literal["baseline", "candidate"]
SIDES: tuple[Side, Side] = ("baseline", "candidate")
MAX_SEED = 2**40

COSTS: tuple[Stage, ...] = ("counts", "tensor_peak", "allocated", "resident", "latency")
"""The stages of a run whose ``run.json`` does not list them."""

AMeasurement = TypeVar("AMeasurement", bound=Measurement)


class TrainingSettings(Frozen, frozen=True, kw_only=True):
    """How blocks are trained: with ``seeds`` seeds from the run's seed on, for ``steps`` steps.

    ``data`` is ``digits``, or ``package.module:callable`` that yields batches. ``head`` follows
    the block in the classifier.
    """

    seeds: Whole
    steps: Whole
    data: Name
    head: Head = "pool"


class Settings(Frozen, frozen=True, kw_only=True):
    """How a run is measured; a run is only resumed with equal settings.

    ``launches`` are those of each case, with a budget those before its first verdict. ``turns`` is
    None if each case and launch has its own number. ``device`` may name several GPUs, separated by
    commas. ``cold``: the GPU's L2 cache is flushed before each call. ``cuda_graph``: calls are also
    timed as a replayed CUDA graph. ``energy``: the energy of a call is measured, apart from all
    timing. ``by_module``: time, memory and memory traffic are measured by module, too, likewise
    apart.
    """

    device: Name
    threads: Whole
    launches: Whole
    turns: Whole | None
    min_time_s: Elapsed
    time_limit_s: Seconds
    allocator: Allocator
    seed: Whole
    memory_budget_bytes: Whole
    budget_s: Elapsed | None = None
    training: TrainingSettings | None = None
    cold: bool = False
    cuda_graph: bool = False
    energy: bool = False
    by_module: bool = False


class RunInfo(Frozen, frozen=True, kw_only=True):
    """``run.json``: cases, settings and environment of a run.

    ``source`` is a hash of the package's files, ``yardstick`` a hash of the yardstick's definition.
    ``models`` holds a hash of the files that make up each model outside the catalogue, by its
    builder, ``repositories`` the commit of its own repository. ``revisions`` holds the commit of
    each side if two revisions took turns, ``gate`` the changes that matter between them. ``stages``
    are the measures taken of each case. ``ceilings`` are those of the devices, for the rooflines of
    a run by module.
    """

    schema: int
    version: Name
    command: Detail
    suite: Name
    description: Detail
    cases: tuple[Case, ...]
    settings: Settings
    environment: Environment
    git: Git | None
    source: Name
    yardstick: Name
    started: Name
    noise_floor: NoiseFloor | None = None
    ceilings: tuple[Ceilings, ...] = ()
    revisions: dict[Side, Name] = {}  # noqa: RUF012 -- msgspec copies it
    stages: tuple[Stage, ...] = COSTS
    models: dict[Name, Name] = {}  # noqa: RUF012 -- msgspec copies it
    repositories: dict[Name, Git] = {}  # noqa: RUF012 -- msgspec copies it
    gate: Gate = Gate()

    @property
    def measured_commit(self) -> Git | None:
        """The commit of the repository of all models, if there is one such; else cspbench's."""
        commits = set(self.repositories.values())
        return commits.pop() if len(commits) == 1 else self.git

    def __post_init__(self) -> None:
        """Bound the texts; raise ValueError for a stage that no record is of."""
        bound_texts(self, command=MAX_DETAIL, description=MAX_DETAIL)
        if unknown := [stage for stage in self.stages if stage not in STAGES]:
            raise ValueError(f"no measure is named {unknown[0]!r}")


class Record(Frozen, frozen=True, kw_only=True):
    """Everything measured of one case.

    ``measurements`` are by stage; a missing one was not measured, or ``failures`` says why.
    ``latencies`` are those of complete launches, in order; `verdicts.launches` decides which of
    them count. ``trainings`` are ordered by seed, ``module_times`` by number. ``printed`` is what
    the model printed, ``alters`` says what its code changes in its process: in force during its own
    calls only. ``lingers``: part of it runs on between its calls, so that it shares launches with
    its reference alone.
    """

    case: Case
    measurements: dict[Stage, AnyMeasurement] = {}  # noqa: RUF012 -- msgspec copies it
    latencies: tuple[Latency, ...] = ()
    trainings: tuple[Training, ...] = ()
    module_times: tuple[ModuleTimes, ...] = ()
    failures: tuple[CaseFailure, ...] = ()
    printed: tuple[Printed, ...] = ()
    alters: tuple[str, ...] = ()
    lingers: bool = False

    def get(self, kind: type[AMeasurement]) -> AMeasurement | None:
        """The measurement of the type ``kind``; None if there is none."""
        measurement = self.measurements.get(stage_of(kind))
        return measurement if isinstance(measurement, kind) else None

    @property
    def has_failed(self) -> bool:
        """Whether the case does not run, so that it was not measured further."""
        return any(failure.is_fatal for failure in self.failures)

    @property
    def counts(self) -> Counts | None:
        """Parameters, MACs and other counts."""
        return self.get(Counts)

    @property
    def tensor_peak(self) -> TensorPeak | None:
        """The exact peak of live tensors."""
        return self.get(TensorPeak)

    @property
    def memory_series(self) -> MemorySeries | None:
        """Live tensors over the course of a call."""
        return self.get(MemorySeries)

    @property
    def allocated(self) -> Allocated | None:
        """Peaks on real tensors."""
        return self.get(Allocated)

    @property
    def graph(self) -> Graph | None:
        """The memory that a captured CUDA graph keeps."""
        return self.get(Graph)

    @property
    def energy(self) -> Energy | None:
        """The energy of a GPU while it makes calls."""
        return self.get(Energy)

    @property
    def resident(self) -> Resident | None:
        """The operating system's high-water mark."""
        return self.get(Resident)

    @property
    def gradient_terms(self) -> GradientTerms | None:
        """The gradient terms of each weight's update."""
        return self.get(GradientTerms)

    @property
    def deployment(self) -> Deployment | None:
        """What its form took to make, and how far its outputs are from eager's."""
        return self.get(Deployment)

    @property
    def traffic(self) -> Traffic | None:
        """The compulsory memory traffic, by module and operator."""
        return self.get(Traffic)

    @property
    def equivalence(self) -> Equivalence | None:
        """Whether two revisions compute the same."""
        return self.get(Equivalence)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values, with each measurement under the name of its stage."""
        plain = super().to_dict()
        measured = plain.pop("measurements")
        stages = map(stage_of, MEASUREMENTS)
        return {"case": plain.pop("case"), **{s: measured.get(s) for s in stages}, **plain}


class Run(Frozen, frozen=True, kw_only=True):
    """A run as read from its folder, records in suite order.

    ``yardstick`` holds the samples of the yardstick, one item a launch. ``last_launch`` is the
    highest number of a launch, cut off or not. ``notes`` say what was left out: an incomplete last
    line, samples of a launch that was cut off.
    """

    info: RunInfo
    records: tuple[Record, ...]
    launches: tuple[Launch, ...]
    yardstick: tuple[Latency, ...]
    last_launch: int = 0
    notes: tuple[str, ...] = ()
