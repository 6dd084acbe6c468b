"""The tensor peak against live sets written out by hand, real and fake, at any thread count."""

from collections.abc import Callable, Iterable

import msgspec
import pytest
import torch
from function_modules import FunctionModule, chain, keeps_five
from torch import Tensor, nn

import cspbench
from cspbench.catalogue import find
from cspbench.measures.counts import count
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan.case import Mode, Precision, make_case
from cspbench.records.measurements import Allocated
from cspbench.records.tensor_peak import TensorPeak

FLOAT = 4


def peak_of(
    module: nn.Module | str, shape: tuple[int, ...] | None = None, mode: Mode = "infer"
) -> TensorPeak:
    peak = cspbench.profile(module, shape, measures=["tensor_peak"], mode=mode).tensor_peak
    assert peak is not None
    return peak


def allocated_of(module: nn.Module | str, shape: tuple[int, ...], mode: str) -> Allocated:
    record = cspbench.profile(
        module, shape, measures=["allocated"], mode="train" if mode == "train" else "infer"
    ).allocated
    assert record is not None
    return record


def test_a_chain_of_convolutions_holds_two_of_its_tensors_at_once() -> None:
    """4→8→16→2 channels on 10x10: at the second convolution 8 + 16 channels are live."""
    chain = nn.Sequential(
        nn.Conv2d(4, 8, 1, bias=False),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.Conv2d(16, 2, 1, bias=False),
    )
    peak = peak_of(chain, (1, 4, 10, 10))
    assert peak.split.activations == (8 + 16) * 100 * FLOAT
    assert peak.split.weights == (32 + 128 + 32) * FLOAT
    assert peak.split.inputs == 4 * 100 * FLOAT
    assert peak.baseline_bytes == (192 + 400) * FLOAT
    assert peak.peak_tensor_bytes == (192 + 400 + 2400) * FLOAT
    assert (peak.operator, peak.module) == ("convolution", "1")


@pytest.mark.parametrize(("inplace", "channels"), [(True, 8), (False, 8 + 8)])
def test_an_in_place_relu_adds_nothing_and_another_does(inplace: bool, channels: int) -> None:
    """Storages are followed, not tensors."""
    module = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.ReLU(inplace))
    assert peak_of(module, (1, 4, 10, 10)).split.activations == channels * 100 * FLOAT


def test_the_dense_blocks_peak_stands_at_its_last_1x1_convolution() -> None:
    """160 new + 224 concatenated + 224 normalised + 128 out of the 1x1 = 736 channels of 56x56."""
    peak = peak_of("dense")
    assert peak.split.activations == 736 * 56 * 56 * 4 == 9_232_384
    assert peak.peak_tensor_bytes - peak.baseline_bytes == 9_232_384
    assert peak.operator == "convolution"


@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize("entry", ["dense", "csp", "csp_fusion_last", "c3"])
def test_the_peak_is_the_same_bytes_fake_and_real_at_any_thread_count(
    entry: str, mode: str
) -> None:
    """Fake tensors, and ten runs on real ones at 1 and at 2 threads: one number."""
    shape = (2, 128, 8, 8) if entry == "c3" else (2, 64, 8, 8)
    case = make_case(find(entry), {}, shape=shape, mode="train" if mode == "train" else "infer")
    built = BuiltSubject(case)
    before = torch.get_num_threads()
    peaks = set()
    try:
        for threads in (1, 2) * 5:
            torch.set_num_threads(threads)
            peaks.add(tensor_peak(built, "real").peak_tensor_bytes)
    finally:
        torch.set_num_threads(before)
    assert peaks == {tensor_peak(built).peak_tensor_bytes}


