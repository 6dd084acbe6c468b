"""The largest batch that fits: found in few readings, tried for real on a GPU, shown as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info, make_latency
from hypothesis import given
from hypothesis import strategies as st
from synthetic import report_text

from cspbench import cli
from cspbench.engine import batch_search, isolate
from cspbench.engine.batch_search import MAX_BATCH, largest_batch, largest_batches, with_batch
from cspbench.engine.isolate import Exit
from cspbench.machine import environment
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan.case import Case
from cspbench.records.folder import read
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Record, Run

slow = pytest.mark.slow


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(0, 10**11), st.integers(0, 10**5))
def test_it_is_the_last_batch_within_the_budget(
    fixed: int, per_image: int, budget: int, bend: int
) -> None:
    """Whatever is fixed, whatever an image takes, and where another operator bends the peak."""
    readings: list[int] = []

    def peak(batch: int) -> int:
        readings.append(batch)
        return fixed + per_image * batch + max(0, batch - 40) * bend

    batch = largest_batch(peak, budget)
    assert 1 <= batch <= MAX_BATCH
    if batch > 1:
        assert peak(batch) <= budget
    if batch < MAX_BATCH:
        assert peak(batch + 1) > budget
    assert len(readings) < 45


def test_a_peak_in_proportion_to_the_batch_takes_a_handful_of_readings() -> None:
    """Two to tell the slope, two to make sure: 990 images of 10 bytes beside 100."""
    readings: list[int] = []

    def peak(batch: int) -> int:
        readings.append(batch)
        return 100 + 10 * batch

    assert largest_batch(peak, 10_000) == 990
    assert len(readings) == 4


@slow
def test_on_a_cpu_the_largest_batch_fits_and_one_more_image_does_not() -> None:
    """In a process of its own, on fake tensors: two cases in two modes, 64 MiB each."""
    cases = [make_case("Good"), make_case("Good", mode="train"), make_case("Raises")]
    messages: list[str] = []
    budget = 64 << 20
    batches = largest_batches(cases, [budget] * 3, SETTINGS, messages.append)

    def peak(case: Case, batch: int) -> int:
        return tensor_peak(BuiltSubject(with_batch(case, batch))).peak_tensor_bytes

    for case, batch in zip(cases[:2], batches[:2], strict=True):
        assert peak(case, batch) <= budget < peak(case, batch + 1)
    assert batches[1] < batches[0]
    assert batches[2] == 1  # it cannot be counted: measuring it will say why
    assert messages[0] == f"[1/3] Good, infer: batch {batches[0]:,}"


@slow
def test_a_case_that_dies_while_it_is_counted_does_not_end_the_search() -> None:
    """Asked again from the next one on."""
    cases = [make_case("DiesWhenCounted"), make_case("Good")]
    batches = largest_batches(cases, [1 << 20] * 2, SETTINGS, lambda _: None)
    assert batches[0] == 1
    assert batches[1] > 100


class Device:
    """`isolate.run` for a GPU on which so many images run; predicted are 10,000.

    More of them fail for ``cause``, or end the process where it is ``signal``.
    """

    def __init__(self, room: int, cause: str = "out_of_memory") -> None:
        self.tried: list[int] = []
        self._room = room
        self._cause: Any = cause

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Any], None], **_: object
    ) -> Exit | None:
        if task.endswith(":fit"):
            receive(10_000)
            return None
        case = arguments[0]
        self.tried.append(case.input_shape[0])
        if case.input_shape[0] > self._room:
            if self._cause == "signal":
                return Exit(cause="signal", reason="killed", detail="", step=0)
            receive(
                CaseFailure(case=case.key, stage="allocated", cause=self._cause, reason="no room")
            )
        return None


@pytest.mark.parametrize(
    ("room", "least", "tries"), [(20_000, 10_000, 1), (7_000, 6_790, 8), (1, 1, 15), (0, 1, 15)]
)
def test_on_a_gpu_the_prediction_is_tried_and_bisected_to_three_percent(
    monkeypatch: pytest.MonkeyPatch, room: int, least: int, tries: int
) -> None:
    """What runs is taken; where nothing does, one image is left to fail in the measurement."""
    device = Device(room)
    monkeypatch.setattr(isolate, "run", device)
    monkeypatch.setattr(batch_search, "is_gpu", lambda _: True)
    (batch,) = largest_batches([make_case("Good")], [1 << 30], SETTINGS, lambda _: None)
    assert least <= batch <= max(1, room)
    assert len(device.tried) <= tries


@pytest.mark.parametrize("cause", ["raised", "signal"])
def test_a_failure_that_has_nothing_to_do_with_the_batch_is_left_to_the_measurement(
    monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """One image fails, too: the prediction stands, and nothing more is tried."""
    device = Device(0, cause=cause)
    monkeypatch.setattr(isolate, "run", device)
    monkeypatch.setattr(batch_search, "is_gpu", lambda _: True)
    assert largest_batches([make_case("Good")], [1], SETTINGS, lambda _: None) == [10_000]
    assert device.tried == [10_000, 1]


@pytest.mark.parametrize("cause", ["raised", "signal"])
def test_whatever_fails_at_a_batch_only_is_taken_for_a_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """A library's own words for it, or a process that it killed."""
    device = Device(7_000, cause=cause)
    monkeypatch.setattr(isolate, "run", device)
    monkeypatch.setattr(batch_search, "is_gpu", lambda _: True)
    (batch,) = largest_batches([make_case("Good")], [1 << 30], SETTINGS, lambda _: None)
    assert 6_790 <= batch <= 7_000


