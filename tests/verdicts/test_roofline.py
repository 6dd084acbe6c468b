"""Positions below made-up roofs: 100 GFLOP/s, 100 GB/s in a cache of 1 MiB, 10 GB/s from memory."""

import msgspec
import pytest
from factories import CEILINGS

from cspbench.records.traffic import Operator
from cspbench.verdicts.roofline import ceilings_for, computes_in, position

MIB = 1 << 20


def operator(*, read: int, written: int = 0, flops: int = 0, calls: int = 1) -> Operator:
    return Operator(
        name="an operator", calls=calls, read_bytes=read, written_bytes=written, flops=flops
    )


def test_an_operator_that_computes_much_is_below_the_peak() -> None:
    """1 GFLOP takes 10 ms at least; in 20 ms it reaches half of that."""
    found = position([operator(read=1000, flops=10**9)], 0.02, CEILINGS, "fp32")
    assert found.roof == "compute"
    assert found.share == pytest.approx(0.5)
    assert found.flops_per_s == pytest.approx(50e9)
    assert found.intensity == 10**6


def test_what_a_cache_cannot_hold_comes_from_memory() -> None:
    """30 MB at 10 GB/s take 3 ms, whatever was written there before."""
    found = position([operator(read=20_000_000, written=10_000_000)], 0.004, CEILINGS, "fp32")
    assert found.roof == "memory"
    assert found.share == pytest.approx(0.75)
    assert found.bytes_per_s == pytest.approx(7.5e9)


def test_what_fits_in_a_cache_may_come_from_there() -> None:
    """1 MiB is read from a cache of 1 MiB, at 100 GB/s; a byte more would come from memory."""
    fits = position([operator(read=MIB, written=MIB)], 1.0, CEILINGS, "fp32")
    exceeds = position([operator(read=MIB + 1, written=MIB)], 1.0, CEILINGS, "fp32")
    assert fits.least_s == {"L2": pytest.approx(2 * MIB / 100e9)}
    assert exceeds.least_s == {"memory": pytest.approx((2 * MIB + 1) / 10e9)}


def test_least_times_of_operators_add_up_call_by_call() -> None:
    """Two calls of 1 ms of computing, one of 3 ms of memory: the roof is that of most time."""
    found = position(
        [operator(read=0, flops=10**8, calls=2), operator(read=30_000_000)], 0.01, CEILINGS, "fp32"
    )
    assert found.least_s == {"compute": pytest.approx(2e-3), "memory": pytest.approx(3e-3)}
    assert found.roof == "memory"
    assert found.share == pytest.approx(0.5)
    assert found.work.flops == 2 * 10**8


def test_a_precision_has_its_own_peak() -> None:
    """Four times as fast, so that the same time is a quarter of the roof."""
    work = [operator(read=0, flops=10**9)]
    assert position(work, 0.01, CEILINGS, "fp32").share == pytest.approx(1.0)
    assert position(work, 0.01, CEILINGS, "bf16").share == pytest.approx(0.25)
    assert position(work, 0.01, CEILINGS, "amp").share == pytest.approx(0.25)


def test_nothing_has_no_roof() -> None:
    """Views alone move nothing."""
    found = position([], 0.01, CEILINGS, "fp32")
    assert (found.roof, found.share, found.intensity) == ("", 0.0, 0.0)


def test_autocast_computes_in_half_precision() -> None:
    """In that of the device's default."""
    assert computes_in("amp", "cpu") == "bf16"
    assert computes_in("amp", "cuda:1") == "fp16"
    assert computes_in("tf32", "cuda:1") == "tf32"


def test_ceilings_are_those_of_the_device_and_of_a_measured_precision() -> None:
    """A run on two GPUs has two of them."""
    other = msgspec.structs.replace(CEILINGS, device="cuda:1")
    assert ceilings_for([CEILINGS, other], "cuda:1", "fp32") is other
    assert ceilings_for([CEILINGS], "cuda:1", "fp32") is None
    assert ceilings_for([CEILINGS], "cpu", "fp16") is None
