"""The trials: what is measured, and the lines in which it is kept.

A trial is what `ab` and `compare` rest on: launches in which identical copies of a block and
planted changes of it take turns. A planted change is real work, 1, 2 or 5 more convolutions; its
true size is its long-run ratio over all trials.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from cspbench.catalogue import ENTRIES, find
from cspbench.engine import isolate
from cspbench.engine.channel import Channel
from cspbench.engine.launch import run_launch
from cspbench.engine.launch_plan import LaunchPlan
from cspbench.engine.settings import default_settings
from cspbench.machine import environment
from cspbench.plan.case import Case, make_case
from cspbench.records.lines import Latency, Launch, Line
from cspbench.records.run import Settings
from cspbench.units import seconds_text

COPIES = ("A1", "A2", "A3", "A4")
COMMON = 2  # convolutions that every copy has beside its block: the first costs more than a next
PLANTED = {"1 more": 1, "2 more": 2, "5 more": 5}
PAIRS = tuple(combinations(COPIES, 2))
LAUNCHES, TURNS, MIN_TIME_S = 12, 30, 0.012
LEAST_THRESHOLD = 0.005  # of these trials; the product's default is 1%
TRIALS, FULL_TRIALS = 18, 36
TOOLS_EVERY = 3
ADAPTIVE = "torch adaptive_autorange"
ROWS = 8  # of the feature map, that a planted convolution works on


def settings() -> Settings:
    """Those of the product, with more turns and longer samples: what a careful user would ask."""
    return msgspec.structs.replace(
        default_settings("cpu"), launches=LAUNCHES, turns=TURNS, min_time_s=MIN_TIME_S
    )


def planted_block(*, extra: int) -> Any:
    """The dense block of Figure 3(a), and ``extra`` convolutions 64→64, 1x1, on part of its output.

    Input (N, 64, H, W), output (N, 128, H, W): the extra work does not change the result.
    """
    from torch import Tensor, nn

    from cspbench.blocks.dense import Dense

    class Planted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Dense()
            self.extra = nn.ModuleList(nn.Conv2d(64, 64, 1, bias=False) for _ in range(extra))

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.block(x)
            for convolution in self.extra:
                convolution(output[:, :64, :ROWS])
            return output

    return Planted()


def cases() -> tuple[Case, ...]:
    """Identical copies and planted changes, on an input of 1x64x28x28."""
    base = make_case(find("dense"), {}, shape=(1, 64, 28, 28))
    extra_by_key = {**dict.fromkeys(COPIES, 0), **PLANTED}
    return tuple(
        msgspec.structs.replace(
            base,
            key=key,
            label=key,
            build="trust.trials:planted_block",
            arguments={"extra": COMMON + extra},
        )
        for key, extra in extra_by_key.items()
    )


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The launches of one trial and what was read in them; times in seconds."""

    number: int
    seconds: float
    launches: tuple[Launch, ...]
    latencies: tuple[Latency, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """What another tool says of the block, from a fresh process: median, and half its quartiles.

    ``seconds`` is what its own measuring took, loading and building left out.
    """

    tool: str
    trial: int
    seconds: float
    latency_s: float
    half_width: float


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that the harness adds to one call, against a bare loop."""

    seconds: float


class Peaks(msgspec.Struct, frozen=True, kw_only=True):
    """Tensor peaks in bytes by case, one fresh process each; real and fake tensors."""

    process: int
    real: dict[str, int]
    fake: dict[str, int]


def measure_trial(number: int, chosen: Settings) -> Trial:
    """All launches of one trial, contended ones marked and kept."""
    began = time.monotonic()
    lines: list[Line] = []
    for launch in range(1, chosen.launches + 1):
        result = run_launch(number * 1000 + launch, cases(), chosen, LaunchPlan.of(cases(), TURNS))
        if result.failure_reason is not None:
            raise SystemExit(f"trust.trials: a launch failed: {result.failure_reason}")
        lines += result.lines
    return Trial(
        number=number,
        seconds=time.monotonic() - began,
        launches=tuple(line for line in lines if isinstance(line, Launch)),
        latencies=tuple(line for line in lines if isinstance(line, Latency)),
    )


def time_with_torch(channel: Channel, tool: str, threads: int) -> None:
    """One measurement by `torch.utils.benchmark.Timer`, in a process of its own."""
    import torch
    from torch.utils.benchmark import Timer

    torch.set_num_threads(threads)
    call = block_call()
    call()
    timer = Timer("call()", globals={"call": call}, num_threads=threads)
    began = time.perf_counter()
    if tool == ADAPTIVE:
        measurement = timer.adaptive_autorange(threshold=0.02, max_run_time=10.0)
    else:
        measurement = timer.blocked_autorange(min_run_time=1.0)
    seconds = time.perf_counter() - began
    half_width = measurement.iqr / 2 / measurement.median
    channel.send((seconds, measurement.median, half_width))


def block_call() -> Callable[[], object]:
    """One forward pass of the block on its input, without gradients."""
    import torch

    module = planted_block(extra=COMMON).eval()
    batch = torch.randn(1, 64, 28, 28)

    def call() -> object:
        with torch.no_grad():
            return module(batch)

    return call


_PYTEST = """
import torch
from trust.trials import block_call


def test_block(benchmark):
    torch.set_num_threads({threads})
    call = block_call()
    call()
    benchmark(call)
"""


def time_with_pytest(threads: int) -> tuple[float, float, float]:
    """One measurement by pytest-benchmark's defaults, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        test, answer = Path(folder, "test_block.py"), Path(folder, "answer.json")
        test.write_text(_PYTEST.format(threads=threads), encoding="utf-8")
        bench = str(Path(__file__).parent.parent)
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}"),
                *(str(test), f"--benchmark-json={answer}"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": bench},
        )
        stats = json.loads(answer.read_text(encoding="utf-8"))["benchmarks"][0]["stats"]
    return stats["total"], stats["median"], stats["iqr"] / 2 / stats["median"]


