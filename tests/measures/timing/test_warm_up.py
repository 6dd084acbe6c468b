"""Warm-up: it ends when two windows of times agree, and at a cap."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.measures.timing.warm_up import WarmUp


def warmed(seconds: Iterable[float], **options: float) -> WarmUp:
    warm_up = WarmUp(**options)  # type: ignore[arg-type]
    for value in seconds:
        if warm_up.is_finished:
            break
        warm_up.add(value)
    return warm_up


def test_warm_up_ends_at_once_on_equal_times() -> None:
    """Two windows of four are the least that can agree; no spread at all is no division by zero."""
    warm_up = warmed([1e-3] * 100)
    assert (len(warm_up.seconds), warm_up.is_steady) == (8, True)


def test_warm_up_waits_for_a_slow_start_to_pass() -> None:
    """Three slow calls first: the windows agree only when none of them is in the earlier one."""
    warm_up = warmed([9e-3, 7e-3, 5e-3, *[1e-3] * 100])
    assert (len(warm_up.seconds), warm_up.is_steady) == (10, True)


def test_warm_up_on_a_drift_is_capped_and_says_so() -> None:
    """Times that keep falling by a tenth never agree."""
    warm_up = warmed([1e-3 * 0.9**index for index in range(100)])
    assert (len(warm_up.seconds), warm_up.is_steady) == (40, False)


def test_warm_up_is_capped_in_seconds_for_a_slow_case() -> None:
    """A case of 1.5 s a call is not called 40 times to find out."""
    warm_up = warmed([1.5, 1.0, 1.2])
    assert (len(warm_up.seconds), warm_up.is_finished, warm_up.is_steady) == (2, True, False)


def test_one_huge_outlier_delays_warm_up_but_does_not_defeat_it() -> None:
    """It may not be the first value of the later window; inside a window it is passed over."""
    warm_up = warmed([*[1e-3] * 4, 1.0, *[1e-3] * 100], max_s=10.0)
    assert warm_up.is_steady
    assert len(warm_up.seconds) > 8


@pytest.mark.parametrize("pattern", [[1e-3, 2e-3], [1e-3, 1e-3, 2e-3, 2e-3]])
def test_warm_up_takes_two_speeds_that_mix_for_steady(pattern: list[float]) -> None:
    """Two windows with both speeds agree: that is how the case runs, not how it starts."""
    warm_up = warmed(pattern * 20)
    assert (len(warm_up.seconds), warm_up.is_steady) == (8, True)


def test_warm_up_that_ends_in_another_speed_goes_on() -> None:
    """Slow at first, fast from the sixth call on: windows of one speed each do not agree."""
    warm_up = warmed([*[2e-3] * 5, *[1e-3] * 100])
    assert warm_up.is_steady
    assert len(warm_up.seconds) > 10


@given(st.lists(st.floats(1e-9, 10.0), min_size=1, max_size=60))
def test_warm_up_always_ends(times: list[float]) -> None:
    """Whatever the times, at the latest at the cap."""
    warm_up = warmed([*times, *[1e-3] * 60])
    assert warm_up.is_finished
    assert len(warm_up.seconds) <= warm_up.max_iterations


def test_a_gpu_is_kept_busy_for_a_while_before_its_calls_are_believed() -> None:
    """Steady from the first call on; its clock may not have begun to rise."""
    warm_up = WarmUp.for_gpu()
    while not warm_up.is_finished:
        warm_up.add(1e-3)
    assert sum(warm_up.seconds) == pytest.approx(0.1, abs=2e-3)
    assert warm_up.is_steady
