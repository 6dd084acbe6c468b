"""What is set around a measurement, and that it is put back."""

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cspbench.errors import CspbenchError
from cspbench.machine import device


def raise_inside() -> None:
    with device.backend(device="cpu", threads=1, seed=4, precision="tf32"):
        raise RuntimeError("inside")


def test_threads_seed_and_flags_are_set_inside_and_restored_on_errors_too() -> None:
    """TF32 only where it is asked for; cuDNN's search off."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (torch.get_num_threads(), cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32)
    cudnn.benchmark = True
    state = torch.get_rng_state()
    try:
        with device.backend(device="cpu", threads=1, seed=3, precision="tf32"):
            assert torch.get_num_threads() == 1
            assert torch.initial_seed() == 3
            assert (cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32) == (False, True, True)
        with pytest.raises(RuntimeError, match="inside"):
            raise_inside()
        assert cudnn.benchmark
        assert torch.get_num_threads() == before[0]
        assert (cudnn.allow_tf32, matmul.allow_tf32) == before[2:]
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        cudnn.benchmark = before[1]


MATMUL: Any = torch.backends.cuda.matmul
CUDNN: Any = torch.backends.cudnn


def tf32_state() -> tuple[str, str, str, str]:
    """What torch's flags say of TF32, by both of its ways to ask."""
    return (
        torch.get_float32_matmul_precision(),
        MATMUL.fp32_precision,
        CUDNN.conv.fp32_precision,
        CUDNN.rnn.fp32_precision,
    )


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_tf32_is_put_back_to_what_the_user_chose(precision: str) -> None:
    """Inside, both of torch's ways to ask agree; afterwards all is as it was."""
    before = tf32_state()
    torch.set_float32_matmul_precision(precision)
    chosen = tf32_state()
    try:
        for case_precision, on in (("fp32", False), ("tf32", True)):
            with device.backend(device="cpu", threads=1, seed=0, precision=case_precision):  # type: ignore[arg-type]
                assert device.backend_flags().matmul_tf32 is device.backend_flags().cudnn_tf32 is on
                assert MATMUL.allow_tf32 is CUDNN.allow_tf32 is on
            assert tf32_state() == chosen
    finally:
        torch.set_float32_matmul_precision(before[0])


def test_flags_that_were_set_by_torchs_newer_way_are_no_error() -> None:
    """Reading the older ones would raise then."""
    before = MATMUL.fp32_precision
    MATMUL.fp32_precision = "tf32"
    try:
        with pytest.raises(RuntimeError):
            _ = MATMUL.allow_tf32
        with device.backend(device="cpu", threads=1, seed=0, precision="fp32"):
            assert not device.backend_flags().matmul_tf32
        assert MATMUL.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision("highest")
        MATMUL.fp32_precision = before


class Recorded:
    """As much of ``torch.cuda`` as `Cuda` uses: it writes down what it is asked to do."""

    def __init__(self, l2_bytes: int = 1 << 10, fails: bool = False) -> None:
        self.log: list[str] = []
        outer = self

        class Event:
            def __init__(self, *, enable_timing: bool) -> None:
                assert enable_timing
                self.recorded = 0

            def record(self) -> None:
                outer.log.append("record")
                self.recorded += 1

            def elapsed_time(self, end: "Event") -> float:
                return 2.0 if self.recorded and end.recorded else -1.0

        class Stream:
            def __init__(self, name: str) -> None:
                self.name = name

            def wait_stream(self, other: "Stream") -> None:
                outer.log.append(f"{self.name} waits for {other.name}")

        class CUDAGraph:
            def replay(self) -> None:
                outer.log.append("replay")

        @contextlib.contextmanager
        def graph(_: CUDAGraph) -> Iterator[None]:
            outer.log.append("capture")
            try:
                yield
            finally:
                outer.log.append("captured")
                if fails:
                    raise RuntimeError("capture was invalidated")

        def stream(cuda_stream: Stream) -> contextlib.AbstractContextManager[None]:
            outer.log.append(f"on {cuda_stream.name}")
            return contextlib.nullcontext()

        self.functions = {
            "Event": Event,
            "Stream": lambda _: Stream("side"),
            "CUDAGraph": CUDAGraph,
            "graph": graph,
            "stream": stream,
            "current_stream": lambda _: Stream("main"),
            "synchronize": lambda name: outer.log.append(f"wait for {name}"),
            "get_device_properties": lambda _: SimpleNamespace(L2_cache_size=l2_bytes),
        }


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[device.Cuda, list[str]]]:
    """A `Cuda` on a ``torch.cuda`` that is made up, and what that was asked to do."""

    def make(**options: Any) -> tuple[device.Cuda, list[str]]:
        made_up = Recorded(**options)
        for name, function in made_up.functions.items():
            monkeypatch.setattr(torch.cuda, name, function)
        return device.Cuda("cuda:1"), made_up.log

    return make


def test_an_event_is_made_before_it_is_needed(
    cuda: Callable[..., tuple[device.Cuda, list[str]]],
) -> None:
    """CUDA makes it on its first recording; milliseconds become seconds."""
    gpu, log = cuda()
    start, end = gpu.event(), gpu.event()
    assert log == ["record", "record"]
    gpu.mark(start)
    gpu.mark(end)
    assert gpu.seconds(start, end) == 2e-3
    gpu.synchronise()
    assert log == ["record"] * 4 + ["wait for cuda:1"]


def test_a_graph_is_captured_after_calls_on_a_stream_of_their_own(
    cuda: Callable[..., tuple[device.Cuda, list[str]]],
) -> None:
    """As torch asks for: three of them, each stream behind the other; then the call itself."""
    gpu, log = cuda()
    replay = gpu.capture(lambda: log.append("call"))
    assert log == [
        *("side waits for main", "on side", "call", "call", "call", "main waits for side"),
        *("capture", "call", "captured"),
    ]
    replay()
    assert log[-1] == "replay"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operation not permitted when stream is capturing"),
        torch.OutOfMemoryError("CUDA out of memory"),
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    ],
)
def test_a_capture_that_fails_says_what_broke_it_not_what_broke_behind_it(
    cuda: Callable[..., tuple[device.Cuda, list[str]]], error: RuntimeError
) -> None:
    """The end of a capture complains of its own, which hides the cause; its type stays."""
    gpu, log = cuda(fails=True)

    def call() -> None:
        log.append("call")
        if "capture" in log:
            raise error

    with pytest.raises(type(error)) as raised:
        gpu.capture(call)
    assert raised.value is error


def test_the_cache_is_written_over_twice(
    cuda: Callable[..., tuple[device.Cuda, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buffer of twice its size, made once; a device that does not tell the size is refused."""
    gpu, _ = cuda(l2_bytes=1 << 10)
    sizes: list[tuple[int, str]] = []
    empty = torch.empty

    def on_device(size: int, *, dtype: torch.dtype, device: str) -> torch.Tensor:
        sizes.append((size, device))
        return empty(size, dtype=dtype).fill_(1)

    monkeypatch.setattr(torch, "empty", on_device)
    gpu.flush()
    gpu.flush()
    assert sizes == [(2 << 10, "cuda:1")]
    silent, _ = cuda(l2_bytes=0)
    with pytest.raises(RuntimeError, match="cuda:1 does not tell the size of its L2 cache"):
        silent.flush()


def test_a_cuda_index_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices, the third asked for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    device.check_device("cuda:1")
    with pytest.raises(
        CspbenchError, match="device cuda:2 does not exist; this machine has cuda:0 to cuda:1"
    ):
        device.check_device("cuda:2")
