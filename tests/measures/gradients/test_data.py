"""What blocks are trained on: the digits, and batches of a callable."""

import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from cspbench.errors import CspbenchError
from cspbench.measures.gradients.data import MAX_IMAGES, digits, yielded


@pytest.mark.parametrize("size", [8, 16])
def test_the_digits_are_standardised(size: int) -> None:
    pytest.importorskip("sklearn")
    data = digits(size)
    assert data.pixels.shape == (1797, 1, size, size)
    assert data.classes == 10
    assert data.pixels.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.pixels.std().item() == pytest.approx(1, abs=1e-5)


def test_the_digits_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(CspbenchError, match=r"^the digits need scikit-learn; install it with: pip"):
        digits()


Batch = tuple[Tensor, Tensor]


def two_batches() -> list[Batch]:
    return [(torch.ones(5, 3, 4, 4, dtype=torch.float64), torch.arange(5)) for _ in range(2)]


def endless() -> Iterator[Batch]:
    while True:
        yield torch.zeros(3000, 1, 1, 1), torch.zeros(3000, dtype=torch.int32)


def test_batches_of_a_callable_are_joined() -> None:
    data = yielded(f"{__name__}:two_batches")
    assert data.pixels.shape == (10, 3, 4, 4)
    assert data.pixels.dtype == torch.float32
    assert data.labels.tolist() == [0, 1, 2, 3, 4] * 2


def test_endless_batches_come_to_an_end() -> None:
    data = yielded(f"{__name__}:endless")
    assert len(data.pixels) == len(data.labels) == MAX_IMAGES
    assert data.labels.dtype == torch.long


def flat() -> list[Batch]:
    return [(torch.zeros(9, 16), torch.arange(9))]


def soft() -> list[Batch]:
    return [(torch.zeros(9, 1, 4, 4), torch.zeros(9))]


def not_in_pairs() -> list[Tensor]:
    return [torch.zeros(9, 1, 4, 4)]


def too_few_images() -> list[Batch]:
    return [(torch.zeros(2, 1, 4, 4), torch.arange(2))]


def negative() -> list[Batch]:
    return [(torch.zeros(9, 1, 4, 4), torch.arange(9) - 1)]


def uneven() -> list[Batch]:
    return [(torch.zeros(9, 1, size, size), torch.arange(9)) for size in (4, 5)]


def raising() -> Iterator[Batch]:
    yield torch.zeros(9, 1, 4, 4), torch.arange(9)
    raise OSError("disk gone")


def nothing() -> None:
    """Yields no batches."""


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("flat", "got tuple of a tensor (9, 16) of torch.float32, a tensor (9,) of torch.int64"),
        ("soft", "got tuple of a tensor (9, 1, 4, 4) of torch.float32, a tensor (9,) of torch.flo"),
        ("not_in_pairs", "got a tensor (9, 1, 4, 4) of torch.float32"),
        ("too_few_images", "yields 2 images; at least 8 are needed"),
        ("negative", "labels (N,), integers from 0, got tuple of a tensor (9, 1, 4, 4)"),
        ("uneven", "must yield images of one shape, got (1, 5, 5) after (1, 4, 4)"),
        ("raising", "failed to yield batches: OSError: disk gone"),
        ("nothing", "failed to yield batches: TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_other_batches_are_refused(name: str, description: str) -> None:
    with pytest.raises(CspbenchError) as raised:
        yielded(f"{__name__}:{name}")
    assert description in str(raised.value)
