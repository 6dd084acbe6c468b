"""What happens inside one process: the tasks that the runner hands to a fresh one.

This module is what the fork server loads ahead: torch, thop and what the measures need of them.
"""

import contextlib
import gc
import hashlib
import inspect
import random
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
import torch._dynamo  # an optimizer and fake tensors load it on first use, which takes seconds

from ..catalogue.loading import resolve
from ..errors import AbsentError, CspbenchError
from ..machine import allocator
from ..machine.contention import Snapshot
from ..machine.device import GpuMonitor, backend, check_device, describe_gpu, gpu, open_nvml
from ..measures.execution.equivalence import equivalence
from ..measures.execution.subject import BuiltSubject
from ..measures.gradients.data import images
from ..measures.latency import latency
from ..measures.registry import MEASURES, preload
from ..measures.tensor_peak import tensor_peak
from ..measures.timing.benchmark import Benchmark, take_turns
from ..measures.timing.clock import empty_region_s
from ..measures.timing.timer import Timer
from ..measures.timing.yardstick import yardstick
from ..measures.training import training
from ..plan.case import Case, Precision
from ..records.base import Failure
from ..records.lines import YARDSTICK, CaseFailure, Cause, Launch, Stage
from ..records.run import Settings
from .batch_search import largest_batch, with_batch
from .isolate import Channel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import thop  # noqa: F401 -- loaded ahead, so that a fresh process has it

preload()

_BALLAST_BYTES = 1 << 20
_GPU_BALLAST_BYTES = 20 << 20  # torch gives out larger blocks of a GPU's memory
_HERE: Mapping[str, Path] = MappingProxyType({})


def identify(channel: Channel, devices: tuple[str, ...]) -> None:
    """Send what each GPU is, or the `CspbenchError` that says why it cannot be used."""
    try:
        for device in devices:
            check_device(device)
            channel.send(describe_gpu(device))
    except CspbenchError as error:
        channel.send(error)


def load(channel: Channel, builders: tuple[str, ...], data: str | None) -> None:
    """Send each builder with a hash of the files that name it and that define what it names.

    Or the `CspbenchError` that says why a builder, or the data, cannot be loaded.
    """
    try:
        for builder in builders:
            channel.send((builder, _digest(builder, resolve(builder))))
        if data is not None:
            images(data)
    except CspbenchError as error:
        channel.send(error)


def _digest(builder: str, found: Callable[..., object]) -> str:
    """The first 16 digits of SHA-256 over the files that name ``found`` and that define it."""
    module = builder.rpartition(":")[0]
    named = module if module.endswith(".py") else sys.modules[module].__file__
    paths = [] if named is None else [Path(named).resolve()]
    with contextlib.suppress(TypeError):  # of C, or made in memory
        paths.append(Path(inspect.getfile(found)).resolve())
    files = [path for path in dict.fromkeys(paths) if path.is_file()]
    contents = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(contents).hexdigest()[:16]


def measure(
    channel: Channel,
    case: Case,
    stages: tuple[Stage, ...],
    settings: Settings,
    roots: Mapping[str, Path] = _HERE,
) -> None:
    """Send one record a stage of a case; a stage that raises sends a failure and ends the task.

    ``roots`` are the trees that build the cases of each side, here and below.
    """
    subject = BuiltSubject(case, roots.get(case.side))
    for index, stage in enumerate(stages):
        channel.begin_step(index)
        # what is static allocates nothing on the device
        device = "cpu" if MEASURES[stage].place == "static" else case.device
        try:
            with _backend(settings, device, case.precision):
                channel.send(MEASURES[stage].measure(subject))
        except Exception as error:  # noqa: BLE001 -- whatever a case raises is its record
            channel.send(failure(case.key, stage, error))
            return


def fit(
    channel: Channel, cases: tuple[Case, ...], budgets: tuple[int, ...], settings: Settings
) -> None:
    """Send the largest batch of each case whose tensor peak is within its budget; 1 at least.

    A case that cannot be counted is answered with 1, and fails where it is measured.
    """
    for index, (case, budget) in enumerate(zip(cases, budgets, strict=True)):
        channel.begin_step(index)

        def peak(batch: int, case: Case = case) -> int:
            return tensor_peak(BuiltSubject(with_batch(case, batch))).peak_tensor_bytes

        batch = 1
        with _backend(settings, "cpu"), contextlib.suppress(Exception):
            batch = largest_batch(peak, budget)
        channel.send(batch)


def train(
    channel: Channel,
    case: Case,
    seed: int,
    settings: Settings,
) -> None:
    """Send one training of a case's block, or its failure."""
    assert settings.training is not None
    try:
        channel.send(
            training(BuiltSubject(case), settings.training, seed=seed, threads=settings.threads)
        )
    except Exception as error:  # noqa: BLE001 -- whatever a case raises is its record
        channel.send(failure(case.key, "training", error))


def compare_outputs(
    channel: Channel,
    baseline: Case,
    candidate: Case,
    settings: Settings,
    roots: Mapping[str, Path] = _HERE,
) -> None:
    """Send whether two builds of a case compute the same."""
    # Without TF32, whose rounding differs from one order of additions to the next.
    with _backend(settings, candidate.device):
        sides = [BuiltSubject(case, roots.get(case.side)) for case in (baseline, candidate)]
        channel.send(equivalence(sides[0], sides[1], settings.seed))


