"""Levels of repeated looks: published boundaries, and error rates by simulation."""

import math

import numpy as np
import pytest
import scipy.stats
from scipy.special import stdtrit

from cspbench.verdicts.looks import level, looks, next_look, spending_levels

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_levels_are_the_published_ones() -> None:
    """Five looks at 5%, spent as O'Brien and Fleming and as Pocock do: Reboussin et al. (2000).

    Programs for computing group sequential boundaries using the Lan-DeMets method, version 2.
    """
    normal = scipy.stats.norm
    spent = [4 * normal.sf(normal.isf(0.05 / 4) / math.sqrt(share)) for share in FRACTIONS]
    boundaries = [normal.isf(at / 2) for at in spending_levels(FRACTIONS, spent)]
    assert boundaries == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=1e-3)
    spent = [0.05 * math.log1p((math.e - 1) * share) for share in FRACTIONS]
    boundaries = [normal.isf(at / 2) for at in spending_levels(FRACTIONS, spent)]
    assert boundaries == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=1e-3)


def test_looks_grow_by_a_quarter() -> None:
    """From the first on, up to the one that has the launches; at least two are needed."""
    assert looks(6, 17) == (6, 8, 10, 13, 17)
    assert looks(6, 18) == (6, 8, 10, 13, 17, 22)
    assert looks(6, 2) == (6,)
    assert looks(1, 3) == (2, 3)
    assert next_look(1) == 2


def test_a_later_look_does_not_change_an_earlier_level() -> None:
    """What was decided stays decided."""
    numbers = looks(6, 44)
    assert [level(0.01, numbers[: count + 1]) for count in range(len(numbers))] == pytest.approx(
        list(spending_levels(numbers, [0.01 * (1 - 0.8**k) for k in range(1, len(numbers) + 1)]))
    )
    assert level(0.01, looks(6, 6)) == pytest.approx(0.002)


def test_all_looks_together_err_as_often_as_stated() -> None:
    """20,000 simulated cases of up to 69 launches, a t test at each of 11 looks, at 1% and at 5%.

    Launches are normal and their spread is estimated. Bonferroni's shares of the same spending
    would be exceeded less often, and need longer.
    """
    draw = np.random.default_rng(7)
    logs = draw.standard_normal((20_000, 69))
    for error in (0.01, 0.05):
        exceeded = np.zeros(len(logs), dtype=bool)
        for launches in looks(6, 69):
            at = level(error, looks(6, launches))
            mean = logs[:, :launches].mean(1)
            standard_error = logs[:, :launches].std(1, ddof=1) / math.sqrt(launches)
            exceeded |= abs(mean) > stdtrit(launches - 1, 1 - at / 2) * standard_error
        spent = error * (1 - 0.8 ** len(looks(6, 69)))
        assert 0.85 * spent < exceeded.mean() < 1.15 * spent
