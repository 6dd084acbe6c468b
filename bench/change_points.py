"""Change points of simulated histories: false alarms on identical code, and planted steps found.

    python bench/change_points.py [HISTORIES]

A run's log-ratio wanders by 0.6% from run to run, and is the mean of 8 launches that vary by 2%, as
recorded runs did (docs/decisions.md). Two harder kinds break what the test assumes: one run in
twenty is off by 4%, or what wanders is half that of the run before.
"""

import math
import random
import sys
from collections.abc import Callable, Iterator

from cspbench.verdicts.change_points import Step, steps

WANDER, LAUNCH, LAUNCHES = 0.006, 0.02, 8
STEP = 1.05
CASES = 10  # of a history in which one steps: all are judged together
LATE = 3  # runs since the step, where it is the newest


def independent(draw: random.Random, number: int) -> list[float]:
    """Runs that know nothing of one another."""
    return [
        draw.gauss(0.0, math.hypot(WANDER, LAUNCH / math.sqrt(LAUNCHES))) for _ in range(number)
    ]


def with_odd_runs(draw: random.Random, number: int) -> list[float]:
    """One run in twenty is off by 4%, to either side."""
    odd = (draw.choice((-0.04, 0.04)) if draw.random() < 0.05 else 0.0 for _ in range(number))
    return [value + off for value, off in zip(independent(draw, number), odd, strict=True)]


def with_memory(draw: random.Random, number: int) -> list[float]:
    """What wanders is half that of the run before, with the same spread."""

    def wander() -> Iterator[float]:
        value = draw.gauss(0.0, WANDER)
        for _ in range(number):
            yield value
            value = value / 2 + draw.gauss(0.0, WANDER * math.sqrt(3 / 4))

    return [value + draw.gauss(0.0, LAUNCH / math.sqrt(LAUNCHES)) for value in wander()]


Runs = Callable[[random.Random, int], list[float]]
KINDS: dict[str, Runs] = {
    "independent": independent,
    "one in 20 odd": with_odd_runs,
    "with memory": with_memory,
}


def found(values: list[float], index: int, draw: random.Random) -> bool:
    """Whether a step of `STEP` at ``index`` of one of `CASES` is named there or one run beside."""
    stepped = [value + math.log(STEP) * (place >= index) for place, value in enumerate(values)]
    others = {case: independent(draw, len(values)) for case in range(1, CASES)}
    named: tuple[Step, ...] = steps({0: stepped, **others})[0]
    return any(abs(step.index - index) <= 1 for step in named)


def main(histories: int) -> None:
    """Print a line for each kind and number of runs."""
    print(f"{histories} histories a figure; false alarms are of histories of one case")
    print(f"{'runs':>14}  {'number':>6}  false alarms  {STEP - 1:.0%} in the middle  newest {LATE}")
    for kind, runs in KINDS.items():
        for number in (6, 10, 20, 30, 50):
            draw = random.Random(number)
            alarms = sum(bool(steps({0: runs(draw, number)})[0]) for _ in range(histories))
            shares = [
                sum(found(runs(draw, number), index, draw) for _ in range(histories)) / histories
                for index in (number // 2, number - LATE)
            ]
            figures = f"{alarms / histories:12.1%}  {shares[0]:16.0%}  {shares[1]:8.0%}"
            print(f"{kind:>14}  {number:6}  {figures}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
