"""What a report of 1,000 cases costs, step by step and as a command.

    pytest bench/test_report.py --benchmark-only
    pytest bench/test_report.py -k command -s    CPU seconds and peak memory of the command alone

The run is made up: a reference and 499 variants of one block in two modes, six launches of ten
turns each. The command should take at most 20 s of CPU time and 400 MB.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from synthetic import make_large_run, write_folder

from cspbench.records.folder import read
from cspbench.report import FORMATS, plots, render, write
from cspbench.report.results import derive

ENTRIES = 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the made-up run."""
    path = tmp_path_factory.mktemp("report") / "run"
    write_folder(make_large_run(ENTRIES), path)
    return path


@pytest.mark.parametrize("step", ["read", "derive", "write"])
def test_a_step_of_a_large_report(benchmark: BenchmarkFixture, step: str, folder: Path) -> None:
    benchmark.group = "report of 1,000 cases"
    run = read(folder)
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: read(folder),
        "derive": lambda: derive(run),
        "write": lambda: write(derive(run), folder),
    }
    benchmark.pedantic(steps[step], rounds=1, warmup_rounds=0)


@pytest.mark.parametrize("form", FORMATS)
def test_a_form_of_a_large_report(benchmark: BenchmarkFixture, form: str, folder: Path) -> None:
    benchmark.group = "report of 1,000 cases, by form"
    derived = derive(read(folder))
    benchmark.pedantic(render, args=(derived, form), rounds=1, warmup_rounds=0)


@pytest.mark.parametrize("name", plots.PLOTS)
def test_a_figure_of_a_large_run(benchmark: BenchmarkFixture, name: str, folder: Path) -> None:
    benchmark.group = "figures of 1,000 cases, drawn and encoded"
    derived = derive(read(folder))

    def draw() -> None:
        if plot := plots.PLOTS[name](derived):
            figure = plot.draw()
            for suffix in plots.FORMATS:
                plots.encode(figure, suffix, plot.alt)

    benchmark.pedantic(draw, rounds=1, warmup_rounds=0)


def test_the_command(benchmark: BenchmarkFixture, folder: Path) -> None:
    benchmark.group = "report of 1,000 cases"
    costs: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: costs.append(_command_cost(folder)), rounds=1, warmup_rounds=0)
    seconds, megabytes = costs[-1]
    benchmark.extra_info.update(cpu_s=seconds, peak_rss_mb=megabytes)
    print(
        f"\nreport of 1,000 cases: {seconds:.1f} s of CPU time, at most {megabytes:.0f} MB resident"
    )


def _command_cost(folder: Path) -> tuple[float, float]:
    """CPU seconds and peak resident MB of ``python -m cspbench report`` as a process."""
    words = [sys.executable, "-m", "cspbench", "report", str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
