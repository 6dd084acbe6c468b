"""Memory traffic of operators and modules against arithmetic written out by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import cspbench
from cspbench.catalogue import find
from cspbench.measures.counts import count
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.registry import MEASURES
from cspbench.measures.traffic import traffic
from cspbench.plan.case import MODES, Mode, Precision, in_form, make_case
from cspbench.records.traffic import ModuleTraffic, Operator, Traffic, Work

SHAPE = (2, 16, 8, 8)
MAP = 2 * 16 * 8 * 8 * 4  # bytes of the input, 8,192


class Function(nn.Module):
    """A function of one tensor as a module."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self._function = function

    def forward(self, x: Tensor) -> object:
        return self._function(x)


def measured(
    module: nn.Module,
    shape: tuple[int, ...] = SHAPE,
    *,
    mode: Mode = "infer",
    precision: Precision = "fp32",
) -> Traffic:
    record = cspbench.profile(
        module, shape, measures=["traffic"], mode=mode, precision=precision
    ).traffic
    assert record is not None
    return record


def work(function: Callable[[Tensor], object]) -> tuple[int, int, int]:
    """Bytes read and written by one call at inference, and its FLOPs."""
    total = measured(Function(function)).total
    return total.read_bytes, total.written_bytes, total.flops


@pytest.mark.parametrize(
    ("function", "read", "written"),
    [
        (torch.relu, MAP, MAP),
        (lambda x: torch.relu_(x * 2), MAP + MAP, MAP + MAP),
        (lambda x: x + x, MAP, MAP),  # one input, twice
        (lambda x: torch.cat([x, x[:, :4]], 1), MAP, MAP + MAP // 4),
        (lambda x: x[:, :8].reshape(2, 8, 64).transpose(1, 2), 0, 0),
        (lambda x: x.transpose(1, 2).contiguous(), MAP, MAP),
        (lambda x: x.chunk(2, 1), 0, 0),
        (lambda x: x.chunk(2, 1)[0] * 1, MAP // 2, MAP // 2),
        (lambda x: x[:1, :1].expand(2, 16, 8, 8) + 1, 256, MAP),
        (lambda x: x.to(torch.bfloat16), MAP, MAP // 2),
        (torch.zeros_like, 0, MAP),
        (torch.empty_like, 0, 0),
        (lambda x: torch.empty_like(x).copy_(x), MAP, MAP),
        (lambda x: torch.empty_like(x).fill_(1), 0, MAP),
        (lambda x: torch.empty_like(x).unsqueeze_(0), 0, 0),
        (lambda x: torch.add(x, 1, out=torch.empty_like(x)), MAP, MAP),
        (lambda x: functional.adaptive_avg_pool2d(x, 1), MAP, 128),
        # the pool also returns an index of 8 bytes for each of its elements
        (lambda x: functional.max_pool2d(x, 2), MAP, MAP // 4 + MAP // 2),
        (lambda x: functional.interpolate(x, scale_factor=2), MAP, 4 * MAP),
    ],
)
def test_an_operator_reads_its_inputs_and_writes_its_results_once(
    function: Callable[[Tensor], object], read: int, written: int
) -> None:
    """Views move nothing, and what is written over is not read."""
    assert work(function) == (read, written, 0)


def test_a_table_is_read_as_far_as_it_is_looked_up() -> None:
    """Three rows of 8 numbers, and three indices of 8 bytes."""
    indices = torch.tensor([4, 900, 4])
    total = measured(_Lookup(indices)).total
    assert (total.read_bytes, total.written_bytes) == (3 * 8 + 3 * 8 * 4, 3 * 8 * 4)


class _Lookup(nn.Module):
    def __init__(self, indices: Tensor) -> None:
        super().__init__()
        self.table = nn.Embedding(1000, 8)
        self.register_buffer("indices", indices)

    def forward(self, _: Tensor) -> Tensor:
        rows: Tensor = self.table(self.indices)
        return rows


@pytest.mark.parametrize(
    ("module", "read", "written", "flops"),
    [
        # 32 filters of 16x3x3, with a bias: 2 * 32 * 64 elements of 144 products each
        (
            nn.Conv2d(16, 32, 3, padding=1),
            MAP + (32 * 144 + 32) * 4,
            2 * MAP,
            2 * 2 * 32 * 64 * 144,
        ),
        (nn.Conv2d(16, 8, 1, bias=False), MAP + 8 * 16 * 4, MAP // 2, 2 * 2 * 8 * 64 * 16),
        # depthwise: 9 products an element
        (
            nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False),
            MAP + 16 * 9 * 4,
            MAP,
            2 * 2 * 16 * 64 * 9,
        ),
        # 2 * 16 * 8 rows of 8 by a matrix of 10 x 8
        (nn.Linear(8, 10), MAP + (80 + 10) * 4, 256 * 10 * 4, 2 * 256 * 80),
        # scale, shift, mean and variance of 16 channels
        (nn.BatchNorm2d(16), MAP + 4 * 16 * 4, MAP, 0),
        (nn.ReLU(inplace=True), MAP, MAP, 0),
        (nn.Identity(), 0, 0, 0),
        (nn.Flatten(), 0, 0, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_layer_also_reads_its_parameters(
    module: nn.Module, read: int, written: int, flops: int
) -> None:
    """At inference."""
    total = measured(module).total
    assert (total.read_bytes, total.written_bytes, total.flops) == (read, written, flops)


def test_batch_norm_in_training_writes_statistics_of_the_batch_and_running_ones() -> None:
    """Four vectors of 16 and the counter of batches, which a step adds 1 to."""
    record = measured(nn.BatchNorm2d(16), mode="train")
    forward = Work.of(record.modules[0].forward)
    assert forward.read_bytes == MAP + 4 * 16 * 4 + 8
    assert forward.written_bytes == MAP + 4 * 16 * 4 + 8


def test_training_has_a_backward_by_module_and_an_optimizer() -> None:
    """Of two 1x1 convolutions, the first needs no gradient of its input, and so not its weight.

    SGD with momentum reads and writes each weight's numbers: momentum * 0.9 + gradient, and the
    weight less the momentum.
    """
    record = measured(
        nn.Sequential(nn.Conv2d(16, 8, 1, bias=False), nn.Conv2d(8, 16, 1, bias=False)),
        mode="train",
    )
    weights, flops = 8 * 16 * 4, 2 * 2 * 8 * 64 * 16
    ones = Operator(name="ones_like", calls=1, read_bytes=0, written_bytes=MAP, flops=0)
    whole, first, second = record.modules
    assert whole == ModuleTraffic(path="", backward=(ones,))
    assert Work.of(first.backward) == Work(
        read_bytes=MAP // 2 + MAP, written_bytes=weights, flops=flops
    )
    assert Work.of(second.backward) == Work(
        read_bytes=MAP + MAP // 2 + weights, written_bytes=MAP // 2 + weights, flops=2 * flops
    )
    assert Work.of(record.optimizer) == Work(
        read_bytes=2 * (1 + 2 + 2) * weights, written_bytes=2 * 3 * weights, flops=0
    )


def test_bytes_follow_the_precision() -> None:
    """In half precision, everything of a convolution has half the size."""
    full, half = (
        measured(nn.Conv2d(16, 16, 1, bias=False), precision=precision).total
        for precision in ("fp32", "bf16")
    )
    assert full.moved_bytes == 2 * half.moved_bytes
    assert full.flops == half.flops


def test_operators_stand_in_the_module_that_called_them() -> None:
    """Not in those around it; calls that move as much are one row."""
    conv = nn.Conv2d(16, 16, 1, bias=False)
    record = measured(nn.Sequential(conv, nn.ReLU(), conv))
    assert record.modules == (
        ModuleTraffic(
            path="0",
            forward=(
                Operator(
                    name="convolution",
                    calls=2,
                    read_bytes=MAP + 16 * 16 * 4,
                    written_bytes=MAP,
                    flops=2 * 2 * 16 * 64 * 16,
                ),
            ),
        ),
        ModuleTraffic(
            path="1",
            forward=(Operator(name="relu", calls=1, read_bytes=MAP, written_bytes=MAP, flops=0),),
        ),
    )
    assert record.traffic_bytes == 6 * MAP + 2 * 16 * 16 * 4


def test_a_case_that_is_compiled_has_no_operators_to_see() -> None:
    """Only eager and fused forms are covered."""
    case = make_case(find("dense"), {})
    covers = MEASURES["traffic"].covers
    assert [covers(in_form(case, form)) for form in ("eager", "fused", "compiled", "aoti")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("name", ["csp_fusion_last", "c3k2", "peleenet"])
def test_flops_are_those_of_the_counts(name: str) -> None:
    """At inference and in training."""
    inference, training = (BuiltSubject(make_case(find(name), {}, mode=mode)) for mode in MODES)
    assert traffic(inference).total.flops == count(inference).flops
    counts = count(training)
    assert traffic(training).total.flops == counts.flops + (counts.backward_flops or 0)


class Renames(nn.Module):
    """A layer that has another name after each call."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.layer0 = nn.Conv2d(16, 16, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        layer = self._modules.pop(f"layer{self.number}")
        self.number += 1
        self._modules[f"layer{self.number}"] = layer
        assert layer is not None
        result: Tensor = layer(x)
        return result


def test_a_module_that_is_renamed_keeps_the_name_that_it_began_with() -> None:
    """So that what it moves is lost at no name."""
    (module,) = measured(Renames()).modules
    assert module.path == "layer0"
