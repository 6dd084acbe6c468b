"""The harness's own costs, each beside what it is made of; read the ratios, not the times.

    pytest bench/test_harness.py --benchmark-only

Groups: a static profile beside building on meta and one meta forward; answering ``--help`` and
``list`` beside a bare interpreter; the tensor tracker beside a bare forward; a report beside the
reading of its records.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from cspbench import report, store
from cspbench.case import make_case
from cspbench.catalogue import find
from cspbench.measures.base import BuiltSubject, module_stack
from cspbench.measures.counts import count
from cspbench.measures.memory import StorageTracker, tensor_peak

ENTRIES = ("dense", "csp", "c3")
REFERENCE = Path(__file__).parent.parent / "results" / "reference" / "cpu"


def subject(entry: str) -> BuiltSubject:
    return BuiltSubject(make_case(find(entry), {}))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # so that wall time is CPU time
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("entry", ENTRIES)
def test_building_on_meta_and_one_meta_forward(benchmark: BenchmarkFixture, entry: str) -> None:
    benchmark.group = f"static profile of {entry}"
    built = subject(entry)

    def build_and_forward() -> None:
        module = built.meta().eval()
        with torch.no_grad():
            module(torch.empty(built.case.input_shape, device="meta"))

    benchmark.pedantic(build_and_forward, rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("entry", ENTRIES)
def test_counts(benchmark: BenchmarkFixture, entry: str) -> None:
    benchmark.group = f"static profile of {entry}"
    benchmark.pedantic(count, args=(subject(entry),), rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("entry", ENTRIES)
def test_counts_and_tensor_peak(benchmark: BenchmarkFixture, entry: str) -> None:
    benchmark.group = f"static profile of {entry}"
    built = subject(entry)

    def both() -> None:
        count(built)
        tensor_peak(built)

    benchmark.pedantic(both, rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("tracked", [False, True], ids=["bare", "tracked"])
def test_a_forward_on_real_tensors(benchmark: BenchmarkFixture, tracked: bool) -> None:
    benchmark.group = "tensor tracker, dense block forward"
    module = subject("dense").real().eval()
    inputs = torch.randn(1, 64, 56, 56)

    def bare() -> None:
        with torch.no_grad():
            module(inputs)

    def with_tracker() -> None:
        with module_stack(module) as stack, StorageTracker(stack):
            bare()

    benchmark.pedantic(with_tracker if tracked else bare, rounds=20, warmup_rounds=3)


def _processor_seconds(words: list[str]) -> Callable[[], float]:
    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return run


@pytest.mark.parametrize(
    "words",
    [["-c", "pass"], ["-m", "cspbench", "--help"], ["-m", "cspbench", "list"]],
    ids=["bare interpreter", "--help", "list"],
)
def test_start(benchmark: BenchmarkFixture, words: list[str]) -> None:
    benchmark.group = "start (CPU seconds of each call in extra_info)"
    run = _processor_seconds([sys.executable, *words])
    seconds: list[float] = []
    benchmark.pedantic(lambda: seconds.append(run()), rounds=10, warmup_rounds=1)
    benchmark.extra_info["median_cpu_s"] = sorted(seconds)[len(seconds) // 2]
    print(f"\n{' '.join(words)}: {benchmark.extra_info['median_cpu_s']:.3f} s of CPU time")


@pytest.mark.parametrize("step", ["read", "text", "write"])
def test_a_report(benchmark: BenchmarkFixture, step: str, tmp_path: Path) -> None:
    benchmark.group = "report of the reference run"
    run = store.read(REFERENCE)
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: store.read(REFERENCE),
        "text": lambda: report.text(run),
        "write": lambda: report.write(run, tmp_path),
    }
    benchmark.pedantic(steps[step], rounds=3, warmup_rounds=1)
