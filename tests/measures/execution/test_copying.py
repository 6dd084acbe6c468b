"""Copies of modules whose tensors lie where `copy.deepcopy` does not reach or fails."""

import functools
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cspbench.measures.execution.copying import copy_with
from cspbench.measures.execution.placement import Placement, place_on_meta

SHAPE = (2, 3, 6, 6)


class Scale:
    """A helper that is no module and keeps its tensor in a slot."""

    __slots__ = ("factor",)

    def __init__(self) -> None:
        self.factor = torch.full((3, 1, 1), 2.0)


class HeldByHelper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.conv = Scale(), nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Any:
        return self.conv(x) * self.scale.factor


class HeldByClosure(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        shift = torch.ones(3, 1, 1)
        self.shifted: Callable[[Tensor], Tensor] = lambda x: x + shift
        self.scaled = functools.partial(torch.mul, torch.full((3, 1, 1), 3.0))

    def forward(self, x: Tensor) -> Any:
        return self.scaled(self.shifted(x))


class BoundToItsProcess(nn.Module):
    """Holds what cannot be pickled: a lock, a generator of Python's and one of torch's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lock = nn.Conv2d(3, 4, 1), threading.RLock()
        self.numbers, self.noise = iter([1, 2]), torch.Generator()
        self.first = weakref.ref(self.conv)

    def forward(self, x: Tensor) -> Any:
        with self.lock:
            conv = self.first()
            assert conv is not None
            return conv(x)


def hooked() -> nn.Module:
    """A hook closes over a module that is no part of the model."""
    probe = nn.Conv2d(4, 2, 1)
    seen: dict[str, Any] = {}
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    model[1].register_forward_hook(lambda _m, _i, out: seen.update(probe=probe(out)))
    return model


def old_weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.ReLU())


def sparse_buffers() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    model.register_buffer("adjacency", torch.eye(5).to_sparse())
    return model


def scripted() -> Any:
    return torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval())


def partly_traced() -> nn.Module:
    return nn.Sequential(torch.jit.trace(nn.Conv2d(3, 4, 1), torch.ones(SHAPE)), nn.ReLU())


def exported() -> Any:
    """A traced module whose attributes hold the module itself."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    return torch.export.export(model, (torch.ones(SHAPE),)).module()


def traced_as_graph() -> nn.Module:
    return torch.fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()))


def with_a_tensor_without_data() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    model.register_buffer("shape", torch.empty(5, device="meta"))
    return model


KINDS = [
    HeldByHelper,
    HeldByClosure,
    BoundToItsProcess,
    hooked,
    old_weight_norm,
    sparse_buffers,
    scripted,
    partly_traced,
    exported,
    traced_as_graph,
    with_a_tensor_without_data,
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("build", KINDS, ids=lambda build: build.__name__)
def test_a_copy_runs_on_meta_and_fake_tensors_and_computes_the_same_on_real_ones(
    build: Callable[[], nn.Module],
) -> None:
    """The original computes the same before and after, and the real copy as the original."""
    module, x = build(), torch.randn(SHAPE)
    expected = module(x)
    assert copy_with(module, place_on_meta())(x.to("meta")).shape == expected.shape
    with FakeTensorMode():
        fake = copy_with(module, Placement("cpu", with_data=False))
        assert fake(torch.empty(SHAPE)).shape == expected.shape
    assert torch.equal(copy_with(module, Placement("cpu", with_data=True))(x), expected)
    assert torch.equal(module(x), expected)


def test_hooks_of_a_copy_write_to_what_the_copy_holds() -> None:
    """The user's own list does not grow when a copy is counted."""
    shapes: list[torch.Size] = []
    module = nn.Conv2d(3, 4, 1)
    module.register_forward_hook(lambda _m, _i, out: shapes.append(out.shape))
    copy_with(module, place_on_meta())(torch.empty(SHAPE, device="meta"))
    assert shapes == []


@pytest.mark.parametrize("with_data", [False, True])
def test_tensors_that_share_a_storage_share_it_in_the_copy(*, with_data: bool) -> None:
    """Two parameters are halves of one tensor, one of them transposed; a third is tied."""
    both = torch.arange(24.0)
    module: Any = nn.Module()
    module.first = nn.Parameter(both[:12].view(3, 4).t())
    module.second = nn.Parameter(both[12:])
    module.tied = module.second
    copied = copy_with(module, Placement("cpu", with_data=with_data))
    storages = {parameter.untyped_storage().data_ptr() for parameter in copied.parameters()}
    assert len(storages) == 1
    assert copied.first.stride() == (1, 4)
    assert copied.second.storage_offset() == 12
    assert copied.tied is copied.second
    if with_data:
        assert torch.equal(copied.first, module.first)


def test_parameters_keep_their_class_their_attributes_and_whether_they_are_trained() -> None:
    """Optimizers of users read such attributes."""

    class Frozen(nn.Parameter):
        decays = True

    module: Any = nn.Module()
    module.weight = Frozen(torch.ones(2, dtype=torch.float64), requires_grad=False)
    module.weight.decays = False
    copied: Any = copy_with(module, place_on_meta()).weight
    assert type(copied) is Frozen
    assert not copied.requires_grad
    assert copied.dtype == torch.float64
    assert copied.decays is False


def test_an_object_that_refers_to_itself_is_copied_once() -> None:
    """A module in a list of its own, a tuple in a dictionary that holds the tuple."""
    module = nn.Conv2d(3, 4, 1)
    table: dict[str, Any] = {}
    table["pair"] = (table, module)
    module.__dict__["table"] = table
    copied = copy_with(module, place_on_meta())
    own = copied.__dict__["table"]
    assert own is not table
    assert own["pair"][0] is own
    assert own["pair"][1] is copied
