"""Tasks of the worker that need a GPU, in this process, with a GPU that is made up."""

import contextlib
import dataclasses
import gc
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch
from made_up_gpu import MadeUpGpu, ThisProcessor, made_up_nvml
from making import SETTINGS, make_case

from cspbench.engine import worker
from cspbench.errors import CspbenchError
from cspbench.machine import device
from cspbench.machine.nvml import Nvml
from cspbench.measures import allocated as allocated_module
from cspbench.measures.allocated import allocated
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.graph import graph
from cspbench.measures.registry import MEASURES
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.measures.timing.benchmark import Benchmark
from cspbench.records.base import Failure
from cspbench.records.lines import YARDSTICK, CaseFailure, Latency, Launch
from cspbench.records.machine import GpuFound
from cspbench.records.measurements import Allocated, Graph
from cspbench.verdicts.launches import is_contended, is_throttled


class Ear:
    """An channel that keeps what is sent."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def send(self, message: object) -> None:
        self.heard.append(message)

    def begin_step(self, index: int) -> None:
        """Not of interest."""


@pytest.fixture(autouse=True)
def _garbage_is_collected_afterwards() -> Iterator[None]:
    """A launch turns that off in its process, which is ours here."""
    yield
    gc.enable()


def launched(
    monkeypatch: pytest.MonkeyPatch,
    uncapturable: Mapping[str, Failure] = MappingProxyType({}),
    **settings: object,
) -> Sequence[Any]:
    """A launch of two cases whose device is a GPU to the worker."""
    monkeypatch.setattr(worker, "gpu", lambda _: ThisProcessor())
    monkeypatch.setattr(worker, "open_nvml", lambda _: Nvml(made_up_nvml(processes=3), "handle"))
    ear = Ear()
    cases = (make_case("Good"), make_case("Good", mode="train"))
    changed = msgspec.structs.replace(SETTINGS, **settings)
    worker.launch(ear, 1, cases, changed, {}, uncapturable)  # type: ignore[arg-type]
    return ear.heard


def test_a_launch_on_a_gpu_has_both_clocks_and_the_gpus_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two others ran on it: the launch is contended. It could keep one thread of the host busy."""
    *latencies, launch = launched(monkeypatch)
    assert isinstance(launch, Launch)
    assert [line.case for line in latencies] == ["Good infer", "Good train", YARDSTICK]
    for line in latencies:
        assert isinstance(line, Latency)
        assert line.host_samples_s is not None
        assert len(line.host_samples_s) == len(line.samples_s) == SETTINGS.turns
        assert line.graph_samples_s is None
        assert line.issued_share is not None
        assert 0 < line.issued_share <= 1
    assert launch.gpu is not None
    assert launch.gpu.others == 2
    assert is_contended(launch)
    assert not is_throttled(launch)
    assert launch.activity.threads == 1
    assert isinstance(launch.activity.queued_s, float)
    assert launch.gpu.before.celsius == 55.0
    assert not launch.gpu.flags.cudnn_benchmark


