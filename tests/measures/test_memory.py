"""The tensor peak against live sets written out by hand, real and fake, at any thread count."""

import msgspec
import pytest
import torch
from torch import Tensor, nn

import cspbench
from cspbench.case import Mode, Precision, make_case
from cspbench.catalogue import find
from cspbench.measures.base import BuiltSubject
from cspbench.measures.counts import count
from cspbench.measures.memory import StorageTracker, _track, tensor_peak
from cspbench.records import Allocated, TensorPeak

FLOAT = 4


def peak_of(module: nn.Module | str, shape: tuple[int, ...] | None = None) -> TensorPeak:
    peak = cspbench.profile(module, shape, measures=["tensor_peak"]).tensor_peak
    assert peak is not None
    return peak


def allocated_of(module: nn.Module | str, shape: tuple[int, ...], mode: str) -> Allocated:
    found = cspbench.profile(
        module, shape, measures=["allocated"], mode="train" if mode == "train" else "infer"
    ).allocated
    assert found is not None
    return found


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


def test_views_expansions_and_freed_storages_are_followed() -> None:
    """Views of one storage count once; what is freed is taken off; what is reused counts again."""
    tracker = StorageTracker([])
    with tracker:
        base = torch.ones(100)
        views = [base.view(10, 10), base[5:], base.expand(3, 100), base.detach()]
        assert tracker.live["activations"] == 400
        del base
        assert tracker.live["activations"] == 400
        del views
        assert tracker.live["activations"] == 0
        again = torch.ones(50)
        assert tracker.live["activations"] == 200
    assert again.numel() == 50
    assert sum(tracker.peak.values()) == 400


def test_a_storage_that_is_resized_counts_with_its_new_size() -> None:
    """`resize_` grows a storage that is already known."""
    tracker = StorageTracker([])
    with tracker:
        tensor = torch.ones(10)
        tensor.resize_(1000)
        assert tracker.live["activations"] == 4000


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
    found = set()
    try:
        for threads in (1, 2) * 5:
            torch.set_num_threads(threads)
            found.add(_track(built, built.real(), "cpu").peak_tensor_bytes)
    finally:
        torch.set_num_threads(before)
    assert found == {tensor_peak(built).peak_tensor_bytes}


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
    real = _track(built, built.real(), "cpu").peak_tensor_bytes
    if precision == "amp" and mode == "train":
        # torch's fake BatchNorm saves its statistics in bfloat16, the CPU's kernel in float32
        assert 0 <= real - fake.peak_tensor_bytes < 0.001 * real
    else:
        assert fake.peak_tensor_bytes == real
    if precision != "amp":  # which keeps its weights in float32
        plain = tensor_peak(BuiltSubject(msgspec.structs.replace(case, precision="fp32")))
        assert fake.split.weights * 2 == plain.split.weights


def test_a_training_steps_peak_is_split_into_all_kinds() -> None:
    """One 1x1, 4→8 on 10x10, no input gradient: momentum stands, gradients arise in the backward.

    At the optimizer's step nothing new arises but the weight's gradient is there; the peak is in
    the backward: output (saved by nobody, but held) and the gradient of ones, and the weight's.
    """
    found = cspbench.profile(
        nn.Conv2d(4, 8, 1, bias=False), (1, 4, 10, 10), measures=["tensor_peak"], mode="train"
    ).tensor_peak
    assert found is not None
    assert found.split.weights == 32 * FLOAT
    assert found.split.optimizer_state == 32 * FLOAT
    assert found.split.activations == 800 * FLOAT
    assert found.split.gradients == (800 + 32) * FLOAT
    assert found.split.total == found.peak_tensor_bytes


def test_the_allocators_peak_is_no_less_than_the_tensors() -> None:
    """Workspaces inside operators come on top."""
    found = allocated_of("dense", (1, 64, 28, 28), "infer")
    assert isinstance(found.peak_alloc_bytes, int)
    assert found.peak_alloc_bytes >= found.peak_tensor_bytes


def test_a_batch_that_would_never_fit_is_answered_without_allocating_it() -> None:
    """The forward's activations grow exactly with the batch: 10,000 images need 10,000 times."""
    one, many = peak_of("dense", (1, 64, 56, 56)), peak_of("dense", (10_000, 64, 56, 56))
    assert many.split.activations == 10_000 * one.split.activations


class HoldsState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(25))

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def test_buffers_are_a_kind_of_their_own() -> None:
    """They are neither weights nor activations."""
    assert peak_of(HoldsState(), (1, 1, 5, 5)).split.buffers == 100
