"""A task in a fresh worker: every way to end is told apart, and nothing is left running."""

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from factories import SETTINGS, make_case

from cspbench.engine import isolate
from cspbench.engine.channel import Channel
from cspbench.engine.exit_reasons import _error_line
from cspbench.engine.isolate import Exit
from cspbench.engine.steps import step_of
from cspbench.records.lines import Line

pytestmark = pytest.mark.slow


def send_words(channel: Channel, words: list[str]) -> None:
    """A task: sends ``words``, one by one."""
    for word in words:
        channel.send(word)


def send_process_id(channel: Channel) -> None:
    """A task: sends its own process id."""
    channel.send(os.getpid())


def sleep(channel: Channel, seconds: float) -> None:
    """A task: sends its own process id, and sleeps."""
    channel.send(os.getpid())
    time.sleep(seconds)


def take_four_steps(channel: Channel, seconds: float) -> None:
    """A task of four steps, each of ``seconds``."""
    for step in range(4):
        channel.begin_step(step)
        time.sleep(seconds)


def measure(build: str, *, time_limit_s: float = 60.0) -> tuple[list[Line], Exit | None]:
    received: list[Line] = []
    worker_exit = isolate.run(
        "cspbench.engine.worker:measure",
        make_case(build),
        ("counts", "allocated"),
        SETTINGS,
        time_limit_s=time_limit_s,
        receive=received.append,
    )
    return received, worker_exit


def test_messages_arrive_in_order_and_a_task_that_returns_ended_well() -> None:
    """What is sent is received, and None says that nothing went wrong."""
    received: list[str] = []
    worker_exit = isolate.run(
        "test_isolate:send_words", ["a", "b", "c"], time_limit_s=60, receive=received.append
    )
    assert (received, worker_exit) == (["a", "b", "c"], None)


SECOND_STAGE = step_of(1, "real")


@pytest.mark.parametrize(
    ("build", "cause", "reason"),
    [
        (
            "Kills",
            "signal",
            "killed by SIGKILL (by the system when memory ran out, or by hand)",
        ),
        ("Segfaults", "signal", "killed by SIGSEGV"),
        ("Leaves", "exited", "the process exited early with code 7: leaving early"),
    ],
)
def test_an_exit_has_its_cause_and_its_step(build: str, cause: str, reason: str) -> None:
    """Counting succeeded before; the process died at its second stage, on real tensors."""
    received, worker_exit = measure(build)
    assert len(received) == 1
    assert worker_exit is not None
    assert (worker_exit.cause, worker_exit.reason, worker_exit.step) == (
        cause,
        reason,
        SECOND_STAGE,
    )
    assert worker_exit.is_from_outside == (build == "Kills")  # nothing tells who sent it


def test_the_end_of_what_a_dead_worker_wrote_is_kept() -> None:
    """What it wrote, and where a crash stood."""
    _, early_exit = measure("Leaves")
    assert early_exit is not None
    assert "leaving early" in early_exit.detail
    _, crash = measure("Segfaults")
    assert crash is not None
    assert "misbehave" in crash.detail


def test_a_step_past_its_time_limit_is_ended() -> None:
    """The process is gone within the limit's order, not after its ten minutes of sleep."""
    start = time.monotonic()
    _, worker_exit = measure("Hangs", time_limit_s=3.0)
    assert worker_exit is not None
    assert (worker_exit.cause, worker_exit.step) == ("timeout", SECOND_STAGE)
    assert (
        worker_exit.reason
        == "a step took longer than the time limit of 3 s (--time-limit raises it)"
    )
    assert time.monotonic() - start < 60


def hang(_: Channel) -> None:
    time.sleep(600)


def test_a_task_that_sends_nothing_is_ended_at_its_limit() -> None:
    """Its start is no message, and the time allowed for the start is longer than the limit."""
    start = time.monotonic()
    worker_exit = isolate.run("test_isolate:hang", time_limit_s=2, receive=lambda _: None)
    assert worker_exit is not None
    assert worker_exit.cause == "timeout"
    assert time.monotonic() - start < 45


def test_the_time_limit_is_a_steps_not_the_tasks() -> None:
    """Four steps of 0.6 s outlast a limit of 1.5 s together, and none does alone."""
    worker_exit = isolate.run(
        "test_isolate:take_four_steps", 0.6, time_limit_s=1.5, receive=lambda _: None
    )
    assert worker_exit is None


def test_a_task_that_a_thread_waits_for_is_ended_by_a_message() -> None:
    """No interrupt reaches a thread; what is sent to it ends its task, and is raised there."""
    stopped, stop = multiprocessing.Pipe(duplex=False)
    started: list[int] = []

    def wait() -> None:
        isolate.run(
            "test_isolate:sleep", 300.0, time_limit_s=600, receive=started.append, stop=stopped
        )

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        while not started:
            time.sleep(0.01)
        stop.send(None)
        with pytest.raises(KeyboardInterrupt):
            waiting.result(timeout=30)
    assert not psutil.pid_exists(started[0])


def test_an_exception_in_the_parent_ends_the_process() -> None:
    """An interrupt while a message is handled leaves nothing running."""
    process_ids: list[int] = []

    def receive(pid: int) -> None:
        process_ids.append(pid)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolate.run("test_isolate:send_process_id", time_limit_s=60, receive=receive)
    (pid,) = process_ids
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


TRACEBACK = """Traceback (most recent call last):
  File "mine.py", line 1, in forward
torch.AcceleratorError: CUDA error: an illegal access
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""


@pytest.mark.parametrize(
    ("log_tail", "line"),
    [
        ("", ""),
        ("leaving early\n\n", "leaving early"),
        (TRACEBACK, "torch.AcceleratorError: CUDA error: an illegal access"),
    ],
)
def test_the_reason_is_the_line_that_names_the_error(log_tail: str, line: str) -> None:
    """Behind it there may be advice."""
    assert _error_line(log_tail) == line


def test_what_was_printed_since_the_last_question_is_told(tmp_path: Path) -> None:
    """Its end alone if it is long; lines of torch's profiler and fake tensors are none of it."""
    log = tmp_path / "output"
    log.write_text(
        "first\nUSDT:2026-11-27 02:41:18 6686:6686 Handler.cpp:52] profiler_start\n"
        "E1127 02:14:05.732000 29584 torch/_subclasses/fake_tensor.py:3090] failed\n"
    )
    channel = Channel(None, [0.0, 0.0], log)  # type: ignore[arg-type]
    assert channel.printed() == "first"
    assert channel.printed() == ""
    with log.open("a") as file:
        file.write("x" * 100_000 + "end\n")
    assert channel.printed() == "x" * (4096 - 4) + "end"
