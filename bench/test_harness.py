"""The harness's own costs, each beside what it is made of; read the ratios, not the times.

    pytest bench/test_harness.py --benchmark-only

Groups: a static profile beside building on meta and one meta forward; answering ``--help`` and
``list`` beside a bare interpreter; the tensor tracker beside a bare forward; a report beside the
reading of its records; a network's static profile, which should not grow with batch or resolution,
beside thop on real tensors; a comparison of 1,008 and of 10,000 cases beside one of 16; tracing
gradient terms beside counting; what is put back after each turn as a share of a launch.
"""

import contextlib
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from synthetic import report_text, write_report

from cspbench.catalogue import ENTRIES, find
from cspbench.engine.builds import PLAIN
from cspbench.engine.channel import Channel
from cspbench.engine.launch_plan import LaunchPlan
from cspbench.engine.launch_task import LaunchTask
from cspbench.engine.settings import default_settings
from cspbench.measures.counts import count
from cspbench.measures.execution.module_stack import module_stack
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.execution.surroundings import Surroundings
from cspbench.measures.gradient_terms import gradient_terms
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.measures.tracking.storages import StorageTracker
from cspbench.plan.case import make_case
from cspbench.plan.suite import Selection, load
from cspbench.records.folder import read

BLOCKS = ("dense", "csp", "c3")
NETWORKS = ("resnet50", "cspdarknet53")
BATCH = 16
REFERENCE = Path(__file__).parent.parent / "results" / "reference" / "cpu"


