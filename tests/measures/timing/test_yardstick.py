"""The yardstick never changes, or no run can be compared with an older one."""

import math

import pytest
import torch

from cspbench.measures.timing.yardstick import digest, yardstick


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", "775217af85bdbf6d"),
        ("cuda", "36d0578273f3f803"),
        ("cuda:0,cuda:1", "36d0578273f3f803"),
    ],
)
def test_its_definition_is_frozen(device: str, expected: str) -> None:
    """These hashes may never be edited; a new workload would need a yardstick beside the old."""
    assert digest(device) == expected


def test_a_gpu_gets_64_images_of_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first is the CPU's, so that one definition is checked for both."""
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, _: tensor)
    outputs = yardstick("cuda")()
    assert outputs.shape == (64, 96, 56, 56)
    torch.testing.assert_close(outputs[:1], yardstick("cpu")(), rtol=1e-3, atol=1e-3)


def test_it_computes_what_its_definition_says() -> None:
    """One output element by hand, from the definition's own words."""
    result = yardstick("cpu")()
    assert result.shape == (1, 96, 56, 56)

    def x(channel: int, row: int, column: int) -> float:
        if not (0 <= row < 56 and 0 <= column < 56):
            return 0.0
        return math.sin(channel * 3136 + row * 56 + column)

    def hidden(channel: int, row: int, column: int) -> float:
        if not (0 <= row < 56 and 0 <= column < 56):
            return 0.0
        total = sum(math.cos(channel * 64 + c) / 8 * x(c, row, column) for c in range(64))
        return max(total, 0.0)

    expected = sum(
        math.sin(5 * 1152 + c * 9 + i * 3 + j) / 32 * hidden(c, 10 + i - 1, 20 + j - 1)
        for c in range(128)
        for i in range(3)
        for j in range(3)
    )
    assert torch.isclose(result[0, 64 + 5, 10, 20], torch.tensor(expected), rtol=1e-2, atol=1e-3)
