"""Contention: what others took of the cores, from a made-up /proc and from the real one."""

import os
import time
from pathlib import Path

import msgspec
import pytest
from factories import make_activity, make_case, make_launch

from cspbench.machine.contention import Snapshot, taken_cores
from cspbench.records.base import Failure
from cspbench.verdicts.launches import is_contended

TICKS = os.sysconf("SC_CLK_TCK")


def fake_root(root: Path, *, busy_s: float, steal_s: float, mhz: str = "2500.0") -> Path:
    """A /proc in which each core of this process was busy and stolen for so long."""
    (root / "proc").mkdir(exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    busy, steal = round(busy_s * TICKS), round(steal_s * TICKS)
    lines = ["cpu  1 2 3 4 5 6 7 8 9 10"]
    lines += [f"cpu{core} {busy} 0 0 777 5 0 0 {steal} 0 0" for core in cores]
    (root / "proc/stat").write_text("\n".join([*lines, "intr 5"]) + "\n", encoding="ascii")
    info = [f"processor\t: {core}\ncpu MHz\t\t: {mhz}\n" for core in cores]
    (root / "proc/cpuinfo").write_text("\n".join(info), encoding="utf-8")
    return root


@pytest.mark.usefixtures("every_core")
def test_what_others_took_is_the_cores_busy_time_less_our_own(tmp_path: Path) -> None:
    """Every core was busy for 3 s and stolen for 1 s between two readings."""
    cores = len(os.sched_getaffinity(0))
    before = Snapshot.take(fake_root(tmp_path, busy_s=10, steal_s=1))
    after = Snapshot.take(fake_root(tmp_path, busy_s=13, steal_s=2))
    activity = after.since(before, threads=cores)
    assert activity.others_s == pytest.approx(3 * cores, abs=0.5)
    assert activity.steal_s == pytest.approx(cores)
    assert (activity.mhz_before, activity.mhz_after) == (2500.0, 2500.0)


@pytest.mark.usefixtures("every_core")
def test_cores_that_others_take_now_are_busy_and_stolen_seconds_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 0.4 s each core was busy for 0.1 s and stolen for 0.1 s: half of each."""
    clock = iter((7.0, 7.4))
    monkeypatch.setattr("cspbench.machine.contention.perf_counter", lambda: next(clock))
    monkeypatch.setattr("cspbench.machine.contention.process_time", lambda: 1.0)
    fake_root(tmp_path, busy_s=10, steal_s=1)
    taken = taken_cores(tmp_path, lambda: fake_root(tmp_path, busy_s=10.1, steal_s=1.1))
    assert taken == pytest.approx(len(os.sched_getaffinity(0)) / 2)
    (tmp_path / "proc/stat").unlink()
    clock = iter((8.0, 8.4))
    assert isinstance(taken_cores(tmp_path, lambda: None), Failure)


@pytest.mark.parametrize("content", [None, "cpu0 a b c\n", "cpu0 1 2\n", "intr 5\n"])
def test_a_proc_that_cannot_be_read_is_said_not_guessed(
    tmp_path: Path, content: str | None
) -> None:
    """Missing, damaged, or without our cores: a reason in place of a number."""
    if content is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/stat").write_text(content, encoding="ascii")
    snapshot = Snapshot.take(tmp_path)
    activity = snapshot.since(snapshot, threads=1)
    for reading in (activity.others_s, activity.steal_s, activity.mhz_before):
        assert isinstance(reading, Failure)
        assert reading.reason
    assert activity.taken_share == 0.0


def test_what_a_process_lacked_counts_only_as_far_as_others_ran() -> None:
    """Half of a second of two threads is missing: others ran for 0.2 s, the rest was waiting."""
    activity = msgspec.structs.replace(
        make_activity(threads=2), cpu_s=1.0, others_s=0.1, steal_s=0.1
    )
    assert activity.taken_share == pytest.approx(0.2 / 2)
    unread = msgspec.structs.replace(activity, others_s=Failure(reason="no"))
    assert unread.taken_share == pytest.approx(0.5)


def test_others_on_a_core_that_we_left_idle_take_nothing() -> None:
    """One thread on two cores ran all the time: a busy neighbour is no contention."""
    activity = msgspec.structs.replace(make_activity(), cpu_s=1.0, others_s=1.0)
    assert activity.taken_share == 0.0


@pytest.mark.parametrize(("taken", "contended"), [(0.0, False), (0.049, False), (0.06, True)])
def test_a_launch_is_contended_from_a_twentieth_on(taken: float, contended: bool) -> None:
    """Little losses are part of every machine."""
    assert is_contended(make_launch(1, make_case("Good"), taken=taken)) is contended


def test_the_real_clocks_see_this_process_run() -> None:
    """A tenth of a second of work is at least half of that in processor time, and is ours."""
    before = Snapshot.take()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    activity = Snapshot.take().since(before, threads=1)
    assert 0.05 < activity.cpu_s <= activity.wall_s + 0.02
    assert 0.0 <= activity.taken_share <= 1.0


def test_beside_a_gpu_only_waiting_for_a_core_counts(tmp_path: Path) -> None:
    """Two threads waited 0.2 s together: sleeping for the rest is no contention."""
    for thread, waited in ((7, 1.0), (8, 2.0)):
        folder = tmp_path / "proc/self/task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(f"5000 {round(waited * 1e9)} 3\n")
    before = Snapshot.take(tmp_path)
    (tmp_path / "proc/self/task/8/schedstat").write_text(f"5000 {round(2.2 * 1e9)} 3\n")
    activity = Snapshot.take(tmp_path).since(before, threads=1, beside_gpu=True)
    assert activity.queued_s == pytest.approx(0.2)
    activity = msgspec.structs.replace(
        make_activity(), wall_s=1.0, cpu_s=0.1, others_s=9.0, queued_s=activity.queued_s
    )
    assert activity.taken_share == pytest.approx(0.2)
    unread = Snapshot.take(tmp_path / "nowhere")
    assert isinstance(unread.since(unread, threads=1, beside_gpu=True).queued_s, Failure)
    assert unread.since(unread, threads=1).queued_s is None
