"""Ceilings of devices: measured, joined over launches, kept for later runs, and found again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import CEILINGS, SETTINGS, make_case, make_info

from cspbench.engine import isolate
from cspbench.engine.ceilings import ceilings_of_cases, measure_ceilings
from cspbench.engine.request import RunRequest
from cspbench.engine.session import Session
from cspbench.errors import CspbenchError
from cspbench.machine import ceilings as stored
from cspbench.machine import environment
from cspbench.measures.roofs.bandwidth import Level, bandwidth, levels
from cspbench.measures.roofs.products import product_peak, trial_rate
from cspbench.measures.roofs.sampling import shortest_s
from cspbench.plan.case import Precision
from cspbench.records.ceilings import Bandwidth, Peak

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HERE = make_info().environment
CASE = make_case("Plain")
IN_BF16 = msgspec.structs.replace(CASE, key="other", precision="amp")


class FakeRates:
    """In place of `isolate.run`: a device with the ``speeds`` of launches, again and again."""

    def __init__(self) -> None:
        self.speeds: tuple[float, ...] = (1.0, 2.0)
        self.tasks: list[str] = []
        self.precisions: list[tuple[Precision, ...]] = []
        self.levels: tuple[Level, ...] = ()
        self.fails = False
        self.dies_in = ""
        self.fails_once: Precision | None = None

    def __call__(
        self, task: str, *arguments: Any, receive: Callable[[Any], None], **_: object
    ) -> isolate.Exit | None:
        self.tasks.append(task.rpartition(":")[2])
        if self.fails or self.tasks[-1] == self.dies_in:
            return isolate.Exit(cause="exited", reason="no room", detail="", step=-1)
        if self.tasks[-1] == "find_useful":
            for precision in ("fp32", "bf16"):
                receive(precision)
            return None
        _device, _settings, precisions, self.levels = arguments
        self.precisions.append(precisions)
        speed = self.speeds[(len(self.precisions) - 1) % len(self.speeds)]
        for level in self.levels:
            receive(
                Bandwidth(
                    level=level.name,
                    capacity_bytes=level.capacity_bytes,
                    array_bytes=level.sizes[-1] // 3,
                    copy_bytes=(speed,),
                    triad_bytes=(2 * speed,),
                    sum_bytes=(3 * speed,),
                )
            )
        for precision in precisions:
            if precision == self.fails_once:
                self.fails_once = None
                continue
            peak = Peak(
                product_flops=(speed,),
                convolution_flops=(10 / speed,),
                product=f"product {speed:g}",
                convolution=f"convolution {speed:g}",
            )
            receive((precision, peak))
        return None


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> FakeRates:
    fake = FakeRates()
    monkeypatch.setattr(isolate, "run", fake)
    monkeypatch.setattr(
        "cspbench.machine.caches.capacities", lambda *_: {"L1": 32 * KIB, "L2": MIB}
    )
    return fake


def test_the_rates_of_launches_stand_side_by_side(rates: FakeRates) -> None:
    """The names of shapes are those of the fastest launch."""
    found = measure_ceilings(SETTINGS, HERE, lambda _: None)
    assert rates.tasks == ["find_useful", *(["measure_rates"] * 4)]
    assert rates.precisions == [("fp32", "bf16")] * 4
    assert found.peaks["bf16"] == Peak(
        product_flops=(1.0, 2.0, 1.0, 2.0),
        convolution_flops=(10.0, 5.0, 10.0, 5.0),
        product="product 2",
        convolution="convolution 1",
    )
    assert [level.level for level in found.bandwidths] == ["L2", "memory"]
    assert found.bandwidths[1].triad_bytes == (2.0, 4.0, 2.0, 4.0)
    assert (found.device, found.threads, found.torch) == ("cpu", 1, "2.13.0")
    assert found.machine == environment.machine(HERE)
    assert stored.load(found.machine, "cpu", 1, "2.13.0") is None  # `doctor` decides


@pytest.mark.parametrize(
    ("speeds", "launches"),
    [((1.0, 1.04), 2), ((1.0, 2.0, 1.02, 1.96), 4), ((1.0, 0.9, 1.1, 1.2, 1.3, 1.4, 1.5), 6)],
)
def test_launches_go_on_until_the_best_two_agree(
    rates: FakeRates, speeds: tuple[float, ...], launches: int
) -> None:
    """To 5% in each peak and bandwidth, since a disturbed launch shows no ceiling; 6 at most."""
    rates.speeds = speeds
    found = measure_ceilings(SETTINGS, HERE, lambda _: None)
    assert len(rates.precisions) == launches
    assert found.bandwidths[0].copy_bytes == speeds[:launches]


def test_ceilings_are_measured_once_for_all_later_runs(rates: FakeRates) -> None:
    """Of other threads, or in another precision, they are measured anew; amp needs bf16."""
    said: list[str] = []
    first = ceilings_of_cases([CASE], SETTINGS, HERE, said.append)
    assert ceilings_of_cases([CASE], SETTINGS, HERE, said.append) == first
    assert rates.precisions == [("fp32",)] * 4
    assert said[0] == (
        "ceilings of cpu, for the roofline: 15 to 45 s, once for this machine and 1 thread"
    )
    (both,) = ceilings_of_cases([CASE, IN_BF16], SETTINGS, HERE, said.append)
    assert rates.precisions[4:] == [("fp32", "bf16")] * 4
    assert list(both.peaks) == ["fp32", "bf16"]
    assert ceilings_of_cases([IN_BF16], SETTINGS, HERE, said.append) == (both,)
    two_threads = msgspec.structs.replace(SETTINGS, threads=2)
    (other,) = ceilings_of_cases([CASE], two_threads, HERE, said.append)
    assert other.threads == 2


def test_a_precision_that_is_measured_anew_does_not_lose_the_others(rates: FakeRates) -> None:
    """What was kept in another is measured again with it, so that all are of one time."""
    ceilings_of_cases([CASE], SETTINGS, HERE, lambda _: None)
    ceilings_of_cases([IN_BF16], SETTINGS, HERE, lambda _: None)
    assert rates.precisions[-1] == ("bf16", "fp32")


@pytest.mark.parametrize("by_module", [True, False])
def test_a_run_by_module_records_the_ceilings(
    rates: FakeRates, tmp_path: Path, *, by_module: bool
) -> None:
    """No other run takes the time for them."""
    request = RunRequest(suite="csp", by_module=by_module, out=str(tmp_path / "run"))
    with Session.begin(request, lambda _: None) as session:
        devices = [ceilings.device for ceilings in session.info.ceilings]
    assert devices == (["cpu"] if by_module else [])
    assert ("traffic" in session.info.stages) is by_module
    assert bool(rates.tasks) is by_module


def test_a_run_goes_on_without_ceilings_and_says_why(rates: FakeRates) -> None:
    """A doctor is told by an exception."""
    rates.fails = True
    said: list[str] = []
    assert ceilings_of_cases([CASE], SETTINGS, HERE, said.append) == ()
    assert said[-1] == "no roofline on cpu: cannot measure the ceilings: no room"
    with pytest.raises(CspbenchError, match="cannot measure the ceilings: no room"):
        measure_ceilings(SETTINGS, HERE, said.append)


def test_a_doctor_is_told_if_the_precisions_of_use_cannot_be_found(rates: FakeRates) -> None:
    """Rather than given ceilings without any."""
    rates.dies_in = "find_useful"
    with pytest.raises(CspbenchError, match="cannot measure the ceilings: no room"):
        measure_ceilings(SETTINGS, HERE, lambda _: None)


def test_a_precision_that_fails_in_one_launch_has_no_peak(rates: FakeRates) -> None:
    """As where memory was short for a moment; the others have theirs."""
    rates.fails_once = "bf16"
    assert set(measure_ceilings(SETTINGS, HERE, lambda _: None).peaks) == {"fp32"}


def test_ceilings_that_cannot_be_kept_are_used_and_it_is_said(
    rates: FakeRates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since the next run measures them again."""
    del rates
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    said: list[str] = []
    (ceilings,) = ceilings_of_cases([CASE], SETTINGS, HERE, said.append)
    assert set(ceilings.peaks) == {"fp32"}
    assert said[-1].startswith("cannot store the ceilings in ")


