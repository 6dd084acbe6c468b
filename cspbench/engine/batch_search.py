"""Search for the largest batch of each case that fits into memory.

The batch is predicted from the tensor peak on fake tensors, which allocates nothing; on a GPU it is
then tried.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache

import msgspec

from ..plan.case import Case, inputs_of, is_gpu
from ..records.lines import CaseFailure, Cause
from ..records.run import Settings
from . import attempts, isolate

MAX_BATCH = 1 << 16
"""The largest batch that is considered."""

_PRECISION = 0.03  # relative precision of a batch found by bisection


def largest_batch(peak: Callable[[int], int], budget: int) -> int:
    """The largest batch from 1 to `MAX_BATCH` whose ``peak`` in bytes is within ``budget``.

    1 if no batch is. The peak grows nearly in proportion to the batch: the search starts from the
    batch that two readings predict.
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
    """``case`` with inputs of ``batch`` images, under the same key and label."""
    inputs = inputs_of(case).resized(batch_size=batch, img_size=None)
    return msgspec.structs.replace(
        case, input_shape=inputs.shape, inputs=None if inputs.only_shape else inputs
    )


def largest_batches(
    cases: Sequence[Case],
    budgets: Sequence[int],
    settings: Settings,
    say: Callable[[str], None],
) -> list[int]:
    """The largest batch of each case within its budget in bytes; on a GPU, one that ran.

    Each result is reported to ``say``. The batch of a case whose worker dies is 1.
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
    """The largest batch of each case by its tensor peak; 1 for a case that kills its worker."""
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
    """The largest batch up to ``predicted`` that runs, found by bisection to within 3%.

    Libraries report a lack of memory in many ways, or crash: any failure counts as one if a single
    image runs. If a single image fails too, ``predicted`` is returned and the measurement will fail
    with the cause.
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
    """The cause of failure of one call of ``case``; None if it runs."""
    lines, worker_exit = attempts.answers(
        "cspbench.engine.worker:measure",
        case,
        ("allocated",),
        settings,
        time_limit_s=settings.time_limit_s,
    )
    causes = [line.cause for line in lines if isinstance(line, CaseFailure)]
    if worker_exit is not None:
        causes.append(worker_exit.cause)
    return next(iter(causes), None)
