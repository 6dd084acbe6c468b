"""Which module each node of the backward belongs to."""

import contextlib
from typing import Any

import pytest
import torch
from function_modules import FunctionModule, chain, keeps_five
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import cspbench
from cspbench.measures.execution.module_stack import module_stack
from cspbench.measures.tracking import nodes
from cspbench.measures.tracking.nodes import NodeOwners


def doubles_a_slice(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 0].mul_(2)
    return y


class LogsOwners(TorchDispatchMode):
    """The owner of each node of the backward, with an operator that it runs."""

    def __init__(self, owners: NodeOwners) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.owners = owners
        self.log: list[tuple[str, str]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> object:
        if torch._C._current_autograd_node() is not None:
            self.log.append((func.overloadpacket.__name__, self.owners.running_module()))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_each_node_of_the_backward_belongs_to_the_module_whose_forward_made_it(kind: str) -> None:
    """In-place and the user's own functions, nodes made after their operator, a use of the root."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 1)
            self.slices = FunctionModule(doubles_a_slice)
            self.norm = nn.BatchNorm2d(3)
            self.act = nn.ReLU(inplace=True)
            self.keeps = FunctionModule(keeps_five)

        def forward(self, x: Tensor) -> Tensor:
            x = self.norm(self.slices(self.conv(x)))
            return torch.tanh(self.keeps(self.act(x)))

    with FakeTensorMode() if kind == "fake" else contextlib.nullcontext():
        net = Net()
        owners = NodeOwners(net)
        with module_stack(net, on_change=owners.enter), LogsOwners(owners) as logs:
            output = net(torch.ones(1, 2, 4, 4))
            torch.autograd.backward([output], [torch.ones_like(output)])
    entries = {entry for entry in logs.log if entry[0] not in {"device", "detach"}}
    assert {path for operator, path in entries if operator in {"clone", "copy_"}} == {"slices"}
    assert {entry for entry in entries if entry[1] != "slices"} == {
        ("tanh_backward", ""),
        ("mul", "keeps"),
        ("threshold_backward", "act"),
        ("native_batch_norm_backward", "norm"),
        ("convolution_backward", "conv"),
    }
    accumulated = {path for operator, path in logs.log if operator == "detach"}
    assert {"conv", "norm"} <= accumulated


@pytest.mark.parametrize("name", ["_next_node", "_running_node"])
def test_without_torchs_private_names_a_peak_in_the_backward_has_no_module(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes and the operator stay what they were."""
    monkeypatch.setattr(nodes, name, None)
    profile = cspbench.profile(chain(), (1, 4, 10, 10), measures=["tensor_peak"], mode="train")
    peak = profile.tensor_peak
    assert peak is not None
    assert (peak.peak_tensor_bytes, peak.operator) == (27_264, "threshold_backward")
    assert peak.module == ""
