"""Devices: availability, events and graphs of GPUs, and torch's backend flags."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch

from ..errors import CspbenchError
from ..plan.case import Precision, is_gpu
from ..records.base import Failure
from ..records.machine import AvailableGpu, GpuActivity, GpuDescription, GpuFlags, GpuState
from .nvml import PARTS, Nvml
from .torch_state import precisions, set_precisions

_TF32 = {True: "tf32", False: "ieee"}  # values of torch's fp32_precision
_WARM_UPS = 3  # calls on the side stream before a capture, as torch's documentation recommends
HELD_SHARE = 0.05
"""A limit that holds a GPU's clocks down for more than this share of the time disturbs timings."""
_CACHE_FACTOR = 2  # writing a buffer twice as large as the cache evicts everything else


class Gpu(Protocol):
    """The operations of a GPU that measures use; tests have a simulated one."""

    def synchronise(self) -> None:
        """Wait until all work on the GPU is done."""

    def event(self) -> object:
        """A new event, which `mark` can record repeatedly; creating one takes time."""

    def mark(self, event: object) -> None:
        """Record ``event`` after all work launched so far."""

    def seconds(self, start: object, end: object) -> float:
        """The time between two recorded events that the GPU has reached."""

    def flush(self) -> None:
        """Launch a write that replaces the contents of the L2 cache."""

    def capture(self, call: Callable[[], object]) -> Callable[[], object]:
        """Capture ``call`` as a graph and return a function that replays it.

        Raises RuntimeError if the call cannot be captured, for example because it synchronises.
        """


class Cuda:
    """A CUDA device driven by torch; ``device`` must be the current device."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._cache: torch.Tensor | None = None

    def synchronise(self) -> None:
        torch.cuda.synchronize(self._device)

    def event(self) -> object:
        event = torch.cuda.Event(enable_timing=True)
        event.record()  # CUDA creates the event when it is first recorded
        return event

    def mark(self, event: Any) -> None:
        event.record()

    def seconds(self, start: Any, end: Any) -> float:
        milliseconds: float = start.elapsed_time(end)
        return milliseconds / 1e3

    def flush(self) -> None:
        if self._cache is None:
            size = _CACHE_FACTOR * torch.cuda.get_device_properties(self._device).L2_cache_size
            if not size:
                raise RuntimeError(f"{self._device} does not tell the size of its L2 cache")
            self._cache = torch.empty(size, dtype=torch.uint8, device=self._device)
        self._cache.zero_()

    def capture(self, call: Callable[[], object]) -> Callable[[], object]:
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                call()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                call()
        except RuntimeError as error:
            # ending a failed capture raises a second error, whose context is the cause
            cause = error.__context__ if isinstance(error.__context__, RuntimeError) else error
            raise cause from None
        return graph.replay


class GpuMonitor:
    """Reads the state of a GPU around the samples of a launch; ``clock`` returns seconds."""

    def __init__(
        self,
        device: str,
        nvml: Nvml | Failure,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._nvml = nvml
        self._clock = clock
        self._before = self._state()
        self._limits: set[str] = set()
        self._held: tuple[float, Mapping[str, float]] = self._held_until_now()

    def sm_mhz(self) -> float | Failure:
        """The current clock of the multiprocessors, in MHz."""
        nvml = self._nvml
        return nvml if isinstance(nvml, Failure) else nvml.sm_mhz()

    def limits(self) -> tuple[str, ...]:
        """The limits that held the clocks down since the last call; `activity` collects them.

        A limit that the driver counts must have held for more than `HELD_SHARE` of the time; any
        other limit must hold now.
        """
        nvml = self._nvml
        if isinstance(nvml, Failure):
            return ()
        (before_s, before), (now_s, now) = self._held, self._held_until_now()
        self._held = now_s, now
        minimum_s = HELD_SHARE * (now_s - before_s)
        limits = {
            name for name, held_s in now.items() if held_s - before.get(name, 0.0) > minimum_s
        }
        limits.update(name for name in nvml.limits() if not {name, *PARTS.get(name, ())} & set(now))
        self._limits.update(limits)
        return tuple(sorted(limits))

    def start(self) -> None:
        """Discard earlier readings, because the samples begin now."""
        self._before = self._state()
        self._held = self._held_until_now()
        self._limits.clear()

    def activity(self, *, empty_region_s: float) -> GpuActivity:
        """The readings since `start`."""
        return GpuActivity(
            device=self._device,
            before=self._before,
            after=self._state(),
            limits=tuple(sorted(self._limits)),
            empty_region_s=empty_region_s,
            flags=backend_flags(),
        )

    def _state(self) -> GpuState:
        nvml = self._nvml
        return GpuState.unknown(nvml) if isinstance(nvml, Failure) else nvml.state()

    def _held_until_now(self) -> tuple[float, Mapping[str, float]]:
        nvml = self._nvml
        return self._clock(), {} if isinstance(nvml, Failure) else nvml.held_s()


def gpu(device: str) -> Gpu | None:
    """The GPU that ``device`` names; None for a CPU."""
    return Cuda(device) if is_gpu(device) else None


def check_device(device: str) -> None:
    """Raise `CspbenchError`, with a remedy, if torch cannot use ``device``."""
    if not is_gpu(device):
        return
    if not torch.cuda.is_available():
        raise CspbenchError(
            f"device {device}: torch {torch.__version__} sees no CUDA device; install a CUDA build "
            "of torch and a driver, or measure on the CPU (device cpu)"
        )
    index, count = torch.device(device).index or 0, torch.cuda.device_count()
    if index >= count:
        names = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise CspbenchError(f"device {device} does not exist; this machine has {names}")


def describe_gpu(device: str) -> AvailableGpu:
    """The description, state and free memory of a GPU; creates a CUDA context on it."""
    properties = torch.cuda.get_device_properties(device)
    free_bytes, _ = torch.cuda.mem_get_info(device)
    nvml = open_nvml(device)
    return AvailableGpu(
        description=GpuDescription(
            name=properties.name,
            driver=nvml if isinstance(nvml, Failure) else nvml.driver(),
            cuda=str(torch.version.cuda),
            cudnn=str(torch.backends.cudnn.version()),
            memory_bytes=properties.total_memory,
            l2_bytes=properties.L2_cache_size,
        ),
        state=GpuState.unknown(nvml) if isinstance(nvml, Failure) else nvml.state(),
        free_bytes=free_bytes,
    )


def open_nvml(device: str) -> Nvml | Failure:
    """The handle of a GPU in NVIDIA's management library, or why it cannot be opened."""
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    return Nvml.open(uuid.removeprefix("GPU-"))


