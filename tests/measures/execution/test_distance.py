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
        (ONES * -torch.inf, ONES * -torch.inf),
        (ONES * complex(torch.inf, 1), ONES * complex(torch.inf, 1)),
        (torch.tensor([2**63, 2**64 - 1], dtype=torch.uint64),) * 2,
        (np.ones(3)[::-1], np.ones(3)),
        (2**80, 2**80),
    ],
)
def test_equal_outputs_are_within_the_tolerance(baseline: object, candidate: object) -> None:
    """Trees, objects, infinities, sparse tensors, arrays, numbers, texts."""
    distance = distance_of(baseline, candidate)
    assert distance.value <= 1
    assert distance.differences == ()


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
        (ONES * torch.inf, ONES, FAR),
        (ONES, -ONES * torch.inf, FAR),
        (torch.tensor([2**53]), torch.tensor([2**53 + 1]), FAR),
        (
            torch.tensor([2**63 - 1]).to(torch.uint64),
            torch.tensor([2**63 - 2]).to(torch.uint64),
            FAR,
        ),
        (2**80, 2**80 + 1, FAR),
        ({"a": "x", "b": 1.0}, {"a": 1.0, "b": "x"}, FAR),
    ],
)
def test_the_largest_difference_is_the_distance(
    baseline: object, candidate: object, distance: float
) -> None:
    """In units of what its type allows; a difference where none is allowed is out of bounds."""
    assert distance_of(baseline, candidate).value == pytest.approx(distance, rel=1e-3)


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


@pytest.mark.parametrize(
    ("baseline", "candidate", "difference"),
    [
        (
            {"ids": torch.tensor([1, 2])},
            {"ids": torch.tensor([1, 2], dtype=torch.int32)},
            "output['ids'] is int64 in the baseline, int32 in the candidate",
        ),
        (ONES, ONES.half(), "output is float32 in the baseline, float16 in the candidate"),
        (ONES, ONES.to_sparse(), "output is float32 in the baseline, sparse_coo float32 in the"),
        (ONES, ONES + 0j, "output is float32 in the baseline, complex64 in the candidate"),
        (1, True, "output is int in the baseline, bool in the candidate"),
        (1, 1.0, "output is int in the baseline, float in the candidate"),
        (np.ones(2), torch.ones(2), "output is NumPy's float64 in the baseline, float32 in the"),
        (
            torch.tensor([1, 2, 3]),
            torch.tensor([1, 2, 4]),
            "1 of 3 elements of output, which compare exactly, differ",
        ),
        (Out("cat"), Out("dog"), "output.maps differs"),
    ],
)
def test_a_type_and_what_is_exact_are_said(
    baseline: object, candidate: object, difference: str
) -> None:
    """Also where all values are equal: no tolerance makes a type another."""
    (said,) = distance_of(baseline, candidate).differences
    assert said.startswith(difference)


def test_elements_that_are_nan_on_both_sides_are_counted() -> None:
    """They are equal, though nothing can be said of them; those of one side are not."""
    baseline = torch.tensor([torch.nan, torch.nan, 1.0])
    distance = distance_of([baseline, 1.0], [baseline, 1.0])
    assert (distance.value, distance.nans, distance.differences) == (0.0, 2, ())
    one_side = distance_of(baseline, torch.tensor([torch.nan, 2.0, 1.0]))
    assert (one_side.value, one_side.nans) == (FAR, 1)


@pytest.mark.filterwarnings("ignore:.*quantize:UserWarning")
def test_quantised_numbers_compare_as_what_they_stand_for() -> None:
    """By the tolerance of float32; the type of what is stored is said."""
    unsigned, signed = (
        torch.quantize_per_tensor(ONES, 0.5, 0, kind) for kind in (torch.quint8, torch.qint8)
    )
    assert distance_of(unsigned, unsigned).differences == ()
    distance = distance_of(unsigned, signed)
    assert distance.value == 0.0
    assert distance.differences == ("output is quint8 in the baseline, qint8 in the candidate",)