def test_a_cold_launch_with_graphs_has_no_host_time_and_replays_all_but_the_yardstick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The yardstick ties runs together: it stays as it is in all of them."""
    *latencies, _ = launched(monkeypatch, cold=True, cuda_graph=True)
    assert all(line.host_samples_s is None for line in latencies)
    replayed = {line.case: line.graph_samples_s for line in latencies}
    assert replayed.pop(YARDSTICK) is None
    assert all(
        isinstance(samples, tuple) and len(samples) == SETTINGS.turns
        for samples in replayed.values()
    )


def test_a_case_of_which_no_graph_can_be_made_is_timed_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why not stands in its record; the other is replayed."""
    refused = Failure(reason="no graph: it waits")
    first, second, *_ = launched(monkeypatch, {"Good infer": refused}, cuda_graph=True)
    assert first.graph_samples_s == refused
    assert isinstance(second.graph_samples_s, tuple)


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
        (torch.AcceleratorError("CUDA error: out of memory"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_breaks_the_device_ends_the_launch_and_all_else_the_case(
    monkeypatch: pytest.MonkeyPatch, error: RuntimeError, ends: bool
) -> None:
    """Behind an illegal access every later call fails: others must not be blamed for it."""

    def breaks(_: Any) -> None:
        raise error

    monkeypatch.setattr(Benchmark, "sample", breaks)
    if ends:
        with pytest.raises(RuntimeError, match="illegal memory access"):
            launched(monkeypatch)
    else:
        failed = [line.case for line in launched(monkeypatch) if isinstance(line, CaseFailure)]
        assert sorted(failed) == ["Good infer", "Good train", YARDSTICK]


def test_ballast_without_room_is_its_cases_failure_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It lies where the cases do, and memory may be short there."""
    empty, asked = torch.empty, []

    def short(*size: Any, **options: Any) -> torch.Tensor:
        if options.get("dtype") is torch.uint8:
            asked.append(size)
            if len(asked) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", short)
    heard = launched(monkeypatch)
    (failure,) = [line for line in heard if isinstance(line, CaseFailure)]
    assert failure.cause == "out_of_memory"
    assert isinstance(heard[-1], Launch)
    assert len(heard[-1].cases) == 1


def fake_cuda(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    for name, function in functions.items():
        monkeypatch.setattr(torch.cuda, name, function)


def test_a_gpu_says_what_it_is_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two; NVIDIA's library is asked for the UUID that torch tells."""
    fake_cuda(
        monkeypatch,
        is_available=lambda: True,
        device_count=lambda: 2,
        mem_get_info=lambda name: (3 << 30, 4 << 30),
        get_device_properties=lambda name: SimpleNamespace(
            name=f"GPU {name}", total_memory=4 << 30, L2_cache_size=1 << 20, uuid="12-34"
        ),
    )
    asked: list[str] = []
    monkeypatch.setitem(sys.modules, "pynvml", made_up_nvml(asked=asked))
    ear = Ear()
    worker.identify(ear, ("cuda:0", "cuda:1"))  # type: ignore[arg-type]
    assert [found.description.name for found in ear.heard] == ["GPU cuda:0", "GPU cuda:1"]
    assert asked == ["GPU-12-34"] * 2
    first = ear.heard[0]
    assert isinstance(first, GpuFound)
    assert (first.free_bytes, first.description.l2_bytes) == (3 << 30, 1 << 20)
    assert first.description.driver == "570.1"
    assert first.state.celsius == 55.0


def test_a_gpu_that_is_not_there_ends_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the answer."""
    fake_cuda(monkeypatch, is_available=lambda: False)
    ear = Ear()
    worker.identify(ear, ("cuda:0", "cuda:1"))  # type: ignore[arg-type]
    assert [type(one) for one in ear.heard] == [CspbenchError]


def test_the_memory_of_a_gpu_is_read_around_one_warm_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """First a call for the libraries' workspaces, then the baseline, then the peak of one more.

    The allocator is made up: it gives out 100 bytes a call at most, 30 of them to stay.
    """
    calls: list[str] = []

    def said(word: str, value: int = 0) -> Any:
        def function(_: str) -> int:
            calls.append(word)
            return value

        return function

    fake_cuda(
        monkeypatch,
        synchronize=said("wait"),
        empty_cache=lambda: calls.append("empty"),
        reset_peak_memory_stats=said("reset"),
        memory_allocated=said("baseline", 30),
        max_memory_allocated=said("peak", 130),
        memory_stats=lambda _: {"requested_bytes.all.peak": 120},
        max_memory_reserved=said("reserved", 2048),
    )
    monkeypatch.setattr(allocated_module, "is_gpu", lambda _: True)
    subject = BuiltSubject(make_case("Good", mode="train"))
    found = allocated(subject)
    assert calls == ["wait", "empty", "reset", "baseline", "wait", "peak", "reserved"]
    assert found == Allocated(
        case="Good train",
        peak_tensor_bytes=tensor_peak(subject).peak_tensor_bytes,
        peak_alloc_bytes=130,
        baseline_alloc_bytes=30,
        peak_requested_bytes=120,
        peak_reserved_bytes=2048,
    )


@pytest.mark.parametrize(
    ("capturable", "kept"),
    [
        (True, 5 << 20),
        (False, Failure(reason="no graph: operation not permitted when stream is capturing")),
    ],
)
def test_a_graph_is_tried_where_nothing_else_is_measured(
    monkeypatch: pytest.MonkeyPatch, capturable: bool, kept: int | Failure
) -> None:
    """What it keeps of the memory, or why there is none; the allocator is made up."""
    reserved = [1 << 20, 6 << 20]
    fake_cuda(monkeypatch, empty_cache=lambda: None, memory_reserved=lambda _: reserved.pop(0))
    monkeypatch.setattr(device, "gpu", lambda _: MadeUpGpu(capturable=capturable))
    subject = BuiltSubject(make_case("Good", mode="train"))
    assert graph(subject) == Graph(case="Good train", graph_bytes=kept)


def test_only_what_runs_on_the_gpu_begins_to_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting and the exact peak need no tensor there, nor does the search for a batch."""
    named: list[str] = []

    @contextlib.contextmanager
    def backend(*, device: str, **_: object) -> Iterator[None]:
        named.append(device)
        yield

    monkeypatch.setattr(worker, "backend", backend)
    measures = {
        stage: dataclasses.replace(measure, measure=lambda _: None)
        for stage, measure in MEASURES.items()
    }
    monkeypatch.setattr(worker, "MEASURES", measures)
    case = msgspec.structs.replace(make_case("Good"), device="cuda:0")
    stages = ("counts", "tensor_peak", "allocated", "graph")
    worker.measure(Ear(), case, stages, SETTINGS)  # type: ignore[arg-type]
    assert named == ["cpu", "cpu", "cuda:0", "cuda:0"]


def test_an_error_of_our_own_needs_no_name_in_front() -> None:
    """It says what is wrong; the name of another's exception is part of what it says."""
    assert worker.failure("a", "training", CspbenchError("no data here")).reason == "no data here"
    assert worker.failure("a", "training", ValueError("no")).reason == "ValueError: no"
    assert worker.failure("a", "training", ValueError()).reason == "ValueError"


@pytest.mark.parametrize(
    "words", ["CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory", "CUDA out of memory"]
)
def test_libraries_have_words_of_their_own_for_too_little_memory(words: str) -> None:
    """They are no `OutOfMemoryError`, and tell no size."""
    failure = worker.failure("a", "allocated", RuntimeError(f"{words} when calling something"))
    assert (failure.cause, failure.requested_bytes) == ("out_of_memory", None)


def test_a_gpu_whose_library_is_absent_is_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its state is unknown, and says why."""
    monkeypatch.setattr(worker, "gpu", lambda _: ThisProcessor())
    monkeypatch.setattr(worker, "open_nvml", lambda _: Failure(reason="no library"))
    ear = Ear()
    worker.launch(ear, 1, (make_case("Good"),), SETTINGS)  # type: ignore[arg-type]
    launch = ear.heard[-1]
    assert launch.gpu.after.sm_mhz == Failure(reason="no library")
    assert not is_throttled(launch)


def test_the_current_device_is_the_one_that_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, streams and graphs go to the current device, whatever is named."""
    seen: list[str] = []

    class Current:
        def __init__(self, name: str) -> None:
            self._name = name

        def __enter__(self) -> None:
            seen.append(self._name)

        def __exit__(self, *_: object) -> None:
            seen.append("before")

    random: list[tuple[str, str]] = []
    fake_cuda(
        monkeypatch,
        device=Current,
        get_rng_state=lambda name: random.append(("kept", name)),
        set_rng_state=lambda _, name: random.append(("put back", name)),
    )
    with device.backend(device="cuda:1", threads=1, seed=0, precision="fp32"):
        assert seen == ["cuda:1"]
    assert seen == ["cuda:1", "before"]
    assert random == [("kept", "cuda:1"), ("put back", "cuda:1")]


def test_a_run_on_the_cpu_begins_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are there, and neither is asked for anything."""

    def touched(*_: object) -> None:
        raise AssertionError

    fake_cuda(monkeypatch, device_count=lambda: 2, get_rng_state=touched, device=touched)
    with device.backend(device="cpu", threads=1, seed=0, precision="fp32"):
        pass


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0 has a total capacity", 41 << 29),
        ("CUDA out of memory. Tried to allocate 512.00 MiB (GPU 0; 7.79 GiB total)", 512 << 20),
        ("CUDA out of memory.", None),
    ],
)
def test_what_a_gpu_was_asked_for_is_read_from_its_refusal(text: str, asked: int | None) -> None:
    """The first size is the request; what else is told is the device's."""
    failure = worker.failure("a", "allocated", torch.OutOfMemoryError(text))
    assert (failure.cause, failure.requested_bytes) == ("out_of_memory", asked)


def test_what_the_main_memory_was_asked_for_is_read_to_the_byte() -> None:
    """From the refusal of torch's own allocator; other failures ask for nothing."""
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60)
    failure = worker.failure("a", "allocated", refused.value)
    assert (failure.cause, failure.requested_bytes) == ("out_of_memory", 4 << 60)
    assert (
        worker.failure("a", "counts", ValueError("tried to allocate 5 GiB")).requested_bytes is None
    )


def test_a_models_hash_is_of_the_files_that_name_and_define_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stands for another's class changes with the file, and with what it stands for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())

    def digest(code: str, name: str) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        ear = Ear()
        worker.load(ear, (f"{name}.py:Block",), None)  # type: ignore[arg-type]
        ((_, found),) = ear.heard
        return str(found)

    own = "from torch import nn\nclass Block(nn.ReLU): pass\n"
    alias = "from torch import nn\nBlock = nn.ReLU\n"
    assert digest(own, "a") == hashlib.sha256(own.encode()).hexdigest()[:16] == digest(own, "b")
    assert digest(alias, "c") not in {digest(own, "d"), hashlib.sha256(alias.encode()).hexdigest()}


def test_what_cannot_be_loaded_is_the_answer() -> None:
    """A builder, or data."""
    for builders, data in (("nowhere:Block",), None), ((), "nowhere:batches"):
        ear = Ear()
        worker.load(ear, builders, data)  # type: ignore[arg-type]
        assert [type(one) for one in ear.heard] == [CspbenchError]