def backend_flags() -> GpuFlags:
    """The flags of torch's backends in force."""
    cudnn: Any = torch.backends.cudnn  # torch's stubs do not declare all of it
    return GpuFlags(
        matmul_tf32=torch.backends.cuda.matmul.fp32_precision == _TF32[True],
        cudnn_tf32=cudnn.conv.fp32_precision == _TF32[True],
        cudnn_benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic or torch.are_deterministic_algorithms_enabled(),
    )


@contextlib.contextmanager
def backend(*, device: str, threads: int, seed: int, precision: Precision) -> Iterator[None]:
    """Set threads, seed and TF32, and turn cuDNN's search off; restore all on exit.

    A GPU is the current device inside the context.
    """
    cudnn = torch.backends.cudnn
    threads_before, benchmark_before = torch.get_num_threads(), cudnn.benchmark
    current = torch.cuda.device(device) if is_gpu(device) else contextlib.nullcontext()
    # Without a list of devices, fork_rng initialises all GPUs, even for a run on the CPU.
    seeds = torch.random.fork_rng(devices=[device] if is_gpu(device) else [])
    with current, seeds, _tf32(on=precision == "tf32"):
        try:
            torch.set_num_threads(threads)
            torch.manual_seed(seed)
            cudnn.benchmark = False
            yield
        finally:
            torch.set_num_threads(threads_before)
            cudnn.benchmark = benchmark_before


@contextlib.contextmanager
def _tf32(*, on: bool) -> Iterator[None]:
    """Switch TF32 on or off for matrix products, convolutions and recurrent layers.

    torch has two sets of flags for it, and raises if one is read while they disagree: both are set,
    and both restored as far as they could be read.
    """
    before = precisions()
    value = _TF32[on]
    try:
        set_precisions(("high" if on else "highest", on, value, value, value))
        yield
    finally:
        set_precisions(before)
