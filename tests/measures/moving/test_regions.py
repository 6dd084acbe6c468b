"""Distinct bytes of tensors: views, expanded and overlapping ones against counts by hand."""

import pytest
import torch
from torch import Tensor

from cspbench.measures.moving.regions import distinct_bytes

BASE = torch.zeros(2, 4, 3, 3)  # 72 elements of 4 bytes


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ([BASE], 288),
        ([BASE, BASE], 288),
        ([BASE, BASE.view(72)], 288),
        ([BASE.transpose(0, 3)], 288),
        ([BASE[:, :1]], 72),
        ([BASE[:, :1], BASE[:, 1:]], 288),  # interleaved in memory, and apart
        ([BASE[:, :3], BASE[:, 1:]], 288),  # two channels are shared
        ([BASE[0], BASE[1]], 288),
        ([BASE[..., ::2]], 192),
        ([torch.zeros(5, 1).expand(5, 100)], 20),
        ([torch.zeros(()).expand(8, 8)], 4),
        ([torch.zeros(10).unfold(0, 4, 1)], 40),  # seven windows over ten elements
        ([torch.zeros(6, dtype=torch.bfloat16)], 12),
        ([torch.zeros(6, dtype=torch.int64)], 48),
        ([torch.zeros(6, dtype=torch.complex64)], 48),
        ([torch.zeros(0, 6)], 0),
        ([torch.zeros(3), torch.zeros(3)], 24),
    ],
)
def test_each_byte_counts_once(tensors: list[Tensor], expected: int) -> None:
    """However many tensors name it."""
    assert distinct_bytes(tensors) == expected


def test_a_tensor_and_its_view_of_another_type_share_their_bytes() -> None:
    """The parts of a complex tensor are its own bytes."""
    numbers = torch.zeros(6, dtype=torch.complex64)
    assert distinct_bytes([numbers, torch.view_as_real(numbers)[..., 0]]) == 48


def test_a_sparse_tensor_counts_its_indices_and_values() -> None:
    """Two values of 4 bytes, and two indices of 8 for each."""
    sparse = torch.sparse_coo_tensor(
        torch.tensor([[0, 1], [2, 3]]), torch.ones(2), (4, 4), check_invariants=True
    )
    assert distinct_bytes([sparse]) == 2 * 4 + 4 * 8


def test_channels_of_a_batch_of_any_size_are_counted_without_memory() -> None:
    """A map of a pebibyte, whose channels 0 to 2 and 1 to 3 interleave over its images."""
    base = torch.empty(2**30, 4, 512, 512, device="meta", dtype=torch.int8)
    assert distinct_bytes([base[:, :3], base[:, 1:]]) == 2**50
    assert distinct_bytes([base[:, :2], base[:, 1:2]]) == 2**49
