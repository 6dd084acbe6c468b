"""Trainings of blocks, each in its own worker."""

from collections.abc import Iterable

from ..plan.case import Case
from ..records.run import Record, Settings
from .progress import Progress
from .recorder import Recorder


def train_blocks(recorder: Recorder, settings: Settings, progress: Progress) -> None:
    """Train each block with each seed that it lacks, until it fails; networks are not trained."""
    if settings.training is None:
        return
    seeds = range(settings.seed, settings.seed + settings.training.seeds)
    missing = _missing(recorder.records, seeds)
    for number, (case, seed) in enumerate(missing, start=1):
        if recorder.record(case.key).has_failed:
            continue
        lines, worker_exit = recorder.record_task(
            "cspbench.engine.worker:train",
            case,
            seed,
            settings,
            time_limit_s=settings.time_limit_s,
        )
        if worker_exit is not None:
            failure = worker_exit.failure(case.key, "training")
            recorder.keep([failure])
            lines.append(failure)
        progress.block_trained(number, len(missing), case, lines)


def _missing(records: Iterable[Record], seeds: Iterable[int]) -> list[tuple[Case, int]]:
    """The case and seed of each missing training, seed by seed."""
    blocks = [
        record
        for record in records
        if record.gradient_terms and record.gradient_terms.is_block and not record.has_failed
    ]
    return [
        (record.case, seed)
        for seed in seeds
        for record in blocks
        if seed not in {training.seed for training in record.trainings}
    ]
