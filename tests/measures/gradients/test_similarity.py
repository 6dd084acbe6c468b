"""Known cases, formulas of another form, and what must not change a similarity."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import subspace_angles
from scipy.stats import entropy, ortho_group

from cspbench.measures.gradients.similarity import (
    effective_rank,
    linear_cka,
    shared_directions,
)

Matrix = NDArray[np.float64]
Similarity = Callable[..., float]
SIMILARITIES: tuple[Similarity, ...] = (linear_cka, shared_directions)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 6)


def random_matrix(seed: int, *shape: int) -> Matrix:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_matrix_is_wholly_like_itself(similarity: Similarity) -> None:
    x = random_matrix(0, 30, 4)
    assert similarity(x, x) == pytest.approx(1)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_orthogonal_columns_have_nothing_in_common(similarity: Similarity) -> None:
    # Walsh functions of eight samples: orthogonal to each other and to the constant.
    x = [[1, 1], [1, 1], [1, -1], [1, -1], [-1, 1], [-1, 1], [-1, -1], [-1, -1]]
    y = [[1], [-1], [1], [-1], [1], [-1], [1], [-1]]
    assert similarity(x, y) == pytest.approx(0)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300])
def test_a_constant_matrix_is_like_nothing(similarity: Similarity, constant: float) -> None:
    flat = np.full((30, 3), constant)
    assert similarity(flat, random_matrix(0, 30, 4)) == 0
    assert similarity(flat, flat) == 0


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_unlike_numbers_of_rows_are_refused(similarity: Similarity) -> None:
    with pytest.raises(ValueError, match=r"as many rows are needed, got \(3, 2\) and \(4, 2\)"):
        similarity(np.ones((3, 2)), np.ones((4, 2)))


def test_linear_cka_of_one_column_each_is_the_squared_correlation() -> None:
    # Centred: (-1, 0, 1) and (-4/3, 5/3, -1/3); 1^2 / (2 * 42/9) = 3/28.
    assert linear_cka([[1], [2], [3]], [[0], [3], [1]]) == pytest.approx(3 / 28)


@given(seeds, sizes, sizes)
def test_linear_cka_is_that_of_the_gram_matrices(seed: int, p: int, q: int) -> None:
    x, y = random_matrix(seed, 12, p), random_matrix(seed + 1, 12, q)
    centre = np.eye(12) - 1 / 12
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    expected = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(x, y) == pytest.approx(expected)


@given(seeds, sizes, sizes)
def test_shared_directions_are_scipys_angles_where_all_directions_count(
    seed: int, p: int, q: int
) -> None:
    x, y = random_matrix(seed, 20, p), random_matrix(seed + 1, 20, q)
    angles = subspace_angles(x - x.mean(0), y - y.mean(0))
    assert shared_directions(x, y, energy=1 - 1e-12) == pytest.approx(np.cos(angles).mean())


def test_shared_directions_leave_out_those_that_hold_little() -> None:
    walsh = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    x, y = walsh[:, [0, 1]] * [3, 0.5], walsh[:, [0, 2]] * [3, 0.5]
    assert shared_directions(x, y) == pytest.approx(1)  # 9 of 9.25 lie along the first
    assert shared_directions(x, y, energy=0.99) == pytest.approx(1 / 2)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_effective_rank_of_equal_directions_is_their_number(rank: int) -> None:
    x = np.zeros((9, 7))
    x[:rank, :rank] = 3 * np.eye(rank)
    assert effective_rank(x) == pytest.approx(rank)


def test_effective_rank_of_singular_values_3_and_1() -> None:
    # Entropy of (3/4, 1/4): exp(-(3/4 ln 3/4 + 1/4 ln 1/4)) = 4 / 3^(3/4).
    assert effective_rank([[3, 0], [0, 1]]) == pytest.approx(1.7547654)


@pytest.mark.parametrize("shape", [(4, 3), (0, 3), (4, 0)])
def test_effective_rank_of_nothing_is_0(shape: tuple[int, int]) -> None:
    assert effective_rank(np.zeros(shape)) == 0


@given(seeds, sizes)
def test_effective_rank_is_that_of_the_gram_matrixs_eigenvalues(seed: int, p: int) -> None:
    x = random_matrix(seed, 10, p)
    values = np.sqrt(np.linalg.eigvalsh(x.T @ x))
    assert effective_rank(x) == pytest.approx(np.exp(entropy(values)))


@given(seeds, sizes, sizes, st.floats(-150, 150))
def test_scale_and_rotation_of_the_columns_change_nothing(
    seed: int, p: int, q: int, exponent: float
) -> None:
    x, y = random_matrix(seed, 15, p + 1), random_matrix(seed + 1, 15, q)
    turned = 10**exponent * x @ ortho_group.rvs(p + 1, random_state=seed)
    for similarity in SIMILARITIES:
        assert similarity(turned, y) == pytest.approx(similarity(x, y))
        assert similarity(x, y) == pytest.approx(similarity(y, x))
        assert 0 <= similarity(x, y) <= 1
    assert effective_rank(turned) == pytest.approx(effective_rank(x))
