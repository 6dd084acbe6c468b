"""Similarity of two matrices, and effective rank of one; rows are samples, columns features.

Similarities lie in [0, 1]; the effective rank is at most the smaller dimension. All are invariant
to the scale of a matrix and to rotations of its columns.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

ENERGY = 0.9
"""The share of a matrix's squared Frobenius norm that its leading directions hold."""

_ROUNDING = 1e-12  # centred elements below this share of the largest element are rounding errors


def linear_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Linear centred kernel alignment of x (n, p) and y (n, q), from 0 (unrelated) to 1 (alike).

    ||Y'X||^2 / (||X'X|| ||Y'Y||) in Frobenius norms, of centred columns (Kornblith et al., arXiv
    1905.00414, equation 4 with linear kernels). 0 if all rows of a matrix are equal. Raises
    ValueError if the numbers of rows differ.
    """
    x_centred, y_centred = _centred_pair(x, y)
    scale = _norm(x_centred.T @ x_centred) * _norm(y_centred.T @ y_centred)
    return _bounded(_norm(y_centred.T @ x_centred) ** 2 / scale) if scale else 0.0


def shared_directions(x: ArrayLike, y: ArrayLike, *, energy: float = ENERGY) -> float:
    """Mean cosine of the principal angles between the spans of x (n, p) and y (n, q), centred.

    The span of a matrix is that of its leading left singular vectors, as many as hold ``energy`` of
    its squared norm, so that rounding noise does not count; there are as many angles as the smaller
    span has dimensions. This is the SVCCA of Raghu et al. (arXiv 1706.05806), which keeps 0.99; the
    singular values of gradients decay slowly, so that 0.99 would keep nearly all. Unlike
    `linear_cka` it weights all directions equally. 0 if all rows of a matrix are equal. Unrelated
    matrices overlap by chance unless n is large compared to p + q. Raises ValueError if the numbers
    of rows differ.
    """
    bases = [_leading(matrix, energy) for matrix in _centred_pair(x, y)]
    if not all(basis.size for basis in bases):
        return 0.0
    cosines = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    return _bounded(float(cosines.mean()))


def effective_rank(x: ArrayLike) -> float:
    """Effective rank of x (n, p), uncentred: r for r equal singular values, 0 for a zero matrix.

    The exponential of the entropy of the singular values divided by their sum (Roy and Vetterli,
    "The effective rank", EUSIPCO 2007).
    """
    values = np.linalg.svd(_scaled(np.asarray(x, dtype=np.float64)), compute_uv=False)
    if not values.any():
        return 0.0
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _centred_pair(x: ArrayLike, y: ArrayLike) -> tuple[Matrix, Matrix]:
    left, right = (np.asarray(matrix, dtype=np.float64) for matrix in (x, y))
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right):
        raise ValueError(
            f"two matrices of as many rows are needed, got {left.shape} and {right.shape}"
        )
    return _centred(left), _centred(right)


def _centred(matrix: Matrix) -> Matrix:
    """``matrix`` with centred columns and a largest element of 1; 0 if only rounding is left."""
    scaled = _scaled(matrix)
    centred: Matrix = scaled - scaled.mean(axis=0)
    return (
        _scaled(centred) if np.abs(centred).max(initial=0) > _ROUNDING else np.zeros_like(centred)
    )


def _scaled(matrix: Matrix) -> Matrix:
    """``matrix`` divided by its largest element, so that no product over- or underflows."""
    largest = np.abs(matrix).max(initial=0)
    return matrix / largest if largest else matrix


def _leading(matrix: Matrix, energy: float) -> Matrix:
    vectors, values, _ = np.linalg.svd(matrix, full_matrices=False)
    energies = np.cumsum(values**2)
    if not energies.size or not energies[-1]:
        return vectors[:, :0]
    return vectors[:, : 1 + int(np.searchsorted(energies, energy * energies[-1]))]


def _norm(matrix: Matrix) -> float:
    return float(np.linalg.norm(matrix))


def _bounded(value: float) -> float:
    """``value``, at most 1 in spite of rounding."""
    return min(1.0, value)
