"""A run: what was asked for, on what it ran, and its lines, sorted to their cases.

Nothing here imports torch. Suffixes carry base units.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal

from ..plan.case import Case, Mode
from .base import Frozen, Whole
from .lines import (
    COSTS,
    YARDSTICK,
    Allocated,
    BlockTraining,
    CaseFailure,
    Counts,
    DiskSize,
    Equivalence,
    Failure,
    GpuState,
    GradientTerms,
    Graph,
    Latency,
    Launch,
    Line,
    Resident,
    Stage,
    TensorPeak,
)
from .trainings import Head, Training

SCHEMA = 2
Side = Literal["baseline", "candidate"]
SIDES: tuple[Side, Side] = ("baseline", "candidate")
MOST_SEED = 2**40


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


class NoiseFloor(Frozen, frozen=True, kw_only=True):
    """What identical code looks like on a machine: the doctor's A/A measurement.

    The spreads are standard deviations over launches, by mode, on the logarithm: ``in_turns`` of
    the ratio of two identical cases that took turns, ``between_runs`` of a case's ratio to the
    yardstick. They hold for the ``machine``, ``threads`` and ``allocator`` that they name.
    """

    machine: str
    device: str
    threads: int
    allocator: Literal["pinned", "system"]
    launches: Whole
    turns: Whole
    in_turns: dict[Mode, float]
    between_runs: dict[Mode, float]
    measured: str


class Git(Frozen, frozen=True, kw_only=True):
    """The commit that was measured; ``dirty`` where tracked or new files differed from it."""

    commit: str
    dirty: bool


class GpuDescription(Frozen, frozen=True, kw_only=True):
    """A GPU and the libraries that drive it: CUDA and cuDNN as torch was built with them."""

    name: str
    driver: str | Failure
    cuda: str
    cudnn: str
    memory_bytes: Whole
    l2_bytes: Whole


class GpuFound(Frozen, frozen=True, kw_only=True):
    """A GPU that can be used, its state, and the memory that it has to give."""

    description: GpuDescription
    state: GpuState
    free_bytes: Whole


class Environment(Frozen, frozen=True, kw_only=True):
    """The machine and the versions. ``device`` is the processor's or the GPU's name."""

    device: str
    system: str
    python: str
    packages: dict[str, str]
    thop_distribution: str
    physical_cores: int
    logical_cores: int
    affinity: tuple[int, ...]
    memory_bytes: int
    governor: str | Failure
    hypervisor: bool
    gpus: tuple[GpuDescription, ...] = ()


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
    """All that is known of one case; an absent measure is None, and `failures` says why.

    ``left_out`` are samples of disturbed launches, where enough others make up the estimates.
    ``trainings`` are of one seed each, in their order.
    """

    case: Case
    counts: Counts | None = None
    disk_size: DiskSize | None = None
    tensor_peak: TensorPeak | None = None
    allocated: Allocated | None = None
    graph: Graph | None = None
    resident: Resident | None = None
    latencies: tuple[Latency, ...] = ()
    left_out: tuple[Latency, ...] = ()
    equivalence: Equivalence | None = None
    gradient_terms: GradientTerms | None = None
    trainings: tuple[Training, ...] = ()
    failures: tuple[CaseFailure, ...] = ()


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


def launch_number(line: Line) -> int:
    """The launch that a line belongs to; 0 where it belongs to none."""
    return getattr(line, "launch", None) or 0


def assemble(info: RunInfo, lines: Iterable[Line], notes: tuple[str, ...] = ()) -> Run:
    """The lines of a run, sorted to their cases.

    Samples of a launch that has no closing `Launch` line were in flight when the run was cut off:
    they are left out, and a note counts them. A measure that was repeated counts by its last line.
    Samples of disturbed launches are left out where at least half of the launches asked for were
    not disturbed; else all count.
    """
    kept = list(lines)
    launches = tuple(line for line in kept if isinstance(line, Launch))
    complete = {launch.launch for launch in launches}
    disturbed = {launch.launch for launch in launches if launch.is_disturbed}
    fields: dict[str, dict[str, Any]] = {case.key: {} for case in info.cases}
    latencies: dict[str, list[Latency]] = {key: [] for key in (*fields, YARDSTICK)}
    failures: dict[str, list[CaseFailure]] = {key: [] for key in fields}
    trainings: dict[str, dict[int, Training]] = {key: {} for key in fields}
    cut_off = 0
    for line in kept:
        if isinstance(line, CaseFailure):
            failures[line.case].append(line)
        elif isinstance(line, Latency):
            if line.launch in complete:
                latencies[line.case].append(line)
            else:
                cut_off += 1
        elif isinstance(line, BlockTraining):
            trainings[line.case][line.training.seed] = line.training
        elif not isinstance(line, Launch):
            fields[line.case][str(line.__struct_config__.tag)] = line
    if cut_off:
        notes = (*notes, f"samples of {cut_off} cases in a launch that was cut off are left out")

    records = []
    for case in info.cases:
        counting, left_out = _counted(latencies[case.key], disturbed, info.settings.launches)
        records.append(
            Record(
                case=case,
                latencies=counting,
                left_out=left_out,
                failures=tuple(failures[case.key]),
                trainings=tuple(by_seed for _, by_seed in sorted(trainings[case.key].items())),
                **fields[case.key],
            )
        )
    return Run(
        info=info,
        records=tuple(records),
        launches=launches,
        yardstick=tuple(latencies[YARDSTICK]),
        last_launch=max(map(launch_number, kept), default=0),
        notes=notes,
    )


def _counted(
    latencies: Sequence[Latency], disturbed: AbstractSet[int], asked: int
) -> tuple[tuple[Latency, ...], tuple[Latency, ...]]:
    """Those that make up the estimates, and those that are left out."""
    quiet = tuple(line for line in latencies if line.launch not in disturbed)
    if 2 * len(quiet) < asked:
        return tuple(latencies), ()
    return quiet, tuple(line for line in latencies if line.launch in disturbed)