def subject(entry: str, *, batch: int | None = None, size: int | None = None) -> BuiltSubject:
    return BuiltSubject(make_case(find(entry), {}, batch_size=batch, img_size=size))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # so that wall time is CPU time
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("entry", BLOCKS)
def test_building_on_meta_and_one_meta_forward(benchmark: BenchmarkFixture, entry: str) -> None:
    benchmark.group = f"static profile of {entry}"
    built = subject(entry)

    def build_and_forward() -> None:
        module = built.meta().eval()
        with torch.no_grad():
            module(torch.empty(built.case.input_shape, device="meta"))

    benchmark.pedantic(build_and_forward, rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("entry", BLOCKS)
def test_counts(benchmark: BenchmarkFixture, entry: str) -> None:
    benchmark.group = f"static profile of {entry}"
    benchmark.pedantic(count, args=(subject(entry),), rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("entry", BLOCKS)
def test_counts_and_tensor_peak(benchmark: BenchmarkFixture, entry: str) -> None:
    benchmark.group = f"static profile of {entry}"
    built = subject(entry)

    def measure() -> None:
        count(built)
        tensor_peak(built)

    benchmark.pedantic(measure, rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("entry", NETWORKS)
def test_thop_on_real_tensors(benchmark: BenchmarkFixture, entry: str) -> None:
    """What others do for MACs and parameters alone: build, and one forward pass under hooks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thop imports distutils
        import thop
    benchmark.group = f"static profile of {entry}, batch {BATCH}"
    built = subject(entry, batch=BATCH)

    def profile() -> None:
        thop.profile(built.real().eval(), (torch.randn(built.case.input_shape),), verbose=False)

    benchmark.pedantic(profile, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("entry", NETWORKS)
@pytest.mark.parametrize(("batch", "size"), [(BATCH, None), (1, None), (BATCH, 512)])
def test_static_profile(
    benchmark: BenchmarkFixture, entry: str, batch: int, size: int | None
) -> None:
    """Ours: all counts, thop's among them, layer by layer."""
    benchmark.group = f"static profile of {entry}, batch {BATCH}"
    built = subject(entry, batch=batch, size=size)
    benchmark.pedantic(count, args=(built,), rounds=5, warmup_rounds=1)


TRACED = {"dense": ("dense",), "densenet201": ("densenet201",), "whole catalogue": tuple(ENTRIES)}


@pytest.mark.parametrize("measure", [count, gradient_terms], ids=["counts", "terms"])
@pytest.mark.parametrize("entries", TRACED.values(), ids=TRACED)
def test_tracing_gradient_terms(
    benchmark: BenchmarkFixture, entries: tuple[str, ...], measure: Callable[[BuiltSubject], object]
) -> None:
    benchmark.group = f"gradient terms of {entries[0] if len(entries) == 1 else 'the catalogue'}"
    subjects = [subject(entry) for entry in entries]
    rounds = 5 if len(entries) == 1 else 1

    def all_of_them() -> None:
        for built in subjects:
            measure(built)

    benchmark.pedantic(all_of_them, rounds=rounds, warmup_rounds=rounds // 5)


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


def _processor_seconds(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run_processes(benchmark: BenchmarkFixture, words: list[str], rounds: int) -> None:
    """Runs Python with ``words``, and notes the CPU seconds of each process, too."""
    seconds: list[float] = []
    benchmark.pedantic(
        lambda: seconds.append(_processor_seconds(words)), rounds=rounds, warmup_rounds=1
    )
    benchmark.extra_info["median_cpu_s"] = sorted(seconds)[len(seconds) // 2]
    print(f"\n{benchmark.name}: {benchmark.extra_info['median_cpu_s']:.3f} s of CPU time")


@pytest.mark.parametrize(
    "words",
    [["-c", "pass"], ["-m", "cspbench", "--help"], ["-m", "cspbench", "list"]],
    ids=["bare interpreter", "--help", "list"],
)
def test_start(benchmark: BenchmarkFixture, words: list[str]) -> None:
    benchmark.group = "start (CPU seconds of each call in extra_info)"
    _run_processes(benchmark, words, rounds=10)


def _multiplied(folder: Path, times: int) -> str:
    """The reference run with each of its cases ``times`` over, as a run folder."""
    info = json.loads((REFERENCE / "run.json").read_text())
    lines = [json.loads(line) for line in (REFERENCE / "records.jsonl").read_text().splitlines()]
    keys = [case["key"] for case in info["cases"]]
    copies = {key: [f"copy{number}-{key}" for number in range(times)] for key in keys}
    cases = []
    for number in range(times):
        for case in info["cases"]:
            reference = case["reference"] and copies[case["reference"]][number]
            cases.append(
                case
                | {"key": copies[case["key"]][number], "reference": reference}
                | {"label": f"copy{number}-{case['label']}"}
            )
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(info | {"cases": cases}))
    with (folder / "records.jsonl").open("w") as records:
        for line in lines:
            if "cases" in line:
                line["cases"] = [copy for key in line["cases"] for copy in copies[key]]
            for copy in copies.get(line.get("case"), [line.get("case")]):
                renamed = line if copy is None else line | {"case": copy}
                records.write(json.dumps(renamed) + "\n")
    return str(folder)


_COMPARE = """
import re, sys
from pathlib import Path
from cspbench.cli import main
main(sys.argv[2:])
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s*(.*)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize("times", [1, 63, 625])
def test_a_comparison(benchmark: BenchmarkFixture, times: int, tmp_path: Path) -> None:
    benchmark.group = "compare two runs (CPU seconds and peak memory in extra_info)"
    folder, peak = _multiplied(tmp_path / "run", times), tmp_path / "peak"
    _run_processes(benchmark, ["-c", _COMPARE, str(peak), "compare", folder, folder], rounds=1)
    benchmark.extra_info["peak_rss"] = peak.read_text()
    print(f"{16 * times} cases: at most {peak.read_text()} resident")


@pytest.mark.parametrize("step", ["read", "text", "write"])
def test_a_report(benchmark: BenchmarkFixture, step: str, tmp_path: Path) -> None:
    benchmark.group = "report of the reference run"
    run = read(REFERENCE)
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: read(REFERENCE),
        "text": lambda: report_text(run),
        "write": lambda: write_report(run, tmp_path),
    }
    benchmark.pedantic(steps[step], rounds=3, warmup_rounds=1)


class _Channel:
    """Takes a launch's messages and keeps none."""

    def begin_step(self, index: int) -> None:
        """Nothing: no parent waits for this launch."""

    def send(self, message: object) -> None:
        """Nothing, as `begin_step`."""


@pytest.mark.parametrize("turns", [10, 100])
def test_a_launch(benchmark: BenchmarkFixture, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one to two milliseconds; the share of what keeps cases apart in extra_info."""
    benchmark.group = "what cases change is put back, as a share of a launch"
    cases = load("blocks", Selection(mode=("infer",), img_size=(14,)), "cpu").cases
    plan = LaunchPlan.of(cases, turns)
    spent_s = _spent_in(Surroundings, "turn", monkeypatch)

    def launch() -> None:
        task = LaunchTask(
            cast("Channel", _Channel()),
            1,
            cases,
            default_settings(),
            plan,
            builds=PLAIN,
            uncapturable={},
        )
        task.run()

    benchmark.pedantic(launch, rounds=3)
    assert benchmark.stats is not None
    share = sum(spent_s) / benchmark.stats.stats.total
    benchmark.extra_info["share"] = share
    print(f"{turns} turns of {len(cases)} cases: {share:.2%} of a launch")


def _spent_in(owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that entering and leaving the contexts ``owner.name`` takes from now on."""
    original, spent_s = getattr(owner, name), list[float]()

    @contextlib.contextmanager
    def timed(self: object, *arguments: object, **options: object) -> Iterator[None]:
        started = time.perf_counter()
        with original(self, *arguments, **options):
            entered = time.perf_counter()
            yield
            left = time.perf_counter()
        spent_s.append(entered - started + time.perf_counter() - left)

    monkeypatch.setattr(owner, name, timed)
    return spent_s
