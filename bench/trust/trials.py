"""The trials: the product's own commands with their defaults, and what is kept of each."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import msgspec

from cspbench.comparison.in_turns import in_turns
from cspbench.records.folder import read
from cspbench.records.run import Run
from cspbench.report.rows import rows
from cspbench.verdicts.launches import is_contended, launches_by_case
from cspbench.verdicts.stats import Estimate

from .commands import MODELS, beside, command, latencies, make_repository, write_models
from .lines import EARLY_S, Defaults, InTurns, RunTrial, Sampling, Verdict, Widths
from .rules import Side, alarms
from .schedule import Cell, Kind
from .sizes import Size

_NARROW = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Previous:
    """The run that another is compared with, and the changes that were planted in it."""

    folder: Path
    planted: Mapping[str, int]


def measure_in_turns(cell: Cell, size: Size, scratch: Path) -> tuple[InTurns, Defaults]:
    """One `ab` with its defaults, in a repository of two commits below ``scratch``."""
    repository, out = scratch / "repository", scratch / "out"
    make_repository(repository, size, cell.change)
    began = time.monotonic()
    with beside(busy=cell.busy):
        printed = command(
            *("ab", "HEAD~1", "HEAD", f"{MODELS}:block", *_case(size)),
            *("--out", str(out), "--format", "json"),
            folder=repository,
        )
    wall_s = time.monotonic() - began
    run = read(out)
    before, after = sides(run).values()
    change = latencies(printed)["block"]
    trial = InTurns(
        cell=cell,
        sampling=sampling(run, wall_s),
        verdict=verdict(change, cell.change, before, after),
        latency_s=change["baseline"],
        one_percent_s=seconds_to(run, _NARROW),
    )
    return trial, _defaults("ab", run)


def measure_run(
    cell: Cell, size: Size, scratch: Path, keep: Path, previous: Sequence[Previous]
) -> tuple[RunTrial, Defaults]:
    """One `run` with its defaults, kept in ``keep``, and `compare` with each of ``previous``."""
    repository = scratch / "repository"
    repository.mkdir()
    write_models(repository, size, cell.planted)
    entries = ",".join(f"{MODELS}:{entry}" for entry in cell.planted)
    shutil.rmtree(keep, ignore_errors=True)  # of a measurement that was killed
    began = time.monotonic()
    with beside(busy=cell.busy):
        command("run", entries, *_case(size), "--out", str(keep), folder=repository)
    wall_s = time.monotonic() - began
    run = read(keep)
    trial = RunTrial(
        cell=cell,
        sampling=sampling(run, wall_s),
        early=widths(until(run, EARLY_S)),
        final=widths(run),
        verdicts=tuple(chain.from_iterable(_between(other, keep, cell) for other in previous)),
    )
    return trial, _defaults("run", run)


def _between(previous: Previous, folder: Path, cell: Cell) -> Iterator[Verdict]:
    printed = command(
        "compare", str(previous.folder), str(folder), "--format", "json", folder=folder.parent
    )
    before, after = sides(read(previous.folder)), sides(read(folder))
    for entry, change in latencies(printed).items():
        factor = (100 + cell.planted[entry]) / (100 + previous.planted[entry])
        label = f"{MODELS}:{entry}"
        yield verdict(change, round(100 * factor - 100, 2), before[label], after[label])


def _case(size: Size) -> tuple[str, ...]:
    return "--mode", "infer", "--input", ",".join(map(str, size.shape))


def _defaults(kind: Kind, run: Run) -> Defaults:
    settings = run.info.settings.to_dict()
    del settings["memory_budget_bytes"]  # follows the memory that is free
    return Defaults(command=kind, settings=settings)


def verdict(change: Mapping[str, Any], planted: float, before: Side, after: Side) -> Verdict:
    """The product's verdict as printed in JSON, with those of other rules on the same samples."""
    low, high = change["interval"] or (None, None)
    return Verdict(
        change=planted,
        answer=change["verdict"],
        reason=change["reason"],
        ratio=change["ratio"],
        low=low,
        high=high,
        threshold=change["threshold"],
        alpha=change["alpha"],
        alarms=alarms(before, after),
    )


def sides(run: Run) -> dict[str, Side]:
    """The samples of the launches that count, by the label of the case."""
    launches = launches_by_case(run)
    return {
        record.case.label: list(launches[record.case.key].samples.values())
        for record in run.records
    }


def sampling(run: Run, wall_s: float) -> Sampling:
    """What ``run`` spent."""
    turns = [len(latency.samples_s) for record in run.records for latency in record.latencies]
    return Sampling(
        launches=len(run.launches),
        contended=sum(map(is_contended, run.launches)),
        turns=(min(turns), max(turns)),
        launch_s=sum(launch.seconds for launch in run.launches),
        wall_s=wall_s,
    )


def until(run: Run, seconds: float) -> Run:
    """``run`` as it was after so many seconds of launches."""
    ends = accumulate(launch.seconds for launch in run.launches)
    pairs = zip(run.launches, ends, strict=True)
    return _first_launches(run, sum(end <= seconds for _, end in pairs))


def _first_launches(run: Run, count: int) -> Run:
    launches = run.launches[:count]
    numbers = {launch.launch for launch in launches}
    return msgspec.structs.replace(
        run,
        launches=launches,
        yardstick=tuple(line for line in run.yardstick if line.launch in numbers),
        records=tuple(
            msgspec.structs.replace(
                record,
                latencies=tuple(line for line in record.latencies if line.launch in numbers),
            )
            for record in run.records
        ),
    )


def widths(run: Run) -> Widths:
    """The half widths that a report of ``run`` states."""
    table = rows(run)
    return Widths(
        latency=tuple(_half_width(row.latency) for row in table),
        ratio=tuple(_half_width(row.ratio) for row in table if not row.is_reference),
    )


def _half_width(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.relative_half_width


def seconds_to(run: Run, half_width: float) -> float | None:
    """Seconds of launches until the interval of an `ab`'s ratio was that narrow, and stayed so.

    None if it never was.
    """
    reached: float | None = None
    ends = accumulate(launch.seconds for launch in run.launches)
    for count, end in enumerate(ends, start=1):
        (case,) = in_turns(_first_launches(run, count)).cases
        change = case.measures["latency"]
        low, high = change.interval or (0.0, float("inf"))
        if change.ratio is None or (high - low) / 2 / change.ratio > half_width:
            reached = None
        elif reached is None:
            reached = end
    return reached
