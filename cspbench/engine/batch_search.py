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

MAX_BATCH = 1 << 16
"""No larger batch is tried."""

_PRECISION = 0.03  # of a batch that was found by trying


def largest_batch(peak: Callable[[int], int], budget: int) -> int:
    """The largest batch up to `MAX_BATCH` whose ``peak`` in bytes is within ``budget``; 1 at least.

    The peak grows with the batch, nearly in proportion: two readings tell where to look, and the
    rest makes sure.
    """
    peak_bytes = cache(peak)
    if peak_bytes(2) > budget:
        return 1
    per_image = max(1, peak_bytes(2) - peak_bytes(1))
    guess = 1 + (budget - peak_bytes(1)) // per_image
    low = high = min(max(2, guess), MAX_BATCH)
    step = 1
    while peak_bytes(low) > budget:
        low, high, step = max(2, low - step), low, 2 * step
    while high <= MAX_BATCH and peak_bytes(high) <= budget:
        low, high, step = high, min(high + step, MAX_BATCH + 1), 2 * step
    return bisect_right(range(MAX_BATCH + 1), budget, low, high, key=peak_bytes) - 1


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

    ``say`` is told each as it is found. The batch of a case whose worker dies is 1.
    """
    batches = _predictions(cases, budgets, settings)
    for index, case in enumerate(cases):
        if is_gpu(case.device):
            batches[index] = _largest_that_runs(case, batches[index], settings)
        limit = " (no larger one is tried)" if batches[index] == MAX_BATCH else ""
        label = f"[{index + 1}/{len(cases)}] {case.label}, {case.mode}"
        say(f"{label}: batch {batches[index]:,}{limit}")
    return batches


def _predictions(cases: Sequence[Case], budgets: Sequence[int], settings: Settings) -> list[int]:
    """The largest batch of each case by its tensor peak; where a worker dies, the next goes on."""
    batches: list[int] = []
    while len(batches) < len(cases):
        remaining = slice(len(batches), None)
        worker_exit = isolate.run(
            "cspbench.engine.worker:fit",
            tuple(cases[remaining]),
            tuple(budgets[remaining]),
            settings,
            time_limit_s=settings.time_limit_s,
            receive=batches.append,
        )
        if worker_exit is not None:
            batches.append(1)
    return batches


def _largest_that_runs(case: Case, predicted: int, settings: Settings) -> int:
    """The largest batch up to ``predicted`` that runs, to 3%: bisected where that does not.

    Libraries have many words for too little memory, or die of it: a failure that a single image
    does not have is taken for that. What fails at one image, too, is left to the measurement.
    """
    fits, too_large, batch = 0, predicted + 1, predicted
    while batch > fits:
        cause = _failure_cause(with_batch(case, batch), settings)
        if cause is None:
            fits = batch
        else:
            too_large = batch
            if cause != "out_of_memory" and not fits:
                if batch == 1 or _failure_cause(with_batch(case, 1), settings) is not None:
                    return predicted
                fits = 1
        if too_large - fits <= max(1, _PRECISION * too_large):
            break
        batch = (fits + too_large) // 2
    return max(1, fits)


def _failure_cause(case: Case, settings: Settings) -> Cause | None:
    """Why one call of ``case`` fails; None where it runs."""
    lines: list[Line] = []
    worker_exit = isolate.run(
        "cspbench.engine.worker:measure",
        case,
        ("allocated",),
        settings,
        time_limit_s=settings.time_limit_s,
        receive=lines.append,
    )
    causes = [line.cause for line in lines if isinstance(line, CaseFailure)]
    if worker_exit is not None:
        causes.append(worker_exit.cause)
    return next(iter(causes), None)