@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("precision", ["bf16", "fp16", "amp"])
def test_every_precision_and_layout_is_counted_and_its_peak_is_the_same_fake_and_real(
    precision: Precision, channels_last: bool, mode: Mode
) -> None:
    """What runs on meta and on fake tensors is what runs for real."""
    case = make_case(
        find("csp"),
        {"layers": 2},
        shape=(2, 64, 8, 8),
        precision=precision,
        channels_last=channels_last,
        mode=mode,
    )
    built = BuiltSubject(case)
    assert (
        count(built).macs
        == count(BuiltSubject(msgspec.structs.replace(case, precision="fp32"))).macs
    )
    fake = tensor_peak(built)
    real = tensor_peak(built, "real").peak_tensor_bytes
    if precision == "amp" and mode == "train":
        # torch's fake BatchNorm saves its statistics in bfloat16, the CPU's kernel in float32
        assert 0 <= real - fake.peak_tensor_bytes < 0.001 * real
    else:
        assert fake.peak_tensor_bytes == real
    if precision != "amp":  # which keeps its weights in float32
        fp32 = tensor_peak(BuiltSubject(msgspec.structs.replace(case, precision="fp32")))
        assert fake.split.weights * 2 == fp32.split.weights


def test_a_training_steps_peak_is_split_into_all_kinds() -> None:
    """One 1x1, 4→8 on 10x10, no input gradient: momentum stands, gradients arise in the backward.

    At the optimizer's step nothing new arises but the weight's gradient is there; the peak is in
    the backward: output (saved by nobody, but held) and the gradient of ones, and the weight's.
    """
    peak = cspbench.profile(
        nn.Conv2d(4, 8, 1, bias=False), (1, 4, 10, 10), measures=["tensor_peak"], mode="train"
    ).tensor_peak
    assert peak is not None
    assert peak.split.weights == 32 * FLOAT
    assert peak.split.optimizer_state == 32 * FLOAT
    assert peak.split.activations == 800 * FLOAT
    assert peak.split.gradients == (800 + 32) * FLOAT
    assert peak.split.total == peak.peak_tensor_bytes


def test_the_allocators_peak_is_no_less_than_the_tensors() -> None:
    """Workspaces inside operators come on top."""
    record = allocated_of("dense", (1, 64, 28, 28), "infer")
    assert isinstance(record.peak_alloc_bytes, int)
    assert record.peak_alloc_bytes >= record.peak_tensor_bytes


def test_a_batch_that_would_never_fit_is_answered_without_allocating_it() -> None:
    """The forward's activations grow exactly with the batch: 10,000 images need 10,000 times."""
    single, batch = peak_of("dense", (1, 64, 56, 56)), peak_of("dense", (10_000, 64, 56, 56))
    assert batch.split.activations == 10_000 * single.split.activations


class HoldsState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(25))

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def test_buffers_are_a_kind_of_their_own() -> None:
    """They are neither weights nor activations."""
    assert peak_of(HoldsState(), (1, 1, 5, 5)).split.buffers == 100


def five_times(x: Tensor) -> Tensor:
    for _ in range(5):
        x = x + 1
    return x


def swaps_halves(x: Tensor) -> Tensor:
    first, second = (x + 1).chunk(2, 1)
    first.mul_(2)
    return torch.cat([second, first], 1)