def measure_tools(trial: int, threads: int) -> Iterator[Tool]:
    """Each other tool once, on the same block."""
    for tool in (ADAPTIVE, "torch blocked_autorange, 1 s"):
        answers: list[Any] = []
        worker_exit = isolate.run(
            "trust.trials:time_with_torch", tool, threads, time_limit_s=60, receive=answers.append
        )
        if worker_exit is not None:
            raise SystemExit(
                f"trust.trials: {tool}: {worker_exit.reason}: {worker_exit.detail[-300:]}"
            )
        seconds, latency, half = answers[0]
        yield Tool(tool=tool, trial=trial, seconds=seconds, latency_s=latency, half_width=half)
    seconds, latency, half = time_with_pytest(threads)
    yield Tool(
        tool="pytest-benchmark", trial=trial, seconds=seconds, latency_s=latency, half_width=half
    )


def measure_overhead(channel: Channel) -> None:
    """What a sample of one iteration says of a call that does nothing, less a bare loop's share."""
    import torch
    from torch import nn

    from cspbench.measures.execution.call import Call
    from cspbench.measures.execution.inputs import make_inputs
    from cspbench.measures.timing.clock import time_function

    case = msgspec.structs.replace(cases()[0], input_shape=(1, 1, 1, 1))
    nothing = nn.Identity().eval()
    time_iterations = time_function(Call(case, nothing, make_inputs(case, "cpu"), "cpu"))
    batch = torch.zeros(1, 1, 1, 1)
    harness, bare = [], []
    with torch.no_grad():
        for _ in range(2000):
            harness.append(time_iterations(1).seconds)
            began = time.perf_counter()
            for _ in range(100):
                nothing(batch)
            bare.append((time.perf_counter() - began) / 100)
    channel.send(max(0.0, median(harness) - median(bare)))


def measure_peaks(channel: Channel, chosen: Settings) -> None:
    """The tensor peak of every catalogue entry in both modes, on real and on fake tensors."""
    from cspbench.machine.device import backend
    from cspbench.measures.allocated import allocated
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.tensor_peak import tensor_peak

    real, fake = {}, {}
    for entry in ENTRIES.values():
        for mode in ("infer", "train"):
            case = make_case(entry, {}, mode=mode)
            with backend(device="cpu", threads=chosen.threads, seed=0, precision="fp32"):
                real[case.key] = allocated(BuiltSubject(case)).peak_tensor_bytes
                fake[case.key] = tensor_peak(BuiltSubject(case)).peak_tensor_bytes
    channel.send((real, fake))


def answer_of(task: str, *arguments: object) -> Any:
    """What ``task`` sends from a fresh process."""
    answers: list[Any] = []
    worker_exit = isolate.run(task, *arguments, time_limit_s=300, receive=answers.append)
    if worker_exit is not None:
        raise SystemExit(f"trust.trials: {task}: {worker_exit.reason}: {worker_exit.detail[-300:]}")
    return answers[0]


def measure(folder: Path, trials: int, processes: int) -> None:
    """Everything, a line at a time into ``folder``."""
    chosen = settings()
    folder.mkdir(parents=True)
    about = {
        "environment": environment.describe().to_dict(),
        "settings": chosen.to_dict(),
        "git": (commit := environment.git()) and commit.to_dict(),
        "trials": trials,
    }
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    began = time.monotonic()
    with (folder / "lines.jsonl").open("wb", buffering=0) as file:

        def keep(line: msgspec.Struct) -> None:
            kind = type(line).__name__
            file.write(msgspec.json.encode({"kind": kind, "line": line}) + b"\n")

        keep(Overhead(seconds=answer_of("trust.trials:measure_overhead")))
        for process in range(processes):
            real, fake = answer_of("trust.trials:measure_peaks", chosen)
            keep(Peaks(process=process, real=real, fake=fake))
        for number in range(trials):
            trial = measure_trial(number, chosen)
            keep(trial)
            if number % TOOLS_EVERY == 0:
                for tool in measure_tools(number, chosen.threads):
                    keep(tool)
            spent = time.monotonic() - began
            remaining = spent / (number + 1) * (trials - number - 1)
            print(
                f"trial {number + 1} of {trials}: {trial.seconds:.0f} s; "
                f"{seconds_text(spent)} spent, about {seconds_text(max(1, remaining))} left",
                file=sys.stderr,
                flush=True,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """All lines of a folder."""

    about: dict[str, Any]
    trials: list[Trial]
    tools: list[Tool]
    overhead: Overhead
    peaks: list[Peaks]


def read(folder: Path) -> Results:
    """What `measure` wrote; a torn last line is left out."""
    kinds: dict[str, type[Any]] = {kind.__name__: kind for kind in (Trial, Tool, Overhead, Peaks)}
    lines: dict[str, list[Any]] = {name: [] for name in kinds}
    for text in (folder / "lines.jsonl").read_bytes().split(b"\n")[:-1]:
        line = msgspec.json.decode(text)
        lines[line["kind"]].append(msgspec.convert(line["line"], kinds[line["kind"]]))
    return Results(
        about=json.loads((folder / "about.json").read_text(encoding="utf-8")),
        trials=lines["Trial"],
        tools=lines["Tool"],
        overhead=lines["Overhead"][0],
        peaks=lines["Peaks"],
    )
