"""Whether two builds compute the same from the same weights and input."""

from pathlib import Path

import msgspec
import pytest
import torch
from model_trees import make_tree_case, write_tree

from cspbench.measures.execution.equivalence import equivalence, unshared_weights
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.records.measurements import Equivalence, UnsharedWeights


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
    record = Equivalence(
        case="a",
        is_equal=False,
        distance=1e300,
        rtol=0.0,
        atol=0.0,
        weights="seeded",
        unshared=UnsharedWeights(differ_in=("number", "shape"), detail="x" * 5_000),
    )
    assert msgspec.json.decode(msgspec.json.encode(record), type=Equivalence) == record


def test_a_record_of_an_older_version_does_not_say_why_weights_differ() -> None:
    """It is read, and the reason is None."""
    line = (
        b'{"kind":"equivalence","case":"a","is_equal":false,"distance":2.0,"rtol":1e-6,'
        b'"atol":1e-5,"weights":"seeded","reason":"","nans":0}'
    )
    record = msgspec.json.decode(line, type=Equivalence)
    assert (record.weights, record.unshared) == ("seeded", None)


@pytest.mark.parametrize(
    ("candidate", "differ_in", "detail"),
    [
        ({"a": (8, 4), "b": (16,)}, ("shape",), "b: 8 and 16"),
        ({"a": (8, 4), "c": (8,)}, ("name",), "b and c"),
        ({"a": (8, 4)}, ("number",), "2 and 1 tensors"),
        ({"a": (9, 4), "b": (), "c": (8,)}, ("number", "shape"), "2 and 3 tensors; a: 8x4 and 9x4"),
        ({"a": (8, 4), "b": ()}, ("shape",), "b: 8 and scalar"),
    ],
)
def test_weights_that_cannot_be_shared_say_in_what_they_differ(
    candidate: dict[str, tuple[int, ...]], differ_in: tuple[str, ...], detail: str
) -> None:
    """In number, name or shape, with the first tensor, baseline before candidate."""
    baseline = {"a": (8, 4), "b": (8,)}
    unshared = unshared_weights(baseline, candidate)
    assert unshared is not None
    assert (unshared.differ_in, unshared.detail) == (differ_in, detail)
    assert unshared_weights(baseline, dict(baseline)) is None


def test_a_changed_structure_is_recorded_with_its_reason(tmp_path: Path) -> None:
    """One more convolution: two tensors cannot take one, and the record says so."""
    write_tree(tmp_path / "one")
    write_tree(tmp_path / "two", more="self.more = layer(width, width)", forward="x = self.more(x)")
    case = make_tree_case(width=4)
    sides = [BuiltSubject(case, tmp_path / name) for name in ("one", "two")]
    answer = equivalence(sides[0], sides[1], seed=0)
    assert (answer.is_equal, answer.weights) == (False, "seeded")
    assert answer.unshared == UnsharedWeights(differ_in=("number",), detail="1 and 2 tensors")


def test_layers_that_were_only_renamed_still_compute_the_same(tmp_path: Path) -> None:
    """From one seed, in the same order of construction."""
    for folder, name in (("one", "more"), ("two", "extra")):
        write_tree(
            tmp_path / folder,
            more=f"self.{name} = layer(width, width)",
            forward=f"x = self.{name}(x)",
        )
    case = make_tree_case(width=4)
    sides = [BuiltSubject(case, tmp_path / name) for name in ("one", "two")]
    answer = equivalence(sides[0], sides[1], seed=0)
    assert (answer.is_equal, answer.weights) == (True, "seeded")
    assert answer.unshared == UnsharedWeights(
        differ_in=("name",), detail="more.weight and extra.weight"
    )
