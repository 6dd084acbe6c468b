"""What differs between a CPU and a GPU: whether it is there, events and graphs, backend flags."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import torch

from ..errors import CspbenchError
from ..plan.case import Precision, is_gpu
from ..records.base import Failure
from ..records.machine import AvailableGpu, GpuActivity, GpuDescription, GpuFlags, GpuState
from .nvml import PARTS, Nvml

_Flag = TypeVar("_Flag")
_TF32 = {True: "tf32", False: "ieee"}  # torch's words
_WARM_UPS = 3  # calls on the stream of a capture before it, as torch asks for
HELD_SHARE = 0.05
"""What holds a GPU's clocks down for more than this share of the time disturbs what is timed."""
_CACHE_FACTOR = 2  # a buffer twice as large as a cache leaves nothing else in it


class Gpu(Protocol):
    """What measuring needs of a GPU; tests have a simulated one."""

    def synchronise(self) -> None:
        """Wait until all its work is done."""

    def event(self) -> object:
        """An event that `mark` can record again and again; made ahead, as that takes time."""

    def mark(self, event: object) -> None:
        """Record ``event`` behind all work that has been launched."""

    def seconds(self, start: object, end: object) -> float:
        """The time between two events that have passed."""

    def flush(self) -> None:
        """Launch a write that replaces all of its L2 cache."""

    def capture(self, call: Callable[[], object]) -> Callable[[], object]:
        """Capture ``call`` as a graph; what is returned replays the work that it launches.

        Raises RuntimeError where the call cannot be captured (it waits for the device, say).
        """


class Cuda:
    """A `Gpu` that torch drives; the current device must be the one that is named."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._cache: torch.Tensor | None = None

    def synchronise(self) -> None:
        torch.cuda.synchronize(self._device)

    def event(self) -> object:
        event = torch.cuda.Event(enable_timing=True)
        event.record()  # only now does CUDA make it
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
            # ending a failed capture raises an error of its own, whose context is the cause
            cause = error.__context__ if isinstance(error.__context__, RuntimeError) else error
            raise cause from None
        return graph.replay


class GpuMonitor:
    """Reads what a GPU does around the samples of a launch; ``clock`` returns seconds."""

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
        """The clock of its multiprocessors now."""
        nvml = self._nvml
        return nvml if isinstance(nvml, Failure) else nvml.sm_mhz()

    def limits(self) -> tuple[str, ...]:
        """What held its clocks down since the last call; `activity` names all of it.

        By the driver's counters, more than `HELD_SHARE` of the time; where it has none of a limit,
        by whether that holds now.
        """
        nvml = self._nvml
        if isinstance(nvml, Failure):
            return ()
        (before_s, before), (now_s, now) = self._held, self._held_until_now()
        self._held = now_s, now
        least_s = HELD_SHARE * (now_s - before_s)
        limits = {name for name, held_s in now.items() if held_s - before.get(name, 0.0) > least_s}
        limits.update(name for name in nvml.limits() if not {name, *PARTS.get(name, ())} & set(now))
        self._limits.update(limits)
        return tuple(sorted(limits))

    def start(self) -> None:
        """Start anew: the samples begin."""
        self._before = self._state()
        self._held = self._held_until_now()
        self._limits.clear()

    def activity(self, *, empty_region_s: float) -> GpuActivity:
        """All readings since the start."""
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
    """Raise `CspbenchError`, with a remedy, where torch cannot use ``device``."""
    if not is_gpu(device):
        return
    if not torch.cuda.is_available():
        raise CspbenchError(
            f"--device {device}: torch {torch.__version__} sees no CUDA device; install a CUDA "
            "build of torch and a driver, or measure with --device cpu"
        )
    index = torch.device(device).index or 0
    if index >= torch.cuda.device_count():
        raise CspbenchError(
            f"--device {device}: there are {torch.cuda.device_count()} CUDA devices, "
            f"cuda:0 to cuda:{torch.cuda.device_count() - 1}"
        )


def describe_gpu(device: str) -> AvailableGpu:
    """A GPU's description, state and free memory; makes a CUDA context there."""
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
    """The GPU in NVIDIA's management library, or why it cannot be opened."""
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    return Nvml.open(uuid.removeprefix("GPU-"))


def backend_flags() -> GpuFlags:
    """The backends' flags in force."""
    cudnn: Any = torch.backends.cudnn  # whose parts are not declared
    return GpuFlags(
        matmul_tf32=torch.backends.cuda.matmul.fp32_precision == _TF32[True],
        cudnn_tf32=cudnn.conv.fp32_precision == _TF32[True],
        cudnn_benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic or torch.are_deterministic_algorithms_enabled(),
    )


@contextlib.contextmanager
def backend(*, device: str, threads: int, seed: int, precision: Precision) -> Iterator[None]:
    """Threads, seed and TF32 set, cuDNN's search off; all as before afterwards, on errors too.

    A GPU is the current device inside.
    """
    cudnn = torch.backends.cudnn
    threads_before, benchmark_before = torch.get_num_threads(), cudnn.benchmark
    current = torch.cuda.device(device) if is_gpu(device) else contextlib.nullcontext()
    # Without their names, all GPUs are begun to be used, also for a run on the CPU.
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
    """TF32 in matrix products, convolutions and recurrent layers, or none of it.

    torch has two sets of flags for it, and raises where one is read while the other says otherwise:
    both are set, and both put back as far as they could be read.
    """
    cudnn: Any = torch.backends.cudnn
    owners: tuple[Any, ...] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    precisions = [owner.fp32_precision for owner in owners]
    matmul = _readable(torch.get_float32_matmul_precision)
    convolutions = _readable(lambda: cudnn.allow_tf32)
    try:
        torch.set_float32_matmul_precision("high" if on else "highest")
        cudnn.allow_tf32 = on
        for owner in owners:
            owner.fp32_precision = _TF32[on]
        yield
    finally:
        if matmul is not None:
            torch.set_float32_matmul_precision(matmul)
        if convolutions is not None:
            cudnn.allow_tf32 = convolutions
        for owner, precision in zip(owners, precisions, strict=True):
            owner.fp32_precision = precision


def _readable(read: Callable[[], _Flag]) -> _Flag | None:
    try:
        return read()
    except RuntimeError:  # its twin says otherwise
        return None
