"""Counts against arithmetic written out by hand, and every disagreement between counters named."""

import tracemalloc
from collections.abc import Callable

import factories
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

import cspbench
from cspbench.catalogue import ENTRIES, find
from cspbench.measures.counts import count, counts_of
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.plan.case import Mode, inputs_of, make_case
from cspbench.records.base import Failure
from cspbench.records.measurements import Counts


def profiled(
    module: nn.Module, shape: tuple[int, ...] = (1, 16, 8, 8), *, training: bool = False
) -> Counts:
    profile = cspbench.profile(
        module, shape, measures=["counts"], mode="train" if training else "infer"
    )
    assert profile.counts is not None
    return profile.counts


def explanations(counts: Counts) -> dict[str, str]:
    return {disagreement.path: disagreement.explanation for disagreement in counts.disagreements}


class Subclassed(nn.Conv2d):
    """A Conv2d by another name."""


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(32, 16, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, padding=1)


class PlainList(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Conv2d(16, 16, 3, padding=1) for _ in range(2)]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class TwoParents(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        shared = nn.Conv2d(16, 16, 1, bias=False)
        self.left, self.right = nn.ModuleList([shared]), nn.ModuleList([shared])

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.right[0](self.left[0](x))
        return result


def test_the_known_layer_has_294912_macs_and_thops_batchnorm_is_explained() -> None:
    """Conv 16→32, 3x3 on 8x8: 32·8·8 outputs of 16·3·3 products each."""
    counts = profiled(nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()))
    assert counts.macs == 294_912
    assert counts.flops == 589_824
    assert counts.thop_macs == 303_104
    assert counts.params == 16 * 32 * 9 + 32 + 2 * 32
    assert counts.weights == 4_608
    assert counts.activations == 2_048
    assert counts.cio == 1_024 + 2_048
    assert explanations(counts) == {"1": "BatchNorm2d counted: thop adds its operations to MACs"}
    assert counts.disagreements[0].thop_macs == 303_104 - 294_912


@pytest.mark.parametrize(
    ("module", "path", "explanation"),
    [
        (
            Subclassed(16, 32, 3, padding=1),
            "",
            "exact-type miss: thop has a rule for Conv2d, not for its subclass",
        ),
        (
            Functional(),
            "",
            "functional call: its forward calls operators that no module hook sees",
        ),
        (
            nn.ConvTranspose2d(16, 8, 2, stride=2, bias=False),
            "",
            "transposed convolution: thop multiplies by the output's size, not the input's",
        ),
    ],
)
def test_a_disagreement_is_explained_by_name(
    module: nn.Module, path: str, explanation: str
) -> None:
    """Each public weakness of thop is recognised, and nothing is left unexplained."""
    assert explanations(profiled(module)) == {path: explanation}


def test_a_functional_convolution_is_counted_although_thop_cannot_see_it() -> None:
    """Operators are watched, not modules."""
    counts = profiled(Functional())
    assert (counts.macs, counts.thop_macs, counts.weights) == (294_912, 0, 4_608)


def test_a_transposed_convolution_multiplies_by_its_input() -> None:
    """16·8·8 inputs of 8·2·2 products each; thop reads four times that."""
    counts = profiled(nn.ConvTranspose2d(16, 8, 2, stride=2, bias=False))
    assert counts.macs == 16 * 64 * 32
    assert counts.thop_macs == 4 * counts.macs


def test_a_module_under_two_parents_is_counted_as_often_as_it_runs() -> None:
    """Two calls of one 1x1: parameters once, MACs twice; thop's fourfold is explained."""
    counts = profiled(TwoParents())
    assert (counts.params, counts.macs, counts.weights) == (256, 2 * 256 * 64, 256)
    assert counts.thop_macs == 4 * counts.macs
    reason = "module used twice: it hangs under 2 parents and thop counts it for each"
    assert explanations(counts) == {"left.0": reason, "right.0": reason}


