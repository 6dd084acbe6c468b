"""What holds for every test."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

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


@pytest.fixture(scope="module")
def tiny_tensors() -> Iterator[None]:
    """Spare what takes longer than tiny tensors do: compiling kernels, and waking threads."""
    import torch

    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        torch.set_num_threads(1)
        torch.manual_seed(0)
        yield
        torch.set_num_threads(threads)


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


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A headless Chromium, for the tests of one file: while it runs, asyncio is taken.

    Where there is none, they are skipped, or fail if the environment says ``BROWSER=required``.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _without_browser("Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        _without_browser("no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        yield browser
        browser.close()


@pytest.fixture
def open_html(chromium: "Browser", tmp_path: Path) -> "Iterator[Callable[..., Page]]":
    """Opens the text of a page as a file; afterwards, asserts that all was quiet.

    No error, no dialog, and no request beside that for the file itself. Options are those of a
    browser's context.
    """
    path = tmp_path / "page.html"
    troubles: list[str] = []

    def hear(line: "ConsoleMessage") -> None:
        if line.type == "error":
            troubles.append(line.text)

    def see(request: "Request") -> None:
        if request.url not in {path.as_uri(), "data:,"}:
            troubles.append(request.url)

    def open_text(text: str, *, width: int = 1280, **options: Any) -> "Page":
        path.write_text(text)
        page = chromium.new_context(viewport={"width": width, "height": 900}, **options).new_page()
        page.on("console", hear)
        page.on("request", see)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield open_text
    for context in chromium.contexts:
        context.close()
    assert troubles == []


def _without_browser(reason: str) -> NoReturn:
    if os.environ.get("BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def nothing_is_contended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does meanwhile: no launch is repeated for it."""
    monkeypatch.setattr("cspbench.verdicts.launches.CONTENDED", 1.0)
