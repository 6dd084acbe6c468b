"""What runs while it is observed is what runs unobserved, as torch's profiler records it."""

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import _get_current_dispatch_mode

import cspbench
from cspbench.catalogue import find
from cspbench.measures.execution.module_stack import module_stack
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.tracking.storages import StorageTracker
from cspbench.plan.case import make_case


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.attention(x, x, x)[0]
        return result


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(16, 2, 24, batch_first=True)


def c3() -> nn.Module:
    return BuiltSubject(make_case(find("c3"), {})).real()


@pytest.mark.parametrize(
    ("build", "shape", "fused"),
    [
        pytest.param(encoder, (2, 9, 16), "aten::_transformer_encoder_layer_fwd", id="encoder"),
        pytest.param(SelfAttention, (2, 9, 16), "aten::_native_multi_head_attention", id="mha"),
        pytest.param(lambda: nn.LSTM(16, 8), (2, 9, 16), "aten::mkldnn_rnn_layer", id="lstm"),
        pytest.param(c3, (1, 128, 8, 8), "aten::convolution", id="c3"),
    ],
)
def test_an_observed_inference_takes_the_path_of_an_unobserved_one(
    build: Callable[[], nn.Module], shape: tuple[int, ...], fused: str
) -> None:
    """Each operator that the tracker sees is in the profile, as often at least; fused ones, too."""
    module, x = build().eval(), torch.zeros(shape)
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as profiler:
        module(x)
    unobserved = Counter(event.name for event in profiler.events() or ())
    with torch.no_grad(), module_stack(module) as stack, StorageTracker(stack) as tracker:
        module(x)
    assert tracker.operators[fused] == unobserved[fused] > 0
    record = cspbench.profile(module, shape, measures=("allocated",))
    assert record.allocated is not None
    assert record.allocated.observed_only == ()


class NoticesObservers(nn.Module):
    """Runs one more operator where a mode of torch observes it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu().tanh() if _get_current_dispatch_mode() else x.relu()


class Reshapes(nn.Module):
    """Reshapes a transposed tensor, which torch does by another operator while it is observed."""

    def forward(self, x: Tensor) -> Tensor:
        return x.t().reshape(6, 2, 2).relu()


def test_a_view_by_another_operator_is_no_other_path() -> None:
    record = cspbench.profile(Reshapes(), (4, 6), measures=("allocated",))
    assert record.allocated is not None
    assert record.allocated.observed_only == ()


def test_a_model_that_takes_another_path_while_it_is_observed_is_said_to() -> None:
    """By the operators that ran more often than otherwise."""
    record = cspbench.profile(NoticesObservers(), (1, 3, 8, 8), measures=("allocated",))
    assert record.allocated is not None
    assert record.allocated.observed_only == ("aten::tanh",)
