"""The spread of estimators of a launch's ratio, on identical blocks, to choose one by.

    python bench/estimators.py              idle, and beside one busy process: about 10 minutes
    python bench/estimators.py --read FILE  the table of what was measured before

Copies of blocks of 0.2 to 50 ms take turns in launches as in `ab`; the ratio of two copies is 1, so
that what an estimator says of a launch is its error. The table has the root mean square of these.
"""

import argparse
import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, geometric_mean, median
from typing import TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from cspbench.catalogue import find
from cspbench.engine.launch import run_launch
from cspbench.engine.launch_plan import LaunchPlan
from cspbench.engine.settings import default_settings
from cspbench.plan.case import Case, make_case
from cspbench.records.lines import YARDSTICK, Latency
from cspbench.verdicts.turns import log_ratio

BLOCKS: dict[str, tuple[str, dict[str, int], tuple[int, ...]]] = {
    "c3, 16 channels": ("c3", {"c1": 16, "c2": 16, "n": 1}, (1, 16, 16, 16)),
    "c3": ("c3", {}, (1, 128, 16, 16)),
    "dense, 14x14": ("dense", {}, (1, 64, 14, 14)),
    "dense, 28x28": ("dense", {}, (1, 64, 28, 28)),
    "dense, 56x56": ("dense", {}, (1, 64, 56, 56)),
    "dense, 96x96": ("dense", {}, (1, 64, 96, 96)),
}
COPIES = 3
LAUNCHES = 12
TURNS_S = 1.0  # for the turns of a launch
LEAST_TURNS = 12
LONGEST_S = 20.0  # of a launch
FEWEST_TURNS = 5  # of a launch that the table counts

Side = Sequence[float]


class Line(TypedDict):
    """One launch: the samples of each copy, by turn, in seconds."""

    block: str
    threads: int
    busy: bool
    samples_s: list[Side]


def _trimmed(share: float) -> Callable[[Side, Side], float]:
    def mean(first: Side, second: Side) -> float:
        logs = np.sort(_logs(first, second))
        cut = int(share * len(logs))
        return float(logs[cut : len(logs) - cut].mean())

    return mean


def _hodges_lehmann(first: Side, second: Side) -> float:
    logs = _logs(first, second)
    rows, columns = np.triu_indices(len(logs))
    return float(np.median((logs[rows] + logs[columns]) / 2))


def _logs(first: Side, second: Side) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.array(first) / np.array(second))
    return logs


ESTIMATORS: dict[str, Callable[[Side, Side], float]] = {
    "interquartile mean": log_ratio,
    "median": lambda first, second: float(np.median(_logs(first, second))),
    "Hodges-Lehmann": _hodges_lehmann,
    "trimmed 10%": _trimmed(0.1),
    "trimmed 20%": _trimmed(0.2),
    "trimmed 40%": _trimmed(0.4),
    "mean": lambda first, second: float(_logs(first, second).mean()),
    "ratio of medians": lambda first, second: math.log(median(first) / median(second)),
    "ratio of minima": lambda first, second: math.log(min(first) / min(second)),
}


def main() -> None:
    """Measure and print the table, or print that of a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--read", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("results/estimators.jsonl"))
    parser.add_argument("--launches", type=int, default=LAUNCHES)
    options = parser.parse_args()
    if options.read is None:
        with options.out.open("w", encoding="utf-8") as file:
            for line in measure(options.launches):
                file.write(json.dumps(line) + "\n")
                file.flush()
    text = (options.read or options.out).read_text(encoding="utf-8")
    print(table(list(map(json.loads, text.splitlines()))))


def measure(launches: int) -> Iterator[Line]:
    """The samples of each copy in each launch."""
    for is_busy in (False, True):
        # two threads beside a busy process take 100 times as long
        for threads in (1,) if is_busy else (1, 2):
            for block in BLOCKS:
                print(f"{block}, {threads} threads, busy: {is_busy}", file=sys.stderr)
                turns = LEAST_TURNS
                for number in range(1, launches + 1):
                    with _busy() if is_busy else contextlib.nullcontext():
                        samples = _launch(number, block, threads, turns)
                    if number == 1:
                        turn_s = sum(2 * median(side) for side in samples)
                        turns = max(LEAST_TURNS, round(TURNS_S / turn_s))
                        continue
                    yield {
                        "block": block,
                        "threads": threads,
                        "busy": is_busy,
                        "samples_s": samples,
                    }


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    """A process that keeps one core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def _copies(block: str) -> tuple[Case, ...]:
    entry, overrides, shape = BLOCKS[block]
    case = make_case(find(entry), {**overrides}, shape=shape)
    return tuple(
        msgspec.structs.replace(case, key=f"copy {number}", label=f"copy {number}")
        for number in range(COPIES)
    )


def _launch(number: int, block: str, threads: int, turns: int) -> list[Side]:
    copies = _copies(block)
    settings = msgspec.structs.replace(default_settings(), threads=threads)
    plan = LaunchPlan(turns={**LaunchPlan.of(copies, turns).turns, YARDSTICK: 1}, seconds=LONGEST_S)
    result = run_launch(number, copies, settings, plan)
    if result.failure_reason is not None:
        raise SystemExit(result.failure_reason)
    return [
        line.samples_s
        for line in result.lines
        if isinstance(line, Latency) and line.case != YARDSTICK
    ]


def table(lines: Sequence[Line]) -> str:
    """The errors of each estimator, as lines of markdown."""
    groups: dict[tuple[str, int, bool], list[list[Side]]] = {}
    for line in lines:
        if len(line["samples_s"][0]) < FEWEST_TURNS:
            continue
        key = line["block"], line["threads"], line["busy"]
        groups.setdefault(key, []).append(line["samples_s"])
    errors = {key: _errors(launches) for key, launches in groups.items()}
    rows = [["block", "threads", "beside", "latency", "turns", *ESTIMATORS]]
    for (block, threads, is_busy), launches in groups.items():
        sides = [side for launch in launches for side in launch]
        rows.append(
            [
                *(block, str(threads), "one busy process" if is_busy else "nothing"),
                f"{1e3 * median(map(median, sides)):.3g} ms",
                str(len(sides[0])),
                *(f"{error:.2%}" for error in errors[block, threads, is_busy].values()),
            ]
        )
    means = [
        geometric_mean(
            by_estimator[name] / by_estimator["median"] for by_estimator in errors.values()
        )
        for name in ESTIMATORS
    ]
    rows.append(["geometric mean, of the median's", *[""] * 4, *(f"{mean:.2f}" for mean in means)])
    ruler = ["---", *["--:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], ruler, *rows[1:]))


def _errors(launches: Sequence[Sequence[Side]]) -> dict[str, float]:
    """The root mean square of the log-ratio of two copies, by estimator."""
    return {
        name: math.sqrt(
            fmean(
                estimate(first, second) ** 2
                for sides in launches
                for first, second in combinations(sides, 2)
            )
        )
        for name, estimate in ESTIMATORS.items()
    }


if __name__ == "__main__":
    main()
