"""The distance of two outputs, of any structure."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from cspbench.measures.execution.distance import distance_of

ONES = torch.ones(3)
FAR = 1e300


@dataclass
class Out:
    """An output of a class of its own."""

    maps: Any
    more: Any = None


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        (ONES, ONES + 1e-7),
        (Out([ONES, {"a": ONES}]), Out([ONES, {"a": ONES}])),
        (SimpleNamespace(x=ONES * torch.inf), SimpleNamespace(x=ONES * torch.inf)),
        (ONES * torch.nan, ONES * torch.nan),
        (ONES.to_sparse(), ONES.to_sparse()),
        ({"n": 3, "text": "a", "array": np.ones(2), "x": ONES},) * 2,
        (torch.zeros(0), torch.zeros(0)),
        (True, True),
    ],
)
def test_equal_outputs_are_within_the_tolerance(baseline: object, candidate: object) -> None:
    """Trees, objects, infinities, sparse tensors, arrays, numbers, texts."""
    assert distance_of(baseline, candidate)[0] <= 1


@pytest.mark.parametrize(
    ("baseline", "candidate", "distance"),
    [
        (Out(ONES, [ONES]), Out(ONES, [ONES + 1e-3]), 1e-3 / 1.13e-5),
        (SimpleNamespace(x=1j * ONES), SimpleNamespace(x=1j * ONES + 1e-3), 1e-3 / 1.13e-5),
        (ONES, ONES * torch.nan, FAR),
        (ONES * torch.inf, -ONES * torch.inf, FAR),
        ({"n": 2**60, "x": ONES}, {"n": 2**60 + 1, "x": ONES}, FAR),
        (np.ones(2), np.zeros(2), 1 / (1e-7 + 1e-7)),
        ("cat", "dog", FAR),
        (torch.tensor([True]), torch.tensor([False]), FAR),
    ],
)
def test_the_largest_difference_is_the_distance(
    baseline: object, candidate: object, distance: float
) -> None:
    """In units of what its type allows; a difference where none is allowed is out of bounds."""
    assert distance_of(baseline, candidate)[0] == pytest.approx(distance, rel=1e-3)


@pytest.mark.parametrize(
    ("baseline", "candidate", "message"),
    [
        (Out(ONES), Out(ONES, ONES), r"outputs of shapes \[\[3\]\] and \[\[3\], \[3\]\]"),
        (Out(ONES), SimpleNamespace(boxes=ONES), "only the baseline has output.maps"),
        ({"a": ONES}, {"a": ONES, "s": "x"}, r"only the candidate has output\['s'\]"),
        (None, None, "nothing to compare in outputs of type NoneType"),
        (Out(None), Out(None), "nothing to compare in outputs of type Out"),
    ],
)
def test_structures_that_differ_are_said(baseline: object, candidate: object, message: str) -> None:
    """And outputs that hold nothing, which would be equal without a look."""
    with pytest.raises(ValueError, match=message):
        distance_of(baseline, candidate)
