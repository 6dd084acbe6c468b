"""The measurement of a folder: what is missing, trial by trial, while time is left."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from cspbench.engine.settings import default_settings
from cspbench.machine import environment
from cspbench.units import seconds_text

from . import own_costs
from .commands import CommandError
from .lines import ABOUT, About, AnyLine, Code, Failed, Keeper, Results, read, write_about
from .schedule import COMPARED, Cell, Kind
from .tools import measure_tools, versions
from .trials import Previous, measure_in_turns, measure_run

_EXPECTED_S: dict[Kind, float] = {"ab": 80.0, "run": 150.0, "tools": 120.0}


def begin(folder: Path) -> None:
    """Size the blocks for this machine, and write what is measured and where.

    Raises `SystemExit` where a block comes out at twice its size or more.
    """
    threads = default_settings("cpu").threads
    _say("sizing the blocks")
    sizes = tuple(own_costs.answers_of("trust.sizes:calibrate", threads))
    for size in sizes:
        if size.latency_s * 1e3 >= 2 * size.size_ms:
            raise SystemExit(
                f"the block of {size.size_ms:g} ms took {size.latency_s * 1e3:.3g} ms: other "
                "processes take the cores, or this machine is too slow for these trials"
            )
    about = About(
        environment=environment.describe().to_dict(),
        threads=threads,
        sizes=sizes,
        tools=versions(),
    )
    write_about(folder, about)


def measure(folder: Path, schedule: Iterable[Cell], limit_s: float) -> None:
    """Measure what ``folder`` lacks of ``schedule``, in its order.

    Nothing is begun that would probably not end within ``limit_s`` seconds.
    """
    began = time.monotonic()
    if not (folder / ABOUT).exists():
        begin(folder)
    results = read(folder)
    keeper = Keeper(folder)
    if git := environment.git():
        code = Code(commit=git.commit, dirty=git.dirty)
        if results.code[-1:] != (code,):
            keeper.keep(code)
    if not results.peaks:
        _say("overhead and memory")
        keeper.keep(*own_costs.own_costs(results.about.threads))
    missing = [cell for cell in schedule if cell.number not in results.done]
    longest = dict(_EXPECTED_S)
    for index, cell in enumerate(missing):
        spent = time.monotonic() - began
        if spent + longest[cell.kind] > limit_s:
            _say(f"{len(missing) - index} trials are left: --resume {folder} goes on")
            return
        keeper.keep(*measure_cell(cell, folder))
        if cell.kind == "run":
            _remove_old_runs(folder)
        longest[cell.kind] = max(longest[cell.kind], time.monotonic() - began - spent)
        _say(
            f"trial {index + 1} of {len(missing)} ({cell.kind}, {cell.size_ms:g} ms): "
            f"{seconds_text(time.monotonic() - began)} spent"
        )


def measure_cell(cell: Cell, folder: Path) -> list[AnyLine]:
    """The lines of one trial; that it failed, with the reason, if a command of it did."""
    results = read(folder)
    if cell.kind == "tools":
        return list(measure_tools(cell, results.about))
    size = results.about.size(cell.size_ms)
    trial: AnyLine
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        try:
            if cell.kind == "ab":
                trial, defaults = measure_in_turns(cell, size, Path(name))
            else:
                keep, previous = _run_folder(folder, cell), _previous(folder, results, cell)
                trial, defaults = measure_run(cell, size, Path(name), keep, previous)
        except CommandError as error:
            return [Failed(cell=cell, reason=str(error))]
    return [trial] if defaults in results.defaults else [trial, defaults]


def _run_folder(folder: Path, cell: Cell) -> Path:
    return folder.resolve() / "runs" / str(cell.number)


def _previous(folder: Path, results: Results, cell: Cell) -> list[Previous]:
    """The last runs of the same size and circumstance, as far as they are on this machine."""
    return [
        Previous(folder=_run_folder(folder, last), planted=last.planted)
        for last in _last_runs(results).get((cell.size_ms, cell.busy), ())
        if _run_folder(folder, last).exists()
    ]


def _last_runs(results: Results) -> dict[tuple[float, bool], list[Cell]]:
    """The runs that the next of their size and circumstance is compared with."""
    runs: dict[tuple[float, bool], list[Cell]] = {}
    for run in sorted(results.runs, key=lambda run: run.cell.number):
        runs.setdefault((run.cell.size_ms, run.cell.busy), []).append(run.cell)
    return {kind: of_kind[-COMPARED:] for kind, of_kind in runs.items()}


def _remove_old_runs(folder: Path) -> None:
    """Remove all run folders but those that a next run will be compared with."""
    last = chain.from_iterable(_last_runs(read(folder)).values())
    needed = {_run_folder(folder, cell) for cell in last}
    for path in (folder.resolve() / "runs").glob("*"):
        if path not in needed:
            shutil.rmtree(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