def returns_twice(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x + 1
    return y, y


@pytest.mark.parametrize(
    ("forward", "activations", "operator"),
    [
        pytest.param(lambda x: torch.cat([x + 1, x + 2], 1), 200 + 200 + 400, "cat", id="cat"),
        pytest.param(lambda x: x[:, :1].expand(1, 50, 5, 5), 0, "", id="expand"),
        pytest.param(lambda x: (x + 1).expand(9, 2, 5, 5), 200, "add", id="expand of a new one"),
        pytest.param(lambda x: x.chunk(2, 1), 0, "", id="chunk"),
        pytest.param(lambda x: (x + 1).split([1, 1], 1), 200, "add", id="split of a new one"),
        pytest.param(swaps_halves, 200 + 200, "cat", id="in place on a view"),
        pytest.param(five_times, 200 + 200, "add", id="freed and made again"),
        pytest.param(returns_twice, 200, "add", id="returned twice"),
        pytest.param(lambda x: (x + 1, [x + 2]), 200 + 200, "add", id="a tuple and a list"),
        pytest.param(
            lambda x: {"a": x + 1, "b": {"c": x + 2}}, 200 + 200, "add", id="dictionaries"
        ),
    ],
)
def test_what_a_forward_holds_at_once_is_counted_in_bytes(
    forward: Callable[[Tensor], object], activations: int, operator: str
) -> None:
    """An input of 1x2x5x5 has 200 bytes; so has each new tensor of its shape."""
    peak = peak_of(FunctionModule(forward), (1, 2, 5, 5))
    assert peak.split.inputs == peak.baseline_bytes == 200
    assert peak.split.activations == activations
    assert (peak.operator, peak.peak_tensor_bytes) == (operator, 200 + activations)


def test_what_the_backward_needs_is_live_until_its_node_ran() -> None:
    """4→8→16→2 channels on 10x10, a ReLU after each: the peak is the second ReLU's backward.

    A channel has 400 bytes. Each ReLU keeps its result: 8 + 16 + 2 channels. The gradient of ones
    (2), the second ReLU's incoming gradient (16) and its outgoing one (16) are there, and the last
    weight's gradient (128 bytes); the gradient between the last two (2) went with its node.
    """
    peak = peak_of(chain(), (1, 4, 10, 10), "train")
    assert peak.split.weights == peak.split.optimizer_state == 768
    assert peak.split.inputs == 1_600
    assert peak.split.activations == 10_400
    assert peak.split.gradients == 13_600 + 128
    assert peak.peak_tensor_bytes == 27_264
    assert (peak.operator, peak.module) == ("threshold_backward", "3")


@pytest.mark.parametrize(
    ("mode", "activations", "gradients", "module"),
    [("infer", 400 + 2_000 + 400, 0, "1"), ("train", 2_000 + 400, 400 + 400, "1")],
)
def test_what_a_function_of_the_users_saves_is_live_until_its_backward_ran(
    mode: Mode, activations: int, gradients: int, module: str
) -> None:
    """A channel of 10x10 has 400 bytes: five are kept, beside the output and two gradients.

    Forward only, the five last as long as the function: its input and output are beside them.
    """
    peak = peak_of(
        nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), FunctionModule(keeps_five)),
        (1, 1, 10, 10),
        mode,
    )
    assert (peak.split.activations, peak.split.gradients) == (activations, gradients)
    assert (peak.operator, peak.module) == ("mul", module)


def test_momentum_stands_before_a_training_step_and_not_before_a_forward() -> None:
    """32 weights: 128 bytes, and in training as many again; the input has 1,600."""
    module = nn.Conv2d(4, 8, 1, bias=False)
    forward, step = (peak_of(module, (1, 4, 10, 10), mode) for mode in ("infer", "train"))
    assert (forward.baseline_bytes, forward.split.optimizer_state) == (1_728, 0)
    assert (step.baseline_bytes, step.split.optimizer_state) == (1_856, 128)


def test_tied_weights_and_their_momentum_count_once() -> None:
    """Two convolutions of one weight of 16 elements."""
    module = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.Conv2d(4, 4, 1, bias=False))
    module[1].weight = module[0].weight
    peak = peak_of(module, (1, 4, 10, 10), "train")
    assert (peak.split.weights, peak.split.optimizer_state) == (64, 64)
    assert peak.baseline_bytes == 64 + 64 + 1_600


class _MakesTemporaries(torch.optim.Optimizer):
    """Keeps 4 bytes of state, and needs 10,000 more in each step."""

    def __init__(self, parameters: Iterable[Tensor], **_: object) -> None:
        super().__init__(parameters, {})

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter].setdefault("sum", torch.zeros(1))
            temporary = torch.zeros(2_500)
            del temporary


