"""Arguments of calls: random, made by a callable, or given in Python, on every device."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

import cspbench
from cspbench.catalogue import find
from cspbench.catalogue.input_text import parse_words
from cspbench.errors import CspbenchError
from cspbench.measures.execution.given import read_inputs
from cspbench.measures.execution.inputs import check_maker, make_inputs
from cspbench.plan.case import Case, Mode, make_case

MAKERS = """
import torch
from torch import nn
KEPT = torch.arange(6).reshape(2, 3)
def tensor(): return torch.zeros(2, 3)
def several(batch_size=2): return torch.zeros(batch_size, 3), [torch.ones(1), None]
def named(): return {"ids": KEPT, "flag": True}
def number(): return 7
class Net(nn.Module):
    def forward(self, ids, flag): return ids.float() * flag
"""


@pytest.fixture
def makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file with callables that make inputs."""
    monkeypatch.chdir(tmp_path)
    name = f"makers_{tmp_path.name.replace('-', '_')}.py"
    Path(name).write_text(MAKERS, encoding="utf-8")
    return name


def case_of(*words: str) -> Case:
    return make_case(find("torch.nn:Identity"), {}, inputs=parse_words(words))


def test_whole_numbers_stay_in_their_range() -> None:
    """From the lowest to below the highest; booleans, too; without a range 0 and 1."""
    words = ("4000:int64:-3-5", "4000:uint8:200-256", "4000:bool:1-2", "4000:int32", "4000:bool")
    arguments = make_inputs(case_of(*words), "cpu").args
    ranges = [(int(tensor.min()), int(tensor.max())) for tensor in arguments]
    assert ranges == [(-3, 4), (200, 255), (1, 1), (0, 1), (0, 1)]
    assert [tensor.dtype for tensor in arguments] == [
        *(torch.int64, torch.uint8, torch.bool, torch.int32, torch.bool)
    ]


@pytest.mark.parametrize("device", ["cpu", "meta", "fake"])
def test_trees_are_made_on_the_device(device: str) -> None:
    """Lists, tables, values and scalars, real, without data, or fake."""
    case = case_of("scalar:float64", "[[1,2], 'none']", "x={a = [2,2], b = {value = 3}}")
    if device == "fake":
        with FakeTensorMode():
            arguments = make_inputs(case, "cpu")
    else:
        arguments = make_inputs(case, device)
    scalar, (first, none) = arguments.args
    assert scalar.shape == ()
    assert (first.shape, none) == ((1, 2), None)
    assert arguments.kwargs["x"]["a"].shape == (2, 2)
    assert arguments.kwargs["x"]["b"] == 3
    for tensor in arguments.tensors:
        assert tensor.is_meta is (device == "meta")
        assert isinstance(tensor, FakeTensor) is (device == "fake")


@pytest.mark.parametrize("device", ["cpu", "meta", "fake"])
def test_what_a_callable_makes_is_on_the_device(device: str, makers: str) -> None:
    """Also tensors that it made at its import; a tuple by position, a dict by name."""
    with FakeTensorMode() if device == "fake" else torch.no_grad():
        place = "cpu" if device == "fake" else device
        one = make_inputs(case_of(f"{makers}:tensor"), place)
        several = make_inputs(case_of(f"{makers}:several(batch_size=5)"), place)
        named = make_inputs(case_of(f"{makers}:named"), place)
    assert [tensor.shape for tensor in one.args] == [(2, 3)]
    assert several.args[0].shape == (5, 3)
    assert several.args[1][1] is None
    assert named.kwargs["flag"] is True
    for tensor in (*one.tensors, *several.tensors, *named.tensors):
        assert tensor.is_meta is (device == "meta")
        assert isinstance(tensor, FakeTensor) is (device == "fake")


def test_a_callable_that_makes_no_inputs_is_said(makers: str) -> None:
    """By what it returned, and by what it cannot take."""
    with pytest.raises(TypeError, match=r":number returned int; expected a tensor, a tuple"):
        make_inputs(case_of(f"{makers}:number"), "cpu")
    check_maker(parse_words([f"{makers}:several(batch_size=5)"]))
    with pytest.raises(
        CspbenchError, match=r"'batch_size' \(--batch-size and --img-size pass it batch_size"
    ):
        check_maker(parse_words([f"{makers}:tensor(batch_size=5)"]))


