"""Values of options, from their text."""

import pytest

from cspbench.cli import values
from cspbench.errors import CspbenchError


@pytest.mark.parametrize(
    "text", ["1,2,3", "1,64,56,x", "0,64,56,56", "1,-64,56,56", "", "1,2,3,4,5"]
)
def test_a_shape_is_four_positive_numbers(text: str) -> None:
    """Anything else is refused with what arrived."""
    with pytest.raises(CspbenchError, match="N,C,H,W, four positive whole numbers, got"):
        values.shape(text)


def test_a_batch_size_is_a_list_or_auto() -> None:
    """Numbers stay in the order in which they are named."""
    assert values.batch_sizes("8,1") == (8, 1)
    assert values.batch_sizes("auto") == values.AUTO


def test_a_mode_is_one_or_both() -> None:
    """In the order of every suite."""
    assert values.modes("train") == ("train",)
    assert values.modes("both") == ("infer", "train")
