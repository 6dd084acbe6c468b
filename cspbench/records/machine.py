"""The machine that a run was measured on, and what it did meanwhile. Suffixes carry base units."""

from typing import Literal, Self

from ..plan.case import Mode
from .base import Failure, Frozen, Whole


class Activity(Frozen, frozen=True, kw_only=True):
    """What a process and the others did on its cores while it took turns.

    ``threads`` could have been busy all of ``wall_s``: those that compute on a CPU, one beside a
    GPU. ``cpu_s`` is the process's own processor time, ``others_s`` that of all others on the
    cores that it may use, ``steal_s`` what the host of a virtual machine kept of them.
    ``queued_s`` is what its threads waited for a core, read beside a GPU only. Load averages are
    over one minute; the frequency is the mean over those cores.
    """

    threads: Whole
    wall_s: float
    cpu_s: float
    others_s: float | Failure
    steal_s: float | Failure
    load_before: float
    load_after: float
    mhz_before: float | Failure
    mhz_after: float | Failure
    queued_s: float | Failure | None = None

    @property
    def taken_share(self) -> float:
        """The share of its processor time that others, or the host, took.

        Beside a GPU what it waited for a core, where that could be read: it may sleep there. Else
        what it lacked, as far as others ran: a thread may also have waited.
        """
        if isinstance(self.queued_s, float):
            return min(1.0, self.queued_s / self.wall_s) if self.wall_s > 0 else 0.0
        wanted = self.wall_s * self.threads
        lacked = max(0.0, wanted - self.cpu_s)
        if not isinstance(self.others_s, Failure):
            stolen = 0.0 if isinstance(self.steal_s, Failure) else self.steal_s
            lacked = min(lacked, self.others_s + stolen)
        return lacked / wanted if wanted > 0 else 0.0


class GpuState(Frozen, frozen=True, kw_only=True):
    """A GPU at one moment, each reading or why it is missing.

    ``limits`` name what holds its clocks down; ``others`` counts the other processes on it.
    """

    sm_mhz: float | Failure
    memory_mhz: float | Failure
    celsius: float | Failure
    watts: float | Failure
    limits: tuple[str, ...] | Failure
    others: Whole | Failure

    @classmethod
    def unknown(cls, reason: Failure) -> Self:
        """A state of which nothing can be read."""
        return cls(**dict.fromkeys(cls.__struct_fields__, reason))


class GpuFlags(Frozen, frozen=True, kw_only=True):
    """The flags of torch's backends that a GPU's results depend on."""

    matmul_tf32: bool
    cudnn_tf32: bool
    cudnn_benchmark: bool
    deterministic: bool


class GpuActivity(Frozen, frozen=True, kw_only=True):
    """A GPU around the turns of a launch.

    ``limits`` name all that held its clocks down in any sample.
    ``empty_region_s`` is what two events with nothing between them read (median).
    """

    device: str
    before: GpuState
    after: GpuState
    limits: tuple[str, ...]
    empty_region_s: float
    flags: GpuFlags

    @property
    def others(self) -> int:
        """The most other processes that were seen on it."""
        seen = (self.before.others, self.after.others)
        return max((number for number in seen if isinstance(number, int)), default=0)


class GpuDescription(Frozen, frozen=True, kw_only=True):
    """A GPU and the libraries that drive it: CUDA and cuDNN as torch was built with them."""

    name: str
    driver: str | Failure
    cuda: str
    cudnn: str
    memory_bytes: Whole
    l2_bytes: Whole


class AvailableGpu(Frozen, frozen=True, kw_only=True):
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


class Git(Frozen, frozen=True, kw_only=True):
    """The commit that was measured; ``dirty`` where tracked or new files differed from it."""

    commit: str
    dirty: bool


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