def test_an_optimizers_temporaries_are_of_another_kind_than_its_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the peak of a step that needs 10,000 bytes: weight, state, input, gradient, and these."""
    monkeypatch.setattr(torch.optim, "SGD", _MakesTemporaries)
    peak = peak_of(nn.Conv2d(1, 1, 1, bias=False), (1, 1, 10, 10), "train")
    assert (peak.split.weights, peak.split.optimizer_state, peak.split.inputs) == (4, 4, 400)
    assert (peak.split.activations, peak.split.gradients, peak.split.other) == (0, 4, 10_000)
    assert peak.peak_tensor_bytes == 10_412
    assert (peak.operator, peak.module) == ("zeros", "")


class Adds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 2, 5, 5))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


def test_a_peak_where_a_gradient_is_accumulated_is_in_the_module_that_holds_the_weight() -> None:
    """The sum's gradient is the gradient of ones itself, which is copied: 200 bytes each."""
    peak = peak_of(nn.Sequential(nn.Identity(), Adds()), (1, 2, 5, 5), "train")
    assert (peak.split.activations, peak.split.gradients) == (200, 200 + 200)
    assert peak.module == "1"


class HoldsTensors(nn.Module):
    """Holds 100 bytes in an attribute, 200 in a list, and a layer in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.attribute = torch.zeros(25)
        self.listed = [torch.zeros(25), {"nested": torch.zeros(25)}]
        self.layers = [nn.Conv2d(1, 5, 1, bias=False)]

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


@pytest.mark.parametrize("mode", ["infer", "train"])
def test_tensors_that_no_parameter_or_buffer_holds_are_there_before_the_call(mode: Mode) -> None:
    """3 x 100 bytes and the 20 of a layer in a list; 4 x 25 of the input and 1 of a weight."""
    module = nn.Sequential(HoldsTensors(), nn.Conv2d(1, 1, 1, bias=False))
    peak = peak_of(module, (1, 1, 5, 5), mode)
    assert (peak.split.buffers, peak.split.weights) == (320, 4)
    assert peak.baseline_bytes == 320 + 4 + 100 + (4 if mode == "train" else 0)


_kept: list[Tensor] = []


class KeepsATable(nn.Module):
    """Makes a table in its first call, out of temporaries, and keeps it outside of itself."""

    def forward(self, x: Tensor) -> Tensor:
        if not _kept:
            _kept.append((torch.arange(25) + torch.zeros(25)).view(1, 1, 5, 5))
        return x + _kept[0]


def test_what_a_first_call_keeps_is_there_before_the_second() -> None:
    """Input, table and sum have 100 bytes each; the table's temporaries are gone."""
    _kept.clear()
    peak = peak_of(KeepsATable(), (1, 1, 5, 5))
    _kept.clear()
    assert (peak.split.buffers, peak.split.activations, peak.peak_tensor_bytes) == (100, 100, 300)
    assert peak.operator == "add"


def test_a_fused_encoder_stays_fused_while_it_is_followed() -> None:
    """In two layers one after the other: the input, and the output of each, of 4·2·9·16 bytes."""
    layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True)
    module = nn.Sequential(nn.Flatten(2), layer, layer)
    peak = peak_of(module, (2, 9, 4, 4))
    size = 4 * 2 * 9 * 16
    assert (peak.operator, peak.split.activations) == ("_transformer_encoder_layer_fwd", 2 * size)
    assert peak.split.inputs == size


@pytest.mark.parametrize("operator", [torch.ops.aten.relu, torch.ops.aten.relu.default])
def test_an_operator_in_an_attribute_leads_to_no_tensors(operator: Callable[..., object]) -> None:
    """All of torch's operators can be reached from one; input and output have 200 bytes each."""
    assert peak_of(FunctionModule(operator), (1, 2, 5, 5)).peak_tensor_bytes == 400