def run_at_batches(*batches: int) -> Run:
    """A run of one case a batch, a millisecond an image and a call, no references."""
    cases = [
        msgspec.structs.replace(
            with_batch(make_case("Good"), batch), key=f"Good {batch}", label=f"Good x{batch}"
        )
        for batch in batches
    ]
    records = tuple(
        Record(
            case=case,
            latencies=tuple(
                make_latency(case, launch, 1e-3 * (batch + 1), 1e-3 * (batch + 1.001))
                for launch in (1, 2, 3)
            ),
        )
        for case, batch in zip(cases, batches, strict=True)
    )
    return Run(info=make_info(*cases), records=records, launches=(), yardstick=())


def test_entries_at_their_own_batches_are_ranked_by_throughput() -> None:
    """1 of 2 ms an image against 63 of 64: the slower call has the higher throughput."""
    text = report_text(run_at_batches(1, 63))
    assert (
        "Good x63 has the highest throughput of 2 entries, each at its own batch, at inference:"
        in " ".join(text.split())
    )
    assert "984." in text  # 63 images in 64 ms
    assert "is fastest" not in text
    assert "fewest MACs" not in text


def test_throughput_is_shown_where_batches_hold_more_than_one_image() -> None:
    """At one image a call it says what the latency says."""
    assert "images" in report_text(run_at_batches(8))
    assert "images" not in report_text(run_at_batches(1))


@slow
def test_the_command_line_finds_batches_and_repeats_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """64 MiB for images of 9 planes of 256x256 floats; a resume does not search again."""
    suite, out = tmp_path / "wide.toml", tmp_path / "run"
    suite.write_text(
        'description = "wide"\nmode = ["infer"]\n[[case]]\nentry = "torch.nn:Conv2d"\n'
        "input = [1, 1, 256, 256]\nset = { in_channels = 1, out_channels = 8, kernel_size = 1 }"
    )
    monkeypatch.setattr(environment, "memory_budget_bytes", lambda *_: 64 << 20)
    words = ("--launches", "1", "--turns", "1", "--out", str(out))
    assert cli.main(["run", str(suite), "--batch-size", "auto", *words]) == 0
    printed = capsys.readouterr()
    assert "[1/1] torch.nn:Conv2d" in printed.err
    assert "batch 28" in printed.err
    run = read(out)
    assert [case.input_shape for case in run.info.cases] == [(28, 1, 256, 256)]
    assert "--batch-size auto" in run.info.command
    assert "images" in printed.out
    assert cli.main(["run", "--resume", str(out), "--trust"]) == 0
    assert cli.main(["run", "--resume", str(out), "--batch-size", "auto"]) == 2
    assert "its batch sizes were found when it was started" in capsys.readouterr().err
    assert cli.main(["ab", "HEAD", "HEAD", "--batch-size", "auto"]) == 2
    assert "both sides of ab need the same batch" in capsys.readouterr().err
