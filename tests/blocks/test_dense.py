"""The dense block: what it keeps, what it registers, and the memory that it holds."""

import re
import weakref
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from cspbench.blocks.csp import CSP, BothTransitions, FusionFirst, FusionLast, SplitOnly
from cspbench.blocks.dense import Dense, DenseBlock, DenseLayer


def test_the_block_returns_its_input_and_then_each_layers_features() -> None:
    block = DenseBlock(5, layers=3, growth=2).eval()
    features: list[Tensor] = []
    for layer in block.layers:
        layer.register_forward_hook(lambda _, __, output: features.append(output))
    x = torch.randn(2, 5, 4, 4)
    assert torch.equal(block(x), torch.cat([x, *features], dim=1))


def test_each_layer_takes_the_input_and_all_features_made_before() -> None:
    block = DenseBlock(5, layers=3, growth=2).eval()
    taken: list[list[int]] = []
    for layer in block.layers:
        layer.register_forward_pre_hook(
            lambda _, inputs: taken.append([feature.shape[1] for feature in inputs[0]])
        )
    block(torch.randn(1, 5, 4, 4))
    assert taken == [[5], [5, 2], [5, 2, 2]]


def test_a_layer_normalises_before_each_convolution() -> None:
    layer = DenseLayer(5, 2, bn_size=3)
    leaves = [type(module) for module in layer.modules() if not list(module.children())]
    assert leaves == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]


def test_the_layers_are_registered() -> None:
    block = DenseBlock(5, layers=3, growth=2)
    assert sum(isinstance(module, nn.Conv2d) for module in block.modules()) == 3 * 2
    assert len(list(block.parameters())) == 3 * 6  # weight, and scale and shift, twice a layer


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call, unused-ignore]
    """The highest sum of the storages alive at the end of any operator, but for ``known``."""

    def __init__(self, existing: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._known = existing.untyped_storage()._cdata
        self._storages: dict[int, weakref.ref[Any]] = {}
        self.peak = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        result: object = func(*args, **(kwargs or {}))
        for leaf in pytree.tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata != self._known:
                self._storages[leaf.untyped_storage()._cdata] = weakref.ref(leaf.untyped_storage())
        alive = [storage() for storage in self._storages.values()]
        self.peak = max(
            self.peak, sum(storage.nbytes() for storage in alive if storage is not None)
        )
        return result


@pytest.mark.parametrize(
    ("design", "channels"),
    [
        # at the last layer's 1x1: five new features, the concat, its norm, the 1x1's output
        (Dense, 5 * 32 + 224 + 224 + 128),
        (CSP, 5 * 32 + 192 + 192 + 128),
        (FusionFirst, 5 * 32 + 192 + 192 + 128),
        (FusionLast, 5 * 32 + 192 + 192 + 128),
        (SplitOnly, 5 * 32 + 192 + 192 + 128),
        (BothTransitions, 5 * 32 + 192 + 192 + 128),
    ],
)
def test_nothing_is_kept_alive_that_the_design_does_not_need(
    design: type[nn.Module], channels: int
) -> None:
    with torch.device("meta"):
        module = design().eval()
        x = torch.empty(1, 64, 56, 56)
    with torch.no_grad(), LiveBytes(existing=x) as live:
        module(x)
    assert live.peak == channels * 56 * 56 * 4


@pytest.mark.parametrize("name", ["layers", "growth", "bn_size"])
def test_a_count_of_zero_is_refused(name: str) -> None:
    message = f"{name} must be above 0, got 0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Dense(**{name: 0})  # type: ignore[arg-type]
