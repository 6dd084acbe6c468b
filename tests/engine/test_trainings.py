"""Trainings of blocks: once a seed, and those that are missing."""

from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info
from fake_worker import RecordedProgress

from cspbench.engine.runner import Runner
from cspbench.measures.registry import stages
from cspbench.records.folder import RunFolder, read, read_lines
from cspbench.records.run import Run, TrainingSettings

pytestmark = pytest.mark.usefixtures("nothing_is_contended")
slow = pytest.mark.slow


def gradient_run(path: Path, *builds: str, seeds: int, progress: RecordedProgress) -> Run:
    training = TrainingSettings(seeds=seeds, steps=4, data="digits")
    settings = msgspec.structs.replace(SETTINGS, training=training)
    info = make_info(
        *(make_case(build, mode="train") for build in builds),
        settings=settings,
        stages=stages("gradients", settings),
    )
    with RunFolder.create(path, info) as folder:
        Runner(folder, read_lines(path), progress).run()
    return read(path)


@slow
def test_blocks_are_trained_once_a_seed_and_a_failing_one_once(tmp_path: Path) -> None:
    """What breaks on real tensors is told at its first seed; what has no map is traced only."""
    progress = RecordedProgress()
    run = gradient_run(
        tmp_path / "run", "Good", "Flattens", "RaisesWhenReal", seeds=2, progress=progress
    )
    trained, flattens, raises = run.records
    assert [training.seed for training in trained.trainings] == [0, 1]
    assert [reading.step for reading in trained.trainings[0].readings] == [0, 1, 2, 4]
    assert flattens.gradient_terms is not None
    assert not flattens.gradient_terms.is_block
    assert (flattens.trainings, flattens.failures) == ((), ())
    (failure,) = raises.failures
    assert (failure.stage, failure.cause, failure.reason) == (
        "training",
        "raised",
        "ValueError: no",
    )
    assert [number for number, *_ in progress.trained] == [1, 2, 3]
    assert run.launches == ()


@slow
def test_a_missing_training_is_made_on_resuming(tmp_path: Path) -> None:
    """The others are kept, and the one repeated gives the same readings."""
    path = tmp_path / "run"
    uninterrupted = gradient_run(path, "Good", seeds=3, progress=RecordedProgress())
    lines = (path / "records.jsonl").read_bytes().splitlines(keepends=True)
    (path / "records.jsonl").write_bytes(b"".join(lines[:-2]))
    folder, assembly = RunFolder.resume(path)
    progress = RecordedProgress()
    with folder:
        Runner(folder, assembly, progress).run()
    assert [number for number, *_ in progress.trained] == [1, 2]
    assert read(path).records == uninterrupted.records
