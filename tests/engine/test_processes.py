"""Processes that are killed, stopped or left by a model: none stays, and a run does not hang."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cspbench.engine import attempts, fork_server, isolate, scratch
from cspbench.engine.channel import Channel
from cspbench.errors import CspbenchError

pytestmark = pytest.mark.slow

MARK = "CSPBENCH_TEST_MARK"


def hang(channel: Channel) -> None:
    """A task: sends its process id, and hangs in C code that no signal handler interrupts."""
    channel.send(os.getpid())
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
    while True:
        sum(range(1 << 30))


def leave_processes(channel: Channel, how: str) -> None:
    """A task: starts processes that stay, and sends their ids."""
    if how == "subprocess":
        channel.send(subprocess.Popen(["sleep", "600"]).pid)
    elif how == "session":
        channel.send(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    else:  # a daemon: its parent is gone, and it has a session of its own
        reader, writer = os.pipe()
        if (middle := os.fork()) == 0:
            os.setsid()
            if (daemon := os.fork()) == 0:
                time.sleep(600)
            os.write(writer, str(daemon).encode())
            os._exit(0)
        os.waitpid(middle, 0)
        channel.send(int(os.read(reader, 100)))


def kill(channel: Channel, target: str, number: int) -> None:
    """A task: sends ``number`` to its group, its guard, or itself."""
    channel.send("before")
    if target == "group":
        os.killpg(0, number)
    os.kill(os.getppid() if target == "guard" else os.getpid(), number)
    time.sleep(600)


def leave_a_daemon_and_kill_guard(channel: Channel) -> None:
    """A task: starts a daemon, sends its id, and kills its guard."""
    leave_processes(channel, "daemon")
    kill(channel, "guard", signal.SIGKILL)


def kill_itself_once(channel: Channel, folder: str) -> None:
    """A task: sends an answer, and is killed after it if it is the first in ``folder``."""
    channel.send("answer")
    tries = Path(folder, "tries")
    with tries.open("a", encoding="utf-8") as file:
        file.write("x")
    if len(tries.read_text(encoding="utf-8")) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_server(channel: Channel, number: int) -> None:
    """A task: sends ``number`` to the fork server, and returns."""
    os.kill(psutil.Process(os.getppid()).ppid(), number)
    channel.send("still here")


def run(task: str, *arguments: object, time_limit_s: float = 60.0) -> tuple[list[object], str]:
    """The messages of ``task``, and the reason of its exit."""
    received: list[object] = []
    worker_exit = isolate.run(
        f"test_processes:{task}", *arguments, time_limit_s=time_limit_s, receive=received.append
    )
    return received, worker_exit.reason if worker_exit else ""


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def eventually(holds: Callable[[], object], limit_s: float = 10.0) -> bool:
    """Whether ``holds`` within the limit."""
    limit = time.monotonic() + limit_s
    while not holds() and time.monotonic() < limit:
        time.sleep(0.05)
    return bool(holds())


@pytest.mark.parametrize("how", ["subprocess", "session", "daemon"])
def test_what_a_model_starts_is_ended_with_its_worker(how: str) -> None:
    """Also what left its group, where the system hands orphans to the guard."""
    if how != "subprocess" and sys.platform != "linux":
        pytest.skip("only Linux hands orphans to a process of ours")
    (pid,), reason = run("leave_processes", how)
    assert isinstance(pid, int)
    assert not reason
    assert ended(pid)


def test_a_model_that_kills_its_group_ends_its_worker_alone() -> None:
    """The parent is not in the group."""
    assert run("kill", "group", signal.SIGINT, time_limit_s=2.0)[0] == ["before"]
    _, reason = run("kill", "group", signal.SIGTERM)
    assert reason == "killed by SIGTERM"


@pytest.mark.parametrize(
    ("target", "number", "reason"),
    [
        ("self", 36, "killed by SIGRTMIN+2"),
        ("guard", signal.SIGKILL, "the process that watches it was killed"),
    ],
)
def test_a_death_by_any_signal_is_said(target: str, number: int, reason: str) -> None:
    """Signals without a name, and the death of the process that would know, are no tracebacks."""
    assert run("kill", target, number) == (["before"], reason)
    assert run("leave_processes", "subprocess")[1] == ""


def test_a_question_whose_worker_is_killed_is_asked_once_more(tmp_path: Path) -> None:
    """What the first answered does not count."""
    answers, worker_exit = attempts.answers(
        "test_processes:kill_itself_once", str(tmp_path), time_limit_s=60.0
    )
    assert worker_exit is None
    assert answers == ["answer"]
    assert (tmp_path / "tries").read_text(encoding="utf-8") == "xx"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to the server")
def test_what_a_killed_guard_should_have_ended_is_ended_by_the_server() -> None:
    """A process that left the group of its worker, which ended with the guard."""
    (pid, _), reason = run("leave_a_daemon_and_kill_guard")
    assert reason == "the process that watches it was killed"
    assert isinstance(pid, int)
    assert eventually(lambda: ended(pid))


def test_a_stopped_guard_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are killed after a while."""
    monkeypatch.setattr(fork_server, "_ENDING_LIMIT_S", 0.5)
    _, reason = run("kill", "guard", signal.SIGSTOP, time_limit_s=1.0)
    assert reason == "a step took longer than the time limit of 1 s (--time-limit raises it)"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_task_outlives_its_server_and_the_next_has_another(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed or stopped, it is replaced, and no case is blamed."""
    assert run("kill_server", number) == (["still here"], "")
    monkeypatch.setattr(fork_server, "_STARTING_LIMIT_S", 3.0)
    (pid,), reason = run("leave_processes", "subprocess")
    assert isinstance(pid, int)
    assert not reason


def test_a_server_that_never_starts_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries, then what it said last."""
    monkeypatch.setattr(fork_server, "_program", lambda _: "raise OSError('no room')")
    monkeypatch.setattr(isolate, "SERVER", fork_server.ForkServer())
    with pytest.raises(CspbenchError) as raised:
        run("hang")
    assert str(raised.value) == (
        "cannot start a process to measure in: the process exited early with code 1: "
        "OSError: no room"
    )


def test_loading_is_not_in_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes longer to load than a step may."""
    program = fork_server._program

    def slow_program(control_file: int) -> str:
        return f"import time; time.sleep(2.5); {program(control_file)}"

    monkeypatch.setattr(fork_server, "_program", slow_program)
    monkeypatch.setattr(isolate, "SERVER", fork_server.ForkServer())
    assert run("leave_processes", "subprocess", time_limit_s=2.0)[1] == ""


def test_a_library_that_unsets_the_wake_up_descriptor_after_a_fork_ends_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As asyncio does from Python 3.12 on, which torch imports."""
    program = fork_server._program
    hook = "import os, signal; os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))"
    monkeypatch.setattr(fork_server, "_program", lambda file: f"{hook}; {program(file)}")
    monkeypatch.setattr(isolate, "SERVER", fork_server.ForkServer())
    (pid,), reason = run("leave_processes", "session")
    assert isinstance(pid, int)
    assert not reason
    assert ended(pid)


def test_a_guard_that_fails_is_said_and_not_taken_for_the_servers_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server, which we then kill ourselves, has not run out of memory."""
    program = fork_server._program
    broken = "from cspbench.engine import server; server._guard = lambda *_: 1 / 0"
    monkeypatch.setattr(fork_server, "_program", lambda file: f"{broken}; {program(file)}")
    monkeypatch.setattr(isolate, "SERVER", fork_server.ForkServer())
    with pytest.raises(CspbenchError, match="code 1: ZeroDivisionError: division by zero"):
        run("hang")


PARENT = """
import sys
sys.path[:0] = {path!r}
from cspbench.engine import isolate
print("begins", flush=True)
isolate.run("test_processes:hang", time_limit_s=600, receive=lambda pid: print(pid, flush=True))
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs a hanging task, marked by a variable that its children inherit."""
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(path=sys.path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, MARK: str(tmp_path), "TMPDIR": str(tmp_path / "tmp")},
    )
    with process:
        yield process
        process.kill()
        for left in marked(tmp_path):
            left.kill()


def marked(mark: Path) -> list[psutil.Process]:
    """The processes with the mark, zombies left out."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(mark) and process.status() != "zombie":
                processes.append(process)
        except psutil.Error:
            pass
    return processes


def files(folder: Path) -> list[Path]:
    """What lies in the folder for temporary files, without the compiler's cache.

    Without Python's own file, too, by which it looks whether the folder can be written.
    """
    names = re.compile(r"torchinductor_.*|[a-z0-9_]{8}")
    return [path for path in (folder / "tmp").iterdir() if not names.fullmatch(path.name)]


@pytest.mark.parametrize("delay_s", [0.0, 0.4, None])
def test_nothing_outlives_a_killed_parent(
    parent: "subprocess.Popen[str]",
    delay_s: float | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed while its server loads torch, or while its worker hangs; files go with the next."""
    assert parent.stdout is not None
    parent.stdout.readline()
    if delay_s is None:
        assert parent.stdout.readline().strip().isdigit()
        assert len(marked(tmp_path)) == 4  # parent, server, guard, worker
    else:
        time.sleep(delay_s)
    parent.kill()
    parent.wait()
    assert eventually(lambda: not marked(tmp_path)), marked(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    scratch.folder.__wrapped__()
    assert len(files(tmp_path)) == 1  # our own, from the line before


def test_nothing_outlives_a_killed_parent_and_server(
    parent: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """The guard is left, and ends its worker."""
    assert parent.stdout is not None
    parent.stdout.readline()
    parent.stdout.readline()
    (server,) = psutil.Process(parent.pid).children()
    parent.kill()
    server.kill()
    assert eventually(lambda: not marked(tmp_path)), marked(tmp_path)


def test_an_interrupted_parent_leaves_nothing(
    parent: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """Neither processes nor files."""
    assert parent.stdout is not None
    parent.stdout.readline()
    parent.stdout.readline()
    parent.send_signal(signal.SIGINT)
    parent.wait(timeout=30)
    assert not marked(tmp_path)
    assert not files(tmp_path)
