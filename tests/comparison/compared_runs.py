"""Small runs with a yardstick, to be compared: two entries in two modes."""

import math
import random

import msgspec
from synthetic import change, make_run

from cspbench.records.lines import Latency
from cspbench.records.run import Run

LABELS = ("dense", "csp")


def with_yardstick(run: Run, *, seed: int = 0, spread: float = 0.003) -> Run:
    """The run with a yardstick of 2 ms in every launch."""
    chance = random.Random(seed)
    turns = len(run.records[0].latencies[0].samples_s)
    yardstick = tuple(
        Latency(
            case="yardstick",
            launch=launch.launch,
            samples_s=tuple(2e-3 * math.exp(chance.gauss(0, spread)) for _ in range(turns)),
            iterations=1,
            first_call_s=1.0,
            warmup_iterations=8,
            steady=True,
        )
        for launch in run.launches
    )
    return msgspec.structs.replace(run, yardstick=yardstick)


def make_small_run(
    *, slower: dict[int, float] | None = None, seed: int = 0, drift: float = 1.0
) -> Run:
    """Two entries in two modes; some records slower; all times and the yardstick drift alike."""
    run = with_yardstick(make_run(LABELS, noise=0.002), seed=seed)
    for index, record in enumerate(run.records):
        factor = drift * (slower or {}).get(index, 1.0)
        lines = tuple(scaled(line, factor) for line in record.latencies)
        run = change(run, index, latencies=lines)
    yardstick = tuple(scaled(line, drift) for line in run.yardstick)
    return msgspec.structs.replace(run, yardstick=yardstick)


def scaled(line: Latency, factor: float) -> Latency:
    """The samples, each times ``factor``."""
    return msgspec.structs.replace(line, samples_s=tuple(s * factor for s in line.samples_s))