class KeywordCall(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(input=self.conv(x))
        return result


def test_where_thop_breaks_the_others_still_count_and_its_figure_is_no_zero() -> None:
    """Its BatchNorm hook reads the first positional input, and here there is none."""
    counts = profiled(KeywordCall())
    assert counts.thop_macs == Failure(reason="thop raised IndexError: tuple index out of range")
    assert (counts.macs, counts.flops) == (256 * 64, 2 * 256 * 64)
    assert counts.disagreements == ()


def test_layers_held_in_a_plain_list_are_noticed() -> None:
    """Their convolutions run, but their weights are in nobody's parameters."""
    counts = profiled(PlainList())
    assert counts.params == 0
    assert counts.macs == 2 * 16 * 64 * 16 * 9
    assert [
        (operator.name, operator.calls)
        for operator in counts.uncounted
        if operator.counter == "cspbench"
    ] == [("a weight that is no parameter of the model", 2)]


def test_types_without_a_rule_are_listed_not_shown_as_zero() -> None:
    """SiLU counts 0 in thop and has no formula in torch: both say so."""
    counts = profiled(nn.Sequential(nn.Conv2d(16, 16, 1), nn.SiLU()))
    listed = {(operator.counter, operator.name): operator.calls for operator in counts.uncounted}
    assert listed == {("thop", "SiLU"): 1, ("torch", "silu"): 1}


@pytest.mark.parametrize(("groups", "inner"), [(1, 16), (4, 4), (16, 1)])
def test_the_backward_of_a_convolution_is_twice_its_forward_for_any_groups(
    groups: int, inner: int
) -> None:
    """One product of the forward's size for the weight's gradient, one for the input's."""
    module = nn.Sequential(
        nn.Conv2d(16, 16, 1, bias=False), nn.Conv2d(16, 16, 3, padding=1, groups=groups, bias=False)
    )
    counts = profiled(module, training=True)
    first, second = 2 * 16 * 64 * 16, 2 * 16 * 64 * inner * 9
    assert counts.flops == first + second
    assert counts.backward_flops == first + 2 * second  # the input needs no gradient here


def test_a_module_without_weights_has_no_backward_to_count() -> None:
    """Where its input needs no gradient, either."""
    case = make_case(find("torch.nn:Identity"), {}, shape=(1, 3, 4, 4), mode="train")
    assert count(BuiltSubject(case)).backward_flops == 0


def test_a_fully_connected_layer_counts_like_a_convolution_but_for_cio() -> None:
    """4 rows of 10 outputs over 16 inputs; CIO sums convolutions only."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(16, 10)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.fc(x.mean((2, 3)))
            return result

    counts = profiled(Head(), (4, 16, 2, 2))
    assert (counts.macs, counts.weights, counts.activations, counts.cio) == (640, 160, 40, 0)


@pytest.mark.parametrize("entry", ENTRIES)
def test_flops_are_what_torchs_counter_says(entry: str) -> None:
    """The log applies torch's formulas itself; torch's own mode, run beside it, agrees."""
    built = BuiltSubject(make_case(find(entry), {}))
    module = built.meta().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*(torch.empty(x.shape, device="meta") for x in inputs_of(built.case).tensors))
    assert count(built).flops == counter.get_total_flops()


def test_layers_sum_to_the_whole() -> None:
    """Own parameters and MACs of all layers add up, so that a share means something."""
    counts = cspbench.profile("csp", measures=["counts"]).counts
    assert counts is not None
    assert sum(layer.params for layer in counts.layers) == counts.params
    assert sum(layer.macs for layer in counts.layers) == counts.macs
    assert counts.layers[0].output_shape == (1, 128, 56, 56)  # 32 + 224 channels, half of them


def _state(module: nn.Module) -> dict[str, object]:
    return {
        "keys": list(module.state_dict()),
        "values": [tensor.clone() for tensor in module.state_dict().values()],
        "training": [child.training for child in module.modules()],
        "hooks": [
            (len(child._forward_hooks), len(child._forward_pre_hooks)) for child in module.modules()
        ],
        "dict": [sorted(vars(child)) for child in module.modules()],
        "identity": [id(p) for p in module.parameters()],
        "gradients": [p.grad for p in module.parameters()],
    }


class Breaks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        self.norm(x)
        raise RuntimeError("in the middle")


@pytest.mark.parametrize("build", [Breaks, lambda: nn.Sequential(nn.BatchNorm2d(16), nn.ReLU())])
@pytest.mark.parametrize("mode", ["infer", "train"])
def test_profiling_leaves_the_module_bit_identical_also_when_it_raises(
    build: Callable[[], nn.Module], mode: str
) -> None:
    """Keys, values, identities, hooks and per-module modes are as before; no global hook stays."""
    module = build()
    module.train()
    next(module.children()).eval()
    before = _state(module)
    raised = False
    try:
        cspbench.profile(
            module,
            (2, 16, 8, 8),
            measures=["counts", "tensor_peak", "allocated", "latency"],
            mode="train" if mode == "train" else "infer",
        )
    except RuntimeError:
        raised = True
    assert raised == isinstance(module, Breaks)
    after = _state(module)
    values = zip(before.pop("values"), after.pop("values"), strict=True)  # type: ignore[call-overload]
    assert all(torch.equal(old, new) for old, new in values)
    assert before == after
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_counting_allocates_no_weights() -> None:
    """A block of 2.4 GB of weights is counted within 50 MB of Python's and no tensor memory."""
    module = cspbench.Entry(
        name="wide",
        build="torch.nn:Conv2d",
        description="",
        source="",
        input_shape=(1, 8192, 4, 4),
        fixed=(("in_channels", 8192), ("out_channels", 8192), ("kernel_size", 3)),
    )
    tracemalloc.start()
    profile = cspbench.profile(module)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert profile.counts is not None
    assert profile.counts.weights == 8192 * 8192 * 9
    assert profile.tensor_peak is not None
    assert profile.tensor_peak.split.weights == 4 * (8192 * 8192 * 9 + 8192)
    assert peak < 50e6


def test_a_case_that_raises_raises_its_own_error() -> None:
    """The module's message reaches the caller, not one of a counter's."""
    with pytest.raises(RuntimeError, match="this module always raises"):
        count(BuiltSubject(factories.make_case("Raises")))


@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize("entry", ["csp", "c2f", "c3k2"])
def test_counts_are_the_same_on_meta_fake_and_real_tensors(entry: str, mode: Mode) -> None:
    """Thop's own bookkeeping is no operator of the model, whatever its tensors are."""
    built = BuiltSubject(make_case(find(entry), {}, mode=mode))
    on_meta = counts_of(Call(built.case, built.meta(), built.inputs("meta"), "meta"))
    fake_mode = FakeTensorMode()
    with fake_mode:
        module = built.fake(fake_mode)
        on_fake = counts_of(Call(built.case, module, built.inputs("cpu"), "cpu"))
    on_real = counts_of(Call(built.case, built.real(), built.inputs("cpu"), "cpu"))
    assert on_meta == on_fake == on_real
    assert isinstance(on_meta.thop_macs, int)


class AuxiliaryInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main, self.auxiliary = (nn.Conv2d(4, 4, 1, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.main(x)
        return result + self.auxiliary(result) if self.training else result


def test_training_is_counted_on_its_own_path_by_every_counter() -> None:
    """Two 1x1 of 16 weights on 64 positions in training, of which the first needs no input's."""
    evaluated = profiled(AuxiliaryInTraining(), (1, 4, 8, 8))
    trained = profiled(AuxiliaryInTraining(), (1, 4, 8, 8), training=True)
    assert (evaluated.macs, evaluated.thop_macs, evaluated.flops) == (1_024, 1_024, 2_048)
    assert (trained.macs, trained.thop_macs, trained.flops) == (2_048, 2_048, 4_096)
    assert trained.backward_flops == 2_048 + 4_096
    assert {layer.path: layer.calls for layer in trained.layers}["auxiliary"] == 1
