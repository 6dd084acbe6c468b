"""The largest batch of each case that fits into memory: predicted exactly, on a GPU then tried.

The prediction is the tensor peak on fake tensors, so that nothing is allocated for it.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache

import msgspec

from ..plan.case import Case, is_gpu
from ..records.lines import CaseFailure, Cause, Line
from ..records.run import Settings
from . import isolate

MOST = 1 << 16
"""No larger batch is tried."""

_PRECISION = 0.03  # of a batch that was found by trying


def largest_batch(peak: Callable[[int], int], budget: int) -> int:
    """The largest batch up to `MOST` whose ``peak`` of bytes is within ``budget``; 1 at least.

    The peak grows with the batch, and nearly in proportion: two readings tell where to look, and
    the rest makes sure.
    """
    read = cache(peak)
    if read(2) > budget:
        return 1
    guess = 1 + (budget - read(1)) // max(1, read(2) - read(1))
    low = high = min(max(2, guess), MOST)
    step = 1
    while read(low) > budget:
        low, high, step = max(2, low - step), low, 2 * step
    while high <= MOST and read(high) <= budget:
        low, high, step = high, min(high + step, MOST + 1), 2 * step
    return bisect_right(range(MOST + 1), budget, low, high, key=read) - 1


def with_batch(case: Case, batch: int) -> Case:
    """``case`` with an input of ``batch`` images; its key and label stay."""
    return msgspec.structs.replace(case, input_shape=(batch, *case.input_shape[1:]))


def largest_batches(
    cases: Sequence[Case],
    budgets: Sequence[int],
    settings: Settings,
    say: Callable[[str], None],
) -> list[int]:
    """The largest batch of each case within its budget of bytes; on a GPU one that ran there.

    ``say`` is told each as it is found. A case that dies on the way is answered with 1.
    """
    batches: list[int] = []

    def receive(batch: int) -> None:
        batches.append(batch)

    while len(batches) < len(cases):
        left = slice(len(batches), None)
        worker_exit = isolate.run(
            "cspbench.engine.worker:fit",
            tuple(cases[left]),
            tuple(budgets[left]),
            settings,
            time_limit_s=settings.time_limit_s,
            receive=receive,
        )
        if worker_exit is not None:
            batches.append(1)
    for index, case in enumerate(cases):
        if is_gpu(case.device):
            batches[index] = _tried(case, batches[index], settings)
        most = " (no larger one is tried)" if batches[index] == MOST else ""
        which = f"[{index + 1}/{len(cases)}] {case.label}, {case.mode}"
        say(f"{which}: batch {batches[index]:,}{most}")
    return batches


def _tried(case: Case, predicted: int, settings: Settings) -> int:
    """The largest batch up to ``predicted`` that runs, to 3%: bisected where that does not.

    Libraries have many words for too little memory, or die of it, so that whatever fails at a batch
    only is taken for that. What fails at one image, too, is left to the measurement.
    """
    fits, too_large, batch = 0, predicted + 1, predicted
    while batch > fits:
        cause = _cause(with_batch(case, batch), settings)
        if cause is None:
            fits = batch
        else:
            too_large = batch
            if cause != "out_of_memory" and not fits:
                if batch == 1 or _cause(with_batch(case, 1), settings) is not None:
                    return predicted
                fits = 1
        if too_large - fits <= max(1, _PRECISION * too_large):
            break
        batch = (fits + too_large) // 2
    return max(1, fits)


def _cause(case: Case, settings: Settings) -> Cause | None:
    """Why one call does not run; None where it does."""
    lines: list[Line] = []
    worker_exit = isolate.run(
        "cspbench.engine.worker:measure",
        case,
        ("allocated",),
        settings,
        time_limit_s=settings.time_limit_s,
        receive=lines.append,
    )
    failures = [line.cause for line in lines if isinstance(line, CaseFailure)]
    return failures[0] if failures else worker_exit.cause if worker_exit else None
