"""How well two rules compare pieces of recorded runs, in which the code is the same by design.

    python bench/states.py RUN [RUN ...]

Each case's launches are cut into pieces of 6, 10 and 20, and every pair of pieces is compared
as if they were two runs: by Welch's test of the ratios to the yardstick, and with launches matched
by the state of the machine, as `compare` does. Longer runs have more pieces and meet more states.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, median

from cspbench.records.folder import read
from cspbench.records.run import Run
from cspbench.report.tables import Strip, draw
from cspbench.verdicts.launches import launches_by_case
from cspbench.verdicts.matching import YardstickRatio, matched, ratios_to_yardstick
from cspbench.verdicts.stats import Difference, welch

PIECES = (6, 10, 20)

Piece = Sequence[YardstickRatio]


def pairs(run: Run, launches: int) -> Iterator[tuple[Piece, Piece]]:
    """Each two pieces of that many launches, of every case."""
    yardstick_s = {line.launch: line.samples_s for line in run.yardstick}
    for case in launches_by_case(run).values():
        through = ratios_to_yardstick(case.samples, yardstick_s)
        starts = range(0, len(through) - launches + 1, launches)
        yield from combinations([through[start : start + launches] for start in starts], 2)


def _plain(baseline: Piece, candidate: Piece) -> Difference:
    return welch(*([launch.log_ratio for launch in side] for side in (baseline, candidate)))


def _matched(baseline: Piece, candidate: Piece) -> Difference:
    return matched(baseline, candidate).difference


RULES: dict[str, Callable[[Piece, Piece], Difference]] = {"Welch": _plain, "matched": _matched}


def row(rule: str, launches: int, pieces: Sequence[tuple[Piece, Piece]]) -> tuple[str, ...]:
    """The error of ``rule``, its interval, and how often the interval holds a ratio of 1."""
    differences = [RULES[rule](*pair) for pair in pieces]
    error = math.sqrt(fmean(difference.log_ratio**2 for difference in differences))
    known = (difference.margin() for difference in differences)
    margins = [math.inf if margin is None else margin for margin in known]
    held = [
        abs(difference.log_ratio) <= margin
        for difference, margin in zip(differences, margins, strict=True)
    ]
    return (
        f"{launches} launches, {rule}",
        f"{error:.2%}",
        f"±{median(margins):.2%}",
        f"{fmean(held):.1%} of {len(held)}",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    runs = [read(folder) for folder in parser.parse_args().runs]
    rows = []
    for launches in PIECES:
        pieces = [pair for run in runs for pair in pairs(run, launches)]
        rows += [row(rule, launches, pieces) for rule in RULES if pieces]
    headers = ("identical code", "error\n(root mean square)", "95% interval", "holds 1")
    if not rows:
        print("no run has two pieces of 6 launches")
        return
    strips = [
        Strip(header=header, cells=tuple(cells), left=index == 0)
        for index, (header, cells) in enumerate(zip(headers, zip(*rows, strict=True), strict=True))
    ]
    print(draw(strips))


if __name__ == "__main__":
    main()