def launch(  # noqa: PLR0917 -- a task is handed its arguments by place
    channel: Channel,
    number: int,
    cases: tuple[Case, ...],
    settings: Settings,
    roots: Mapping[str, Path] = _HERE,
    uncapturable: Mapping[str, Failure] = MappingProxyType({}),
) -> None:
    """Let ``cases`` and the yardstick take turns; send what was read, and the launch last.

    The step announced is the index of the case whose turn it is; the yardstick's is one past.
    Cases are built in random order behind blocks of random size: where a case's memory lies makes
    it faster or slower by some tenths of a percent, which must differ from launch to launch, or
    else it would look like a property of the case. ``uncapturable`` are cases of which no CUDA
    graph can be made, and why. What breaks the device for all that come after, an illegal access
    say, ends the process, so that the case whose turn it is is known by it.
    """
    began = time.perf_counter()
    pinned = allocator.pin() if settings.allocator == "pinned" else "system"
    seed = settings.seed * 1_000_003 + number  # another order each launch, the same each repetition
    steps = {case.key: index for index, case in enumerate(cases)} | {YARDSTICK: len(cases)}

    def attempt(key: str, task: Callable[[], object]) -> bool:
        channel.begin_step(steps[key])
        try:
            task()
        except Exception as error:  # whatever a case raises is its record
            if isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error):
                raise
            channel.send(failure(key, "latency", error, number))
            return False
        return True

    benchmarks: list[Benchmark] = []
    ballast: list[torch.Tensor] = []
    layout = random.Random(seed)  # noqa: S311 -- a schedule, not a secret

    def enter(case: Case) -> None:
        size = layout.randrange(_GPU_BALLAST_BYTES if on_gpu else _BALLAST_BYTES)
        ballast.append(torch.empty(size, dtype=torch.uint8, device=device))
        torch.manual_seed(settings.seed)  # the same weights and input, whatever was built before
        subject = BuiltSubject(case, roots.get(case.side))
        graph = uncapturable.get(case.key, settings.cuda_graph)
        benchmarks.append(latency(subject, timer, graph=graph))

    device = cases[0].device  # a group shares the device and the backend's flags
    with _backend(settings, device, cases[0].precision):
        threads = torch.get_num_threads()
        channel.begin_step(len(cases))
        on_gpu = gpu(device)
        monitor = GpuMonitor(device, open_nvml(device)) if on_gpu else None
        timer = Timer(
            min_time_s=settings.min_time_s,
            gpu=on_gpu,
            monitor=monitor,
            cold=settings.cold,
        )
        benchmarks.append(timer.prepare(YARDSTICK, yardstick(device)))
        for case in layout.sample(cases, len(cases)):
            attempt(case.key, partial(enter, case))
        gc.collect()
        gc.disable()
        if monitor:
            monitor.start()
        before = Snapshot.take()
        stayed = take_turns(
            benchmarks,
            turns=settings.turns,
            seed=seed,
            sample=lambda one: attempt(one.key, one.sample),
        )
        after = Snapshot.take()
        seen = None
        if monitor and on_gpu:
            seen = monitor.activity(empty_region_s=empty_region_s(on_gpu))
    stayed.sort(key=lambda one: steps[one.key])
    for one in stayed:
        channel.send(one.latency(launch=number))
    channel.send(
        Launch(
            launch=number,
            cases=tuple(one.key for one in stayed if one.key != YARDSTICK),
            seed=seed,
            threads=threads,
            allocator=pinned,
            activity=after.since(before, threads=1 if seen else threads, beside_gpu=bool(seen)),
            seconds=time.perf_counter() - began,
            gpu=seen,
        )
    )


def _backend(
    settings: Settings, device: str, precision: Precision = "fp32"
) -> AbstractContextManager[None]:
    return backend(device=device, threads=settings.threads, seed=settings.seed, precision=precision)


def failure(key: str, stage: Stage, error: Exception, number: int | None = None) -> CaseFailure:
    """What ``error`` says, as a record: its cause, its first line, and its traceback."""
    text = str(error)
    cause: Cause = "absent" if isinstance(error, AbsentError) else "raised"
    if is_out_of_memory(error):
        cause = "out_of_memory"
    first, name = next(iter(text.strip().splitlines()), ""), type(error).__name__
    return CaseFailure(
        case=key,
        stage=stage,
        cause=cause,
        reason=first if isinstance(error, CspbenchError) else f"{name}: {first}" if first else name,
        launch=number,
        detail="".join(traceback.format_exception(error)),
        requested_bytes=_requested_bytes(text) if cause == "out_of_memory" else None,
    )


def is_out_of_memory(error: Exception) -> bool:
    """Whether it says so, by its type or in the words of torch or of a library of CUDA's."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in _OUT_OF_MEMORY
    )


_OUT_OF_MEMORY = (
    "CUDA out of memory",
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_REQUEST = re.compile(r"tried to allocate ([0-9.]+) ?(bytes|[KMGT]iB)", re.IGNORECASE)
_BYTES = {"bytes": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}


def _requested_bytes(text: str) -> int | None:
    """What an allocator of torch says it was asked for."""
    found = _REQUEST.search(text)
    return int(Decimal(found[1]) * _BYTES[found[2].lower()]) if found else None
