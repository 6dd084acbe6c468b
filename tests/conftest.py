"""What holds for every test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy machine", deadline=None)  # a time says nothing of a property
settings.load_profile("busy machine")

_CORES = sorted(os.sched_getaffinity(0))


def pytest_configure() -> None:
    """Give each of several workers cores of its own, before torch counts them for its threads.

    On shared cores, the threads of one process wait for those of the other.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return
    number, workers = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.sched_setaffinity(0, _CORES[number::workers] or _CORES)


@pytest.fixture
def every_core() -> Iterator[None]:
    """All cores of the machine, for a test that needs several: a worker may have only one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _CORES)
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture(autouse=True)
def _no_state_of_the_user(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's noise floor, if the user has one, is neither read nor replaced by tests."""
    folder: Path = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a GPU are skipped, with the reason, where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if torch.cuda.is_available():
        return
    for item in marked:
        item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device here"))


@pytest.fixture
def nothing_is_contended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does meanwhile: no launch is repeated for it."""
    monkeypatch.setattr("cspbench.verdicts.launches.CONTENDED", 1.0)
