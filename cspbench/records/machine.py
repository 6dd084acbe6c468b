"""The machine that a run was measured on, and its activity during launches.

Suffixes carry base units.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self

import msgspec

from ..choices import Allocator, Form, Mode
from .base import Amount, Elapsed, Failure, Frozen, Level, Name, Whole

Spread = Annotated[float, msgspec.Meta(ge=0, le=10)]
"""A standard deviation of logarithms; 10 would be a factor of 22,000 either way."""


class Activity(Frozen, frozen=True, kw_only=True):
    """Processor time of a launch and of other processes on its cores, during its turns.

    ``threads`` is the number of threads that could be busy all of ``wall_s``: the computing threads
    on a CPU, one on a GPU. ``cpu_s`` is processor time of the launch's process, ``others_s`` of all
    other processes on the cores that it may use, ``steal_s`` of the virtual machine's host.
    ``queued_s`` is how long its threads waited for a core (GPU only, else None). Load averages are
    over one minute; frequencies are means over the cores.
    """

    threads: Whole
    wall_s: Elapsed
    cpu_s: Elapsed
    others_s: Elapsed | Failure
    steal_s: Elapsed | Failure
    load_before: Amount
    load_after: Amount
    mhz_before: Amount | Failure
    mhz_after: Amount | Failure
    queued_s: Elapsed | Failure | None = None

    @property
    def taken_share(self) -> float:
        """The share of the launch's processor time that other processes or the host took.

        On a GPU, where the process may sleep, this is the time that it waited for a core, if that
        could be read. Otherwise it is the processor time that the threads did not get, at most as
        much as others used: a thread may also have waited for something else.
        """
        if isinstance(self.queued_s, float):
            return min(1.0, self.queued_s / self.wall_s) if self.wall_s > 0 else 0.0
        full_s = self.wall_s * self.threads
        missing_s = max(0.0, full_s - self.cpu_s)
        if not isinstance(self.others_s, Failure):
            steal_s = 0.0 if isinstance(self.steal_s, Failure) else self.steal_s
            missing_s = min(missing_s, self.others_s + steal_s)
        return missing_s / full_s if full_s > 0 else 0.0


PowerSensor = Literal["instant", "average"]
"""What a reading of a GPU's power is of: an instant, or up to about a second before it."""


class GpuState(Frozen, frozen=True, kw_only=True):
    """The state of a GPU at one moment; a `Failure` says why a reading is missing.

    ``limits`` name what holds its clocks down; ``others`` counts other processes on it.
    """

    sm_mhz: Amount | Failure
    memory_mhz: Amount | Failure
    celsius: Level | Failure
    watts: Amount | Failure
    limits: tuple[Name, ...] | Failure
    others: Whole | Failure

    @classmethod
    def unknown(cls, reason: Failure) -> Self:
        """A state whose readings are all missing, for ``reason``."""
        return cls(**dict.fromkeys(cls.__struct_fields__, reason))


class GpuFlags(Frozen, frozen=True, kw_only=True):
    """Flags of torch's backends that affect results on a GPU."""

    matmul_tf32: bool
    cudnn_tf32: bool
    cudnn_benchmark: bool
    deterministic: bool


class GpuActivity(Frozen, frozen=True, kw_only=True):
    """The state of a GPU before and after the turns of a launch.

    ``limits`` name everything that held its clocks down in any sample. ``empty_region_s`` is the
    median time between two events with nothing between them.
    """

    device: Name
    before: GpuState
    after: GpuState
    limits: tuple[Name, ...]
    empty_region_s: Elapsed
    flags: GpuFlags

    @property
    def others(self) -> int:
        """The number of other processes on it, before or after the turns, whichever is larger."""
        readings = (self.before.others, self.after.others)
        return max((number for number in readings if isinstance(number, int)), default=0)


class GpuDescription(Frozen, frozen=True, kw_only=True):
    """A GPU, its driver, and the CUDA and cuDNN versions of torch."""

    name: Name
    driver: Name | Failure
    cuda: Name
    cudnn: Name
    memory_bytes: Whole
    l2_bytes: Whole


class AvailableGpu(Frozen, frozen=True, kw_only=True):
    """A usable GPU, its state, and its free memory."""

    description: GpuDescription
    state: GpuState
    free_bytes: Whole


RUNTIME_PACKAGES: Mapping[Form, tuple[str, ...]] = MappingProxyType(
    {
        "onnxruntime": ("onnxruntime", "onnx"),
        "onnxruntime:int8": ("onnxruntime", "onnx"),
        "openvino": ("openvino", "onnx"),
        "openvino:int8": ("openvino", "nncf", "onnx"),
    }
)
"""The packages, apart from torch, that make and run the files of a form."""


class Environment(Frozen, frozen=True, kw_only=True):
    """The machine and package versions; ``device`` is the name of the processor or the GPUs.

    ``runtimes`` holds the versions of what is installed of `RUNTIME_PACKAGES`. ``int8`` names the
    processor's instructions for 8-bit products, or says ``none``; it is None in older runs.
    """

    device: Name
    system: Name
    python: Name
    packages: dict[Name, Name]
    thop_distribution: Name
    physical_cores: Whole
    logical_cores: Whole
    affinity: tuple[Whole, ...]
    memory_bytes: Whole
    governor: Name | Failure
    hypervisor: bool
    gpus: tuple[GpuDescription, ...] = ()
    runtimes: dict[Name, Name] = {}  # noqa: RUF012 -- msgspec copies it
    int8: Name | Failure | None = None

    def runtimes_of(self, forms: Iterable[Form]) -> dict[str, str]:
        """The versions of those ``runtimes`` that make and run the files of ``forms``."""
        packages = (name for form in forms for name in RUNTIME_PACKAGES.get(form, ()))
        return {
            name: self.runtimes[name] for name in dict.fromkeys(packages) if name in self.runtimes
        }


class Git(Frozen, frozen=True, kw_only=True):
    """The measured commit; ``dirty`` if tracked or new files differed from it."""

    commit: Name
    dirty: bool


class NoiseFloor(Frozen, frozen=True, kw_only=True):
    """The noise floor of a machine: how far identical code differs, measured by `doctor`.

    ``in_turns`` and ``between_runs`` are standard deviations over launches, by mode, of logarithms:
    of the ratio of two identical cases that took turns, and of a case's ratio to the yardstick.
    They hold for this ``machine``, ``device``, ``threads`` and ``allocator``.
    """

    machine: Name
    device: Name
    threads: Whole
    allocator: Allocator
    launches: Whole
    turns: Whole
    in_turns: dict[Mode, Spread]
    between_runs: dict[Mode, Spread]
    measured: Name
