"""Models of every kind are counted, on real tensors if they must be, and timed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import unusual_models as models
from torch import nn

import cspbench
from cspbench.catalogue.loading import resolve
from cspbench.errors import NotMeasuredError
from cspbench.measures.counts import count
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.plan.case import Mode
from cspbench.records.measurement import Basis

POINTWISE = (20, 1_024)  # 4·4 + 4 parameters, 64·16 MACs on 8x8
KINDS: list[tuple[Callable[[], nn.Module], tuple[int, int], Basis]] = [
    (models.MadeInFirstForward, POINTWISE, "meta"),
    (models.DryRun, (78, 1_152), "real"),  # 68 + 10 parameters, 16·4·16 + 16·8 MACs on 4x4
    (models.ReadsInConstructor, (60, 3_072), "meta"),
    (models.BranchesOnData, (168, 9_216), "real"),  # 20 + 148 parameters, 64·144 MACs
    (models.UsesNumPy, POINTWISE, "real"),
    (models.OwnFunction, POINTWISE, "real"),
    (models.OwnOperator, POINTWISE, "real"),
    (models.GlobalTensor, POINTWISE, "fake"),
    (models.ReturnsNothing, POINTWISE, "meta"),
    (models.Lazy, (28, 1_024), "meta"),
    (models.scripted, POINTWISE, "meta"),
    (models.traced, POINTWISE, "meta"),
    (models.half, POINTWISE, "meta"),
    (models.double, POINTWISE, "meta"),
    (models.quantized, POINTWISE, "real"),
]


@pytest.mark.filterwarnings("ignore")  # of torch, on scripts, lazy layers and quantisation
@pytest.mark.parametrize("mode", ["infer", "train"])
@pytest.mark.parametrize(
    ("build", "expected", "basis"), KINDS, ids=[kind[0].__name__ for kind in KINDS]
)
def test_a_module_of_any_kind_has_counts_a_peak_and_a_latency(
    build: Callable[[], nn.Module], expected: tuple[int, int], basis: Basis, mode: Mode
) -> None:
    """Counted on the first kind of tensors that allows it; the peak is that of real tensors."""
    module = build()
    record = cspbench.profile(
        module,
        (1, 4, 8, 8),
        mode=mode,
        turns=1,
        measures=["counts", "tensor_peak", "allocated", "disk_size", "latency"],
    )
    assert record.failures == ()
    assert record.counts is not None
    assert record.allocated is not None
    assert (record.params, record.macs) == expected
    assert record.counts.counted_on == basis
    assert record.peak_tensor_bytes == record.allocated.peak_tensor_bytes
    assert record.latency > 0


def test_inputs_are_in_the_precision_of_a_module_that_is_not_in_single_precision() -> None:
    """bfloat16: two bytes each of 20 weights and 256 elements of input and output."""
    peak = cspbench.profile(models.half(), (1, 4, 8, 8)).tensor_peak
    assert peak is not None
    assert (peak.split.weights, peak.split.inputs, peak.split.activations) == (40, 512, 512)


def test_what_cannot_be_observed_is_timed_and_says_why_it_has_no_counts() -> None:
    """The reason stands where the figure would."""
    record = cspbench.profile(
        models.OnlyUnobserved(), (1, 4, 8, 8), measures=["counts", "latency"], turns=1
    )
    assert record.latency > 0
    (failure,) = record.failures
    assert (failure.stage, failure.is_fatal) == ("counts", False)
    assert failure.reason == "RuntimeError: observed"
    assert "on meta tensors: RuntimeError: observed" in failure.detail
    with pytest.raises(NotMeasuredError, match="macs could not be measured: RuntimeError: obs"):
        _ = record.macs


def test_a_module_that_does_not_run_raises_what_it_raises() -> None:
    """Not what a basis without data raises first."""
    with pytest.raises(RuntimeError, match=r"expected input.* to have 4 channels"):
        cspbench.profile(models.UsesNumPy(), (1, 5, 8, 8))


def test_a_builder_that_reads_values_is_called_once_for_all_static_measures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once on meta, where it fails, and once on real tensors, of which copies are counted."""
    import factories
    import msgspec

    case = msgspec.structs.replace(
        factories.make_case("Good"), build="unusual_models:ReadsInConstructor"
    )
    built: list[int] = []
    builder: Any = resolve(case.build)  # of the model's own modules, not those of the tests
    build = builder.__init__

    def counted(self: models.ReadsInConstructor) -> None:
        built.append(1)
        build(self)

    monkeypatch.setattr(builder, "__init__", counted)
    subject = BuiltSubject(case)
    assert count(subject).macs == count(subject, "fake").macs == 3_072
    assert len(built) == 2


@pytest.mark.filterwarnings("ignore")
def test_buffers_of_a_scripted_module_are_in_its_peak() -> None:
    """Means and variances of four channels and a count: 2·4·4 + 8 bytes."""
    module = torch.jit.script(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)))
    peak = cspbench.profile(module, (1, 4, 8, 8)).tensor_peak
    assert peak is not None
    assert peak.split.buffers == 40
