"""A launch in this process, on a GPU that is made up: what it sends, and what ends it."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
import torch
from factories import SETTINGS, make_case
from fake_channel import FakeChannel
from fake_gpu import ProcessorAsGpu, fake_nvml

from cspbench.engine import launch_task, worker
from cspbench.engine.builds import PLAIN
from cspbench.engine.launch_plan import LaunchPlan, LaunchPosition
from cspbench.machine.nvml import Nvml
from cspbench.measures.timing.benchmark import Benchmark
from cspbench.records.base import Failure
from cspbench.records.lines import YARDSTICK, CaseFailure, Latency, Launch, LaunchFailure
from cspbench.verdicts.launches import is_contended, is_throttled


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
    monkeypatch.setattr(launch_task, "gpu", lambda _: ProcessorAsGpu())
    monkeypatch.setattr(launch_task, "open_nvml", lambda _: Nvml(fake_nvml(processes=3), "handle"))
    channel = FakeChannel()
    cases = (make_case("Good"), make_case("Good", mode="train"))
    changed = msgspec.structs.replace(SETTINGS, **settings)
    plan = LaunchPlan.of(cases, 2)
    worker.launch(channel, 1, cases, changed, plan, PLAIN, uncapturable)  # type: ignore[arg-type]
    return channel.messages


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
        assert len(line.host_samples_s) == len(line.samples_s) == 2
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
    assert all(isinstance(samples, tuple) and len(samples) == 2 for samples in replayed.values())


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
    sample = Benchmark.sample

    def breaks(benchmark: Benchmark) -> None:
        if benchmark.key != YARDSTICK:
            raise error
        sample(benchmark)

    monkeypatch.setattr(Benchmark, "sample", breaks)
    if ends:
        with pytest.raises(RuntimeError, match="illegal memory access"):
            launched(monkeypatch)
    else:
        failed = [line.case for line in launched(monkeypatch) if isinstance(line, CaseFailure)]
        assert sorted(failed) == ["Good infer", "Good train"]


@pytest.mark.parametrize("when", ["sample", "warm_up_fully"])
def test_a_yardstick_that_raises_fails_its_launch_and_no_case(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """No samples are sent, as none could be tied to another run's."""
    original = getattr(Benchmark, when)

    def breaks(benchmark: Benchmark, *arguments: object) -> None:
        if benchmark.key == YARDSTICK:
            raise torch.OutOfMemoryError("CUDA out of memory")
        original(benchmark, *arguments)

    monkeypatch.setattr(Benchmark, when, breaks)
    (failure,) = launched(monkeypatch)
    assert isinstance(failure, LaunchFailure)
    assert (failure.launch, failure.cause) == (1, "out_of_memory")
    assert failure.cases == ("Good infer", "Good train")
    assert failure.reason == (
        "the yardstick could not be measured: OutOfMemoryError: CUDA out of memory"
    )


def test_ballast_without_room_is_its_cases_failure_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It lies where the cases do, and memory may be short there."""
    empty, sizes = torch.empty, []

    def short(*size: Any, **options: Any) -> torch.Tensor:
        if options.get("dtype") is torch.uint8:
            sizes.append(size)
            if len(sizes) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", short)
    messages = launched(monkeypatch)
    (failure,) = [line for line in messages if isinstance(line, CaseFailure)]
    assert failure.cause == "out_of_memory"
    assert isinstance(messages[-1], Launch)
    assert len(messages[-1].cases) == 1


def test_a_gpu_whose_library_is_absent_is_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its state is unknown, and says why."""
    monkeypatch.setattr(launch_task, "gpu", lambda _: ProcessorAsGpu())
    monkeypatch.setattr(launch_task, "open_nvml", lambda _: Failure(reason="no library"))
    channel = FakeChannel()
    cases = (make_case("Good"),)
    worker.launch(channel, 1, cases, SETTINGS, LaunchPlan.of(cases, 2))  # type: ignore[arg-type]
    launch = channel.messages[-1]
    assert launch.gpu.after.sm_mhz == Failure(reason="no library")
    assert not is_throttled(launch)


def on_cpu(
    monkeypatch: pytest.MonkeyPatch, plan: LaunchPlan, *, iteration_s: float = 1e-3
) -> Sequence[Any]:
    """A launch of three cases on a CPU whose calls seem to take ``iteration_s``."""
    monkeypatch.setattr(Benchmark, "iteration_s", iteration_s)
    channel = FakeChannel()
    cases = (make_case("Good"), make_case("Good", mode="train"), make_case("Twin"))
    worker.launch(channel, 1, cases, SETTINGS, plan)  # type: ignore[arg-type]
    return channel.messages


CASES = ("Good infer", "Good train", "Twin infer")


def test_each_case_takes_its_own_number_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the plan says; the record holds one sample a turn."""
    turns = {"Good infer": 5, "Good train": 2, "Twin infer": 3, YARDSTICK: 4}
    *latencies, _ = on_cpu(monkeypatch, LaunchPlan(turns=turns))
    assert {line.case: len(line.samples_s) for line in latencies} == turns


def test_a_launch_whose_time_is_up_builds_no_further_case_and_ends_after_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A case and its reference at least are built, with one call of warm-up; none fails."""
    *latencies, launch = on_cpu(
        monkeypatch, LaunchPlan(turns=dict.fromkeys((*CASES, YARDSTICK), 1000), seconds=0.0)
    )
    assert isinstance(launch, Launch)
    assert len(launch.cases) == 2
    assert {line.case for line in latencies} == {*launch.cases, YARDSTICK}
    assert all(isinstance(line, Latency) and len(line.samples_s) == 1 for line in latencies)
    assert {line.warmup_iterations for line in latencies} == {1}


@pytest.mark.parametrize(("iteration_s", "untimed"), [(9e-3, 1), (11e-3, 0)])
def test_slow_cases_need_no_untimed_iterations(
    monkeypatch: pytest.MonkeyPatch, iteration_s: float, untimed: int
) -> None:
    """From 10 ms on; the yardstick, which is fast, keeps them."""
    plan = LaunchPlan(turns=dict.fromkeys((*CASES, YARDSTICK), 1))
    *latencies, _ = on_cpu(monkeypatch, plan, iteration_s=iteration_s)
    assert {line.case: line.untimed for line in latencies} == {
        **dict.fromkeys(CASES, untimed),
        YARDSTICK: 1,
    }


def test_a_long_launch_says_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each case and after each turn, if that was not said a moment before."""
    plan = LaunchPlan.of((make_case("Good"), make_case("Good", mode="train"), make_case("Twin")), 3)
    assert not any(isinstance(line, LaunchPosition) for line in on_cpu(monkeypatch, plan))
    monkeypatch.setattr(launch_task, "_REPORT_EVERY_S", 0.0)
    positions = [line for line in on_cpu(monkeypatch, plan) if isinstance(line, LaunchPosition)]
    assert [(position.phase, position.done, position.total) for position in positions] == [
        *(("cases built", done, 3) for done in range(3)),
        *(("turns taken", done, 3) for done in (1, 2)),
    ]
