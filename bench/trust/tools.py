"""Other tools on the trials' blocks, at their defaults: what each says, and how long it takes."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from .commands import write_models
from .lines import About, Failed, Tool
from .schedule import Cell

_LIMIT_S = 600.0
_PROCESS_CALLS_S = 1.0  # of calls in a process that hyperfine times

_CALL = """
import torch
from models import block

torch.set_num_threads({threads})
module = block().eval()
batch = torch.randn({shape})


def call():
    with torch.no_grad():
        return module(batch)


call()
"""
_TORCH = """
import json
import time

from call import call
from torch.utils.benchmark import Timer

timer = Timer("call()", globals={{"call": call}}, num_threads={threads})
began = time.perf_counter()
measurement = timer.{method}()
seconds = time.perf_counter() - began
half_width = measurement.iqr / 2 / measurement.median
print(json.dumps([seconds, measurement.median, half_width]))
"""
_PYTEST = """
from call import call


def test_block(benchmark):
    benchmark(call)
"""
_PYPERF = """
import pyperf
from call import call

pyperf.Runner().bench_func("block", call)
"""
_PROCESS = """
from call import call

for _ in range({calls}):
    call()
"""
_ANSWER = "answer.json"

Answer = tuple[float, float, float]
"""Seconds of measuring, the value in seconds, and its half width, relative."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherTool:
    """How a tool is run: ``script`` is written as ``file``, ``arguments`` are run beside it.

    ``package`` has its version, or is a program (``is_program``). ``read`` takes what was printed
    and what was written to ``answer.json``.
    """

    package: str
    file: str
    script: str
    arguments: tuple[str, ...]
    read: Callable[[str, Any], Answer]
    is_program: bool = False


def _printed(output: str, _: object) -> Answer:
    seconds, value, half_width = json.loads(output)
    return seconds, value, half_width


def _of_pytest(_: str, answer: Any) -> Answer:
    stats = answer["benchmarks"][0]["stats"]
    return stats["total"], stats["median"], stats["iqr"] / 2 / stats["median"]


def _of_pyperf(_: str, answer: Any) -> Answer:
    """The mean ± the standard deviation of all values; the time is that of all its processes."""
    runs = answer["benchmarks"][0]["runs"]
    values = [value for run in runs for value in run.get("values", ())]
    durations = [run["metadata"]["duration"] for run in runs]
    return sum(durations), fmean(values), stdev(values) / fmean(values)


def _of_hyperfine(_: str, answer: Any) -> Answer:
    """The mean ± the standard deviation of processes; its versions 1 and 2 name times otherwise."""
    result = answer["results"][0]
    times = result.get("times") or [
        measurement["time_wall_clock"]["value"] for measurement in result["measurements"]
    ]
    return sum(times), fmean(times), stdev(times) / fmean(times)


def _torch_timer(method: str) -> OtherTool:
    """Torch's `Timer`, by one of its methods."""
    return OtherTool(
        package="torch",
        file="torch_timer.py",
        script=_TORCH.replace("{method}", method),
        arguments=(sys.executable, "torch_timer.py"),
        read=_printed,
    )


TOOLS: dict[str, OtherTool] = {
    "torch adaptive_autorange": _torch_timer("adaptive_autorange"),
    "torch blocked_autorange": _torch_timer("blocked_autorange"),
    "pytest-benchmark": OtherTool(
        package="pytest-benchmark",
        file="test_block.py",
        script=_PYTEST,
        arguments=(
            *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir=."),
            *("test_block.py", f"--benchmark-json={_ANSWER}"),
        ),
        read=_of_pytest,
    ),
    "pyperf": OtherTool(
        package="pyperf",
        file="runner.py",
        script=_PYPERF,
        arguments=(sys.executable, "runner.py", "--quiet", "--output", _ANSWER),
        read=_of_pyperf,
    ),
    "hyperfine, a whole process": OtherTool(
        package="hyperfine",
        file="process.py",
        script=_PROCESS,
        arguments=("hyperfine", "--export-json", _ANSWER, f"{sys.executable} process.py"),
        read=_of_hyperfine,
        is_program=True,
    ),
}


def versions() -> dict[str, str]:
    """The version of each tool, or that it is not installed."""
    return {name: _version(tool) for name, tool in TOOLS.items()}


def _version(tool: OtherTool) -> str:
    if not tool.is_program:
        try:
            return version(tool.package)
        except PackageNotFoundError:
            return f"{_MISSING}: {tool.package} is not installed"
    if shutil.which(tool.package) is None:
        return f"{_MISSING}: {tool.package} is not on the path"
    printed = subprocess.run(
        [tool.package, "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\d[\w.]*", printed)
    return found.group() if found else printed.strip()


_MISSING = "skipped"


def is_missing(text: str) -> bool:
    """Whether `versions` says that a tool is not there."""
    return text.startswith(_MISSING)


def measure_tools(cell: Cell, about: About) -> Iterator[Tool | Failed]:
    """Each tool that is there, once, on the block of ``cell``."""
    for name, tool in TOOLS.items():
        if is_missing(about.tools[name]):
            continue
        try:
            seconds, value_s, half_width = measure(tool, cell, about)
        except (subprocess.SubprocessError, KeyError, ValueError) as error:
            yield Failed(cell=cell, reason=f"{name}: {type(error).__name__}: {error}"[:500])
        else:
            yield Tool(
                cell=cell, tool=name, seconds=seconds, value_s=value_s, half_width=half_width
            )


def measure(tool: OtherTool, cell: Cell, about: About) -> Answer:
    """What ``tool`` says of the block of ``cell``, in processes of its own."""
    size = about.size(cell.size_ms)
    fields = {
        "threads": about.threads,
        "shape": ", ".join(map(str, size.shape)),
        "calls": max(1, round(_PROCESS_CALLS_S / size.latency_s)),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_models(folder, size, {"block": 0})
        (folder / "call.py").write_text(_CALL.format(**fields), encoding="utf-8")
        (folder / tool.file).write_text(tool.script.format(**fields), encoding="utf-8")
        process = subprocess.run(
            tool.arguments,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        answer = folder / _ANSWER
        written = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else None
    return tool.read(process.stdout, written)
