"""Whether two builds compute the same from the same weights and input."""

from pathlib import Path

import msgspec
import pytest
import torch
from model_trees import make_tree_case, write_tree

from cspbench.measures.execution.equivalence import equivalence
from cspbench.measures.execution.subject import BuiltSubject


@pytest.mark.parametrize(
    ("code", "is_equal", "reason"),
    [
        ({}, True, ""),
        ({"scaled": "* 1.0"}, True, ""),
        ({"scaled": "+ 1e-3"}, False, ""),
        ({"scaled": "* float('nan')"}, False, ""),
        ({"scaled": "[:, :1]"}, False, "ValueError: outputs of shapes"),
        ({"forward": "raise ValueError('no')"}, False, "the candidate raised ValueError: no"),
        ({"scaled": ".double()"}, False, "output is float32 in the baseline, float64 in the"),
    ],
)
def test_outputs_are_compared_element_by_element(
    tmp_path: Path, code: dict[str, str], is_equal: bool, reason: str
) -> None:
    """From the same weights and input; a shape, a value or an error that differs is said."""
    write_tree(tmp_path / "one")
    write_tree(tmp_path / "two", **code)
    case = make_tree_case(width=4)
    sides = [BuiltSubject(case, tmp_path / name) for name in ("one", "two")]
    answer = equivalence(sides[0], sides[1], seed=0)
    assert answer.is_equal is is_equal
    assert answer.reason[: len(reason) or None] == reason
    assert answer.weights == "shared"


def test_each_side_is_announced_before_its_code_runs(tmp_path: Path) -> None:
    """Built, then called: so that a death is blamed on the side that died."""
    for name in ("one", "two"):
        write_tree(tmp_path / name, forward="pass")
    sides = [BuiltSubject(make_tree_case(width=4), tmp_path / name) for name in ("one", "two")]
    begun: list[str] = []
    equivalence(sides[0], sides[1], 0, begun.append)
    assert begun == ["baseline", "candidate"] * 2


def test_another_order_of_construction_takes_the_same_weights(tmp_path: Path) -> None:
    """Layers made in another order draw other weights from the seed: the names decide."""
    swapped = "self.more = layer(width, width); self.first = layer(8, width)"
    write_tree(tmp_path / "one", more="self.more = layer(width, width)", forward="x = self.more(x)")
    write_tree(tmp_path / "two", more=swapped, forward="x = self.more(x)")
    case = make_tree_case(width=4)
    sides = [BuiltSubject(case, tmp_path / name) for name in ("one", "two")]
    answer = equivalence(sides[0], sides[1], seed=0)
    assert (answer.is_equal, answer.weights, answer.distance) == (True, "shared", 0.0)
    assert torch.is_grad_enabled()


def test_a_record_of_equivalence_reads_back() -> None:
    """Also where the distance is out of all bounds."""
    from cspbench.records.measurements import Equivalence

    record = Equivalence(
        case="a", is_equal=False, distance=1e300, rtol=0.0, atol=0.0, weights="seeded"
    )
    assert msgspec.json.decode(msgspec.json.encode(record), type=Equivalence) == record