def test_ceilings_are_read_back_as_they_were_stored() -> None:
    """And only for the same machine, device, threads and torch."""
    stored.STORE.save(CEILINGS)
    assert stored.load("here", "cpu", 1, "2.13.0") == CEILINGS
    for other in (
        ("there", "cpu", 1, "2.13.0"),
        ("here", "cuda", 1, "2.13.0"),
        ("here", "cpu", 2, "2.13.0"),
        ("here", "cpu", 1, "2.14.0"),
    ):
        assert stored.load(*other) is None


def test_arrays_of_memory_are_four_times_the_last_cache_or_as_large_as_fits() -> None:
    """Those of a cache leave the one below, and fill a part of it; L1 is no level."""
    caches = {"L1": 64 * KIB, "L2": 2 * MIB, "L3": 128 * MIB}
    second, third, memory = levels(caches, 64 * GIB)
    assert (second.name, second.capacity_bytes) == ("L2", 2 * MIB)
    assert second.sizes == (80 * KIB, MIB // 2, MIB)
    assert third.sizes == (int(2.5 * MIB), 32 * MIB, 64 * MIB)
    assert (memory.name, memory.capacity_bytes) == ("memory", None)
    assert memory.sizes == (3 * 4 * 128 * MIB,)
    assert levels({}, 64 * GIB)[-1].sizes == (3 * 256 * MIB,)
    assert levels(caches, 600 * MIB)[-1].sizes == (300 * MIB,)


def test_the_fastest_sample_counts() -> None:
    """By a scripted clock: calls of 3, 3, then 5, 2 and 4 s; the first two are no samples."""
    now, calls = [0.0], iter([3.0, 3.0, 5.0, 2.0, 4.0])

    def call() -> None:
        now[0] += next(calls)

    assert shortest_s(call, None, seconds=0.0, clock=lambda: now[0]) == 2.0


def test_rates_are_products_and_bytes_by_the_time_they_take() -> None:
    """Of a real device: no figure is known, but all are there and positive."""
    level = Level(name="L2", capacity_bytes=MIB, sizes=(64 * KIB, 128 * KIB))
    found = bandwidth("cpu", level)
    assert (found.level, found.capacity_bytes, found.array_bytes) == ("L2", MIB, 128 * KIB // 3)
    assert min(found.copy_bytes + found.triad_bytes + found.sum_bytes) > 0
    assert found.bytes_per_s == max(found.copy_bytes + found.triad_bytes + found.sum_bytes)
    assert trial_rate("cpu", "fp32") > 0


@pytest.mark.slow
def test_the_peak_names_the_fastest_shapes() -> None:
    """Of a real device."""
    found = product_peak("cpu", "fp32")
    assert found.product in {"1024 x 1024", "2048 x 2048"}
    assert found.convolution.partition(",")[0] in {"3x3", "1x1"}
    assert found.flops_per_s == max(found.product_flops + found.convolution_flops)
