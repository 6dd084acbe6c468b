"""The permutation test beside SciPy's, and what it can reach."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats

from cspbench.verdicts.permutation import permutation_p, smallest_p
from cspbench.verdicts.stats import paired, welch

LOGS = [0.021, 0.034, 0.008, 0.027, 0.015, 0.040]
OTHERS = [0.001, -0.012, 0.009, 0.003, -0.004, 0.006, 0.010]


def test_the_permutation_tests_are_scipys_exact_ones() -> None:
    """All sign patterns of the pairs, and all ways to deal out the launches of two runs."""
    exact: dict[str, Any] = {"n_resamples": 100_000, "alternative": "greater", "vectorized": False}
    dealt: Any = scipy.stats.permutation_test((LOGS, OTHERS), _distance, **exact)
    assert permutation_p(welch(OTHERS, LOGS)) == pytest.approx(dealt.pvalue)
    mixed = [0.02, -0.005, 0.011, 0.03, -0.002, 0.007]
    flipped: Any = scipy.stats.permutation_test(
        (mixed, [0.0] * 6), _distance, permutation_type="samples", **exact
    )
    assert permutation_p(paired(mixed)) == pytest.approx(flipped.pvalue)


def _distance(first_side: Sequence[float], second_side: Sequence[float]) -> float:
    return abs(float(np.mean(first_side)) - float(np.mean(second_side)))


@pytest.mark.parametrize("number", [15, 40])
def test_a_permutation_test_too_large_to_enumerate_is_drawn(number: int) -> None:
    """Ten thousand drawn patterns say what the t test says, on quiet normal noise."""
    chance = random.Random(number)
    logs = [chance.gauss(0.002, 0.005) for _ in range(number)]
    difference = paired(logs)
    assert permutation_p(difference) == pytest.approx(difference.p, abs=0.03)
    sides = logs, [chance.gauss(0.0, 0.005) for _ in range(number)]
    assert permutation_p(welch(*sides)) == pytest.approx(welch(*sides).p, abs=0.03)


def test_the_smallest_p_of_a_permutation_is_what_the_clearest_data_give() -> None:
    """Six pairs of one sign: 2 of 64. Six against seven launches, wholly apart: 1 of 1716 ways."""
    clear = paired([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    assert permutation_p(clear) == smallest_p(clear) == 2 / 64
    clearest = welch([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [9.0, 9.1, 9.2, 9.3, 9.4, 9.5])
    assert permutation_p(clearest) == smallest_p(clearest) == 1 / 1716
    even = welch([0.0, 0.1, 0.2], [9.0, 9.1, 9.2])
    assert permutation_p(even) == smallest_p(even) == 2 / 20
