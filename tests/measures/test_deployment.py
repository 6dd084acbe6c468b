"""What a form took to make, and whether it computes what the eager module does."""

import math
from pathlib import Path

import msgspec
import pytest
import torch
from factories import make_case
from torch import nn

from cspbench.catalogue import find
from cspbench.engine.builds import PLAIN, Builds
from cspbench.measures.deployment import deployment
from cspbench.measures.forms.fidelity import Distance, distance
from cspbench.measures.forms.statistics import give_statistics
from cspbench.measures.forms.subjects import FileSubject
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan import case as cases
from cspbench.plan.case import Form
from cspbench.records.deployment import Deployment

SMALL = {"c1": 8, "c2": 8, "n": 1}


def made(form: Form, folder: Path, entry: str = "c3") -> Deployment:
    """The record of a small module in ``form``."""
    case = cases.make_case(find(entry), dict(SMALL), shape=(1, 8, 16, 16), form=form)
    torch.manual_seed(0)
    return deployment(Builds(files=folder).subject(case))


def test_a_distance_is_relative_to_the_largest_magnitude_and_in_decibels() -> None:
    """By hand: an error of 0.1 in one of two elements, the larger of which is 2."""
    apart = distance([torch.tensor([2.0, 1.0])], [torch.tensor([2.0, 1.1])])
    assert apart.error == pytest.approx(0.05)
    assert apart.sqnr_db == pytest.approx(10 * math.log10(5 / 0.01), abs=1e-4)


def test_equal_outputs_have_no_noise_and_the_worst_tensor_counts() -> None:
    """NaN in both is equal; what is not finite in one alone is as far off as can be."""
    nan, one = torch.tensor([math.nan, 1.0]), torch.tensor([1.0])
    assert distance([nan], [nan.clone()]) == (distance([one], [one]))
    assert distance([one], [one]).sqnr_db is None
    assert distance([one, one], [one, torch.tensor([1.5])]).error == pytest.approx(0.5)
    assert distance([one], [torch.tensor([math.nan])]) == Distance(1e9, None)
    assert distance([0 * one], [one]) == Distance(1e9, None)


def test_complex_outputs_are_compared_by_their_parts() -> None:
    """As the ONNX format has them."""
    given = torch.tensor([3 + 4j, 1j])
    parts = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert distance([given], [parts]) == Distance(0.0, None)
    assert distance([given.conj()], [parts]).error == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("expected", "actual", "says"),
    [
        ([], [], "no tensor to compare"),
        ([torch.zeros(1)], [], "0 tensors in its output, 1 in eager's"),
        ([torch.zeros(2, 1)], [torch.zeros(2)], "an output of shape 2, 2x1 in eager mode"),
    ],
)
def test_outputs_that_cannot_be_compared_are_refused(
    expected: list[torch.Tensor], actual: list[torch.Tensor], says: str
) -> None:
    """In words that say what differs."""
    with pytest.raises(ValueError, match=says):
        distance(expected, actual)


def test_fresh_norms_get_statistics_and_trained_ones_keep_theirs() -> None:
    """A fresh one neither shifts nor scales, so that it would not be missed."""
    fresh, trained = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
    trained.train()(torch.randn(2, 4, 3, 3))
    assert trained.running_mean is not None
    before = trained.running_mean.clone()
    give_statistics(nn.Sequential(fresh, trained, nn.BatchNorm2d(4, track_running_stats=False)))
    assert fresh.running_mean is not None
    assert fresh.running_mean.any()
    assert torch.equal(trained.running_mean, before)


def test_a_fused_module_computes_the_same_and_says_what_was_folded(tmp_path: Path) -> None:
    """With statistics that a fold must not lose, and a size of its own weights."""
    record = made("fused", tmp_path)
    assert record.is_equal
    assert record.fusion is not None
    assert (record.fusion.folded, record.fusion.left) == (5, {})
    assert list(record.steps_s) == ["fuse"]
    assert record.form_bytes > 0


def test_a_fold_that_loses_the_mean_is_not_called_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the statistics are there for."""
    from cspbench.measures.forms import folding

    def wrong(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[object, object]:
        assert norm.running_mean is not None
        norm.running_mean.zero_()
        return right(convolution, norm)

    right = folding._folded
    monkeypatch.setattr(folding, "_folded", wrong)
    record = made("fused", tmp_path)
    assert not record.is_equal
    assert record.sqnr_db is not None
    assert record.sqnr_db < 40


@pytest.mark.parametrize("form", ["fused", pytest.param("onnxruntime", marks=pytest.mark.slow)])
def test_a_model_that_draws_random_numbers_is_compared_with_nothing(
    form: Form, tmp_path: Path
) -> None:
    """Eager's own output differs from call to call by as much as a form's."""
    case = msgspec.structs.replace(make_case("Noisy"), form=form)
    record = deployment(Builds(files=tmp_path).subject(case))
    assert record.error is None
    assert record.reason == "eager's own output differs from call to call"


@pytest.mark.slow
def test_a_file_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    """Steps in order, its size, who runs its nodes, and what it was loaded with."""
    record = made("onnxruntime", tmp_path)
    assert record.is_equal
    assert list(record.steps_s) == ["export", "load"]
    files = list(tmp_path.iterdir())
    assert record.form_bytes == sum(path.stat().st_size for path in files)
    assert record.settings["spinning"] == "off"
    assert {operator.provider for operator in record.operators} == {"CPUExecutionProvider"}
    case = cases.make_case(find("c3"), dict(SMALL), shape=(1, 8, 16, 16), form="onnxruntime")
    subject = Builds(files=tmp_path).subject(case)
    assert isinstance(subject, FileSubject)
    written = files[0].stat().st_mtime_ns
    subject.session()()
    assert files[0].stat().st_mtime_ns == written


@pytest.mark.slow
def test_eight_bits_are_never_equal_and_told_in_decibels(tmp_path: Path) -> None:
    """And convolutions do run in them."""
    record = made("onnxruntime:int8", tmp_path)
    assert not record.is_equal
    assert record.sqnr_db is not None
    assert 10 < record.sqnr_db < 60
    assert any(operator.is_int8 for operator in record.operators)
    assert list(record.steps_s) == ["export", "quantize", "load"]


@pytest.mark.slow
def test_what_cannot_be_exported_raises_a_line_that_says_why(tmp_path: Path) -> None:
    """The module itself runs."""
    case = msgspec.structs.replace(make_case("Branches"), form="onnxruntime")
    with pytest.raises(ValueError, match=r"torch\.(onnx|export)"):
        deployment(Builds(files=tmp_path).subject(case))


def test_a_form_that_is_a_file_has_the_peak_of_its_module_without_one() -> None:
    """As the search for the largest batch needs it; nothing is exported for that."""
    eager, exported = (
        PLAIN.subject(cases.make_case(find("c3"), dict(SMALL), shape=(1, 8, 16, 16), form=form))
        for form in ("eager", "onnxruntime")
    )
    peak = tensor_peak(exported).peak_tensor_bytes
    assert peak == tensor_peak(eager).peak_tensor_bytes
    assert peak > 0
