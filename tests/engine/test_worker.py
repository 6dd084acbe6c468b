"""Tasks of the worker, in this process; those that need a GPU with one that is made up."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch
from factories import SETTINGS, make_case
from fake_channel import FakeChannel
from fake_gpu import FakeGpu, fake_nvml

from cspbench.engine import worker
from cspbench.errors import CspbenchError
from cspbench.machine import device
from cspbench.measures.allocated import allocated
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.graph import graph
from cspbench.measures.registry import MEASURES
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.records.base import Failure
from cspbench.records.machine import AvailableGpu
from cspbench.records.measurements import Allocated, Graph


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
    # With a torch that is built for CUDA, the real one would ask the made-up devices for more.
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91_000)
    uuids: list[str] = []
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(queried_uuids=uuids))
    channel = FakeChannel()
    worker.identify(channel, ("cuda:0", "cuda:1"))  # type: ignore[arg-type]
    assert [gpu.description.name for gpu in channel.messages] == ["GPU cuda:0", "GPU cuda:1"]
    assert uuids == ["GPU-12-34"] * 2
    message = channel.messages[0]
    assert isinstance(message, AvailableGpu)
    assert (message.free_bytes, message.description.l2_bytes) == (3 << 30, 1 << 20)
    assert message.description.driver == "570.1"
    assert message.state.celsius == 55.0


def test_a_gpu_that_is_not_there_ends_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the answer."""
    fake_cuda(monkeypatch, is_available=lambda: False)
    channel = FakeChannel()
    worker.identify(channel, ("cuda:0", "cuda:1"))  # type: ignore[arg-type]
    assert [type(message) for message in channel.messages] == [CspbenchError]


def test_the_memory_of_a_gpu_is_read_around_one_warm_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """First a call for the libraries' workspaces, then the baseline, then the peak of one more.

    The allocator is made up: it gives out 100 bytes a call at most, 30 of them to stay.
    """
    calls: list[str] = []

    def reading(word: str, value: int = 0) -> Any:
        def function(_: str) -> int:
            calls.append(word)
            return value

        return function

    fake_cuda(
        monkeypatch,
        synchronize=reading("wait"),
        empty_cache=lambda: calls.append("empty"),
        reset_peak_memory_stats=reading("reset"),
        memory_allocated=reading("baseline", 30),
        max_memory_allocated=reading("peak", 130),
        memory_stats=lambda _: {"requested_bytes.all.peak": 120},
        max_memory_reserved=reading("reserved", 2048),
    )
    monkeypatch.setattr("cspbench.measures.allocated.is_gpu", lambda _: True)
    subject = BuiltSubject(make_case("Good", mode="train"))
    memory_use = allocated(subject)
    assert calls == ["wait", "empty", "reset", "baseline", "wait", "peak", "reserved"]
    assert memory_use == Allocated(
        case="Good train",
        peak_tensor_bytes=tensor_peak(subject).peak_tensor_bytes,
        peak_alloc_bytes=130,
        baseline_alloc_bytes=30,
        peak_requested_bytes=120,
        peak_reserved_bytes=2048,
    )


@pytest.mark.parametrize(
    ("capturable", "graph_bytes"),
    [
        (True, 5 << 20),
        (False, Failure(reason="no graph: operation not permitted when stream is capturing")),
    ],
)
def test_a_graph_is_tried_where_nothing_else_is_measured(
    monkeypatch: pytest.MonkeyPatch, capturable: bool, graph_bytes: int | Failure
) -> None:
    """What it keeps of the memory, or why there is none; the allocator is made up."""
    reserved = [1 << 20, 6 << 20]
    fake_cuda(monkeypatch, empty_cache=lambda: None, memory_reserved=lambda _: reserved.pop(0))
    monkeypatch.setattr(device, "gpu", lambda _: FakeGpu(capturable=capturable))
    subject = BuiltSubject(make_case("Good", mode="train"))
    assert graph(subject) == Graph(case="Good train", graph_bytes=graph_bytes)


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
    worker.measure(FakeChannel(), case, stages, SETTINGS)  # type: ignore[arg-type]
    assert named == ["cpu", "cpu", "cuda:0", "cuda:0"]


def test_the_current_device_is_the_one_that_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, streams and graphs go to the current device, whatever is named."""
    entered: list[str] = []

    class Current:
        def __init__(self, name: str) -> None:
            self._name = name

        def __enter__(self) -> None:
            entered.append(self._name)

        def __exit__(self, *_: object) -> None:
            entered.append("before")

    random: list[tuple[str, str]] = []
    fake_cuda(
        monkeypatch,
        device=Current,
        get_rng_state=lambda name: random.append(("kept", name)),
        set_rng_state=lambda _, name: random.append(("put back", name)),
    )
    with device.backend(device="cuda:1", threads=1, seed=0, precision="fp32"):
        assert entered == ["cuda:1"]
    assert entered == ["cuda:1", "before"]
    assert random == [("kept", "cuda:1"), ("put back", "cuda:1")]


def test_a_run_on_the_cpu_begins_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are there, and neither is asked for anything."""

    def touched(*_: object) -> None:
        raise AssertionError

    fake_cuda(monkeypatch, device_count=lambda: 2, get_rng_state=touched, device=touched)
    with device.backend(device="cpu", threads=1, seed=0, precision="fp32"):
        pass


def test_what_cannot_be_loaded_is_the_answer() -> None:
    """A builder, or data."""
    for builders, data in ((("nowhere:Block", ()),), None), ((), "nowhere:batches"):
        channel = FakeChannel()
        worker.load(channel, builders, data)  # type: ignore[arg-type]
        assert [type(message) for message in channel.messages] == [CspbenchError]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("in_features", "out_featurs"),
            "unexpected argument 'out_featurs' (--set, and set in a suite",
        ),
        (("in_features",), "missing a required argument: 'out_features'"),
    ],
)
def test_a_builder_that_cannot_be_called_so_is_the_answer(
    arguments: tuple[str, ...], reason: str
) -> None:
    """Before anything is measured, with the builder's own names."""
    channel = FakeChannel()
    worker.load(channel, (("torch.nn:Linear", arguments),), None)  # type: ignore[arg-type]
    error = channel.messages[-1]
    assert isinstance(error, CspbenchError)
    assert reason in str(error)
    assert "in_features, out_features, bias, device, dtype)" in str(error)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_whatever_a_builder_raises_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """An interrupt, too: those of the user do not reach workers."""

    def build(_: BuiltSubject) -> None:
        raise error

    monkeypatch.setattr(BuiltSubject, "_build", build)
    channel = FakeChannel()
    worker.measure(channel, make_case("Good"), ("counts",), SETTINGS)  # type: ignore[arg-type]
    (failure,) = channel.messages
    assert failure.reason.partition(":")[0] == type(error).__name__