@dataclass
class Batch:
    """An input of a class of its own."""

    image: Tensor
    sizes: tuple[int, int]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, 3, 8, 8), "1x3x8x8"),
        ([5], "5"),
        (torch.Size([]), "scalar"),
        (torch.rand(2, 3, dtype=torch.float64), "2x3:float64"),
        (torch.tensor([[7, 2, 40]]), "1x3:int64:2-41"),
        ([(1, 3, 8, 8), torch.rand(1, 5)], "1x3x8x8,1x5"),
        (((1, 8), [(2, 3), None]), "1x8,[2x3,none]"),
        ({"x": (1, 8), "state": ((2, 3), (2, 3)), "flag": True}, "x=1x8,state=(2x3,2x3),flag=true"),
        ("ids=1,77:int64:49408", "ids=1x77:int64:49408"),
        (lambda: {"x": torch.rand(3)}, "x=3"),
        ((Batch(torch.rand(1, 3), (4, 4)),), "{Batch=[1x3]}"),
    ],
)
def test_python_gives_shapes_tensors_and_trees(value: object, text: str) -> None:
    """Described as on the command line."""
    assert read_inputs(value)[0].text == text


def test_the_tensors_that_are_given_are_those_that_are_used() -> None:
    """Their values on real devices, copies of them; in objects of any class, too."""
    ids, batch = torch.tensor([[3, 1]]), Batch(torch.full((1, 3), 2.0), (4, 4))
    state = OrderedDict(a=ids)
    inputs, given = read_inputs({"ids": ids, "batch": batch, "state": state, "shape": (2, 2)})
    case = make_case(find("torch.nn:Identity"), {}, inputs=inputs)
    made = make_inputs(case, "cpu", given=given).kwargs
    assert torch.equal(made["ids"], ids)
    assert made["ids"] is not ids
    assert type(made["batch"]) is Batch
    assert made["batch"].sizes == (4, 4)
    assert torch.equal(made["batch"].image, batch.image)
    assert type(made["state"]) is OrderedDict
    assert made["shape"].shape == (2, 2)
    meta = make_inputs(case, "meta", given=given)
    assert all(tensor.is_meta for tensor in meta.tensors)
    assert len(meta.tensors) == 3
    assert made["state"]["a"] is made["ids"]


@pytest.mark.parametrize("value", [3, 2.5, object()])
def test_what_is_no_input_is_named(value: object) -> None:
    """By its type."""
    with pytest.raises(CspbenchError, match=f"expected an input, got {type(value).__name__} "):
        read_inputs(value)


class Caption(nn.Module):
    """Two towers: words by index and an optional mask, images, and a scale without axes."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.image = nn.Embedding(50, 8), nn.Conv2d(3, 8, 1)

    def forward(self, image: Tensor, scale: Tensor, *, ids: Tensor, mask: Any = None) -> Tensor:
        words = self.words(ids)
        if mask is not None:
            words = words * mask[..., None]
        pooled: Tensor = self.image(image).mean((2, 3)) + words.mean(1)
        return scale * pooled


@pytest.mark.parametrize("mask", [None, (2, 7)])
@pytest.mark.parametrize("mode", ["infer", "train"])
def test_a_module_of_several_inputs_is_measured(mode: Mode, mask: object) -> None:
    """8 x 3 MACs at each of 16 places of 2 images; indices up to 49 in both."""
    ids = torch.randint(0, 50, (2, 7))
    kwargs = {"image": (2, 3, 4, 4), "scale": torch.tensor(2.0), "ids": ids, "mask": mask}
    record = cspbench.profile(
        Caption(), kwargs, mode=mode, measures=["counts", "tensor_peak", "allocated", "latency"]
    )
    assert record.counts is not None
    assert record.counts.macs == 8 * 3 * 16 * 2
    assert record.tensor_peak is not None
    elements = 2 * 3 * 16 + 1 + (14 if mask else 0)
    assert record.tensor_peak.split.inputs == 4 * elements + 8 * 14
    assert record.latencies


def test_a_sparse_tensor_stays_sparse() -> None:
    """On every device."""
    inputs, given = read_inputs(torch.eye(3).to_sparse())
    case = make_case(find("torch.nn:Identity"), {}, inputs=inputs)
    assert make_inputs(case, "cpu", given=given).args[0].to_dense().sum() == 3
    assert make_inputs(case, "meta", given=given).args[0].layout == torch.sparse_coo


def test_arrays_pass_through() -> None:
    """What holds no tensor is passed as it is."""
    array = np.zeros(3)
    inputs, given = read_inputs((array, "1,2"))
    arguments = make_inputs(
        make_case(find("torch.nn:Identity"), {}, inputs=inputs), "cpu", given=given
    )
    assert np.array_equal(arguments.args[0], array)
