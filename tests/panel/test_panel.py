"""75 models of timm and 8 of torchvision: counts beside timm's and fvcore's, and peaks, of all."""

import functools
import importlib.util
import os

import pytest
from panel_models import CLASSIFIERS, PanelModel, panel
from torchvision_operators import define_missing_operators

import cspbench
from cspbench.api import Profile
from cspbench.records.measurements import Counts

MODELS = panel()
MISSING = [name for name in ("timm", "torchvision") if importlib.util.find_spec(name) is None]

# What fvcore counts differently: MACs of layers, MACs of products, activations of layers.
DIFFERENCES = {
    # 32 convolutions with padding="same" reach it as an operator that it does not know:
    # 32 blocks x 768 channels x 7 x 7 x 32 x 32 outputs, and as many activations without 7 x 7.
    "convmixer_768_32": (1_233_125_376, 0, 25_165_824),
    # Each image's routing weights times the experts' convolution weights: a fully connected layer,
    # which fvcore meets as a product of two tensors. The sum is the same.
    "efficientnet_cc_b0_4e": (10_694_400, -10_694_400, 2_673_600),
    # LSTMs: it has no handle for aten::lstm.
    "sequencer2d_s": (3_397_386_240, 0, 17_301_504),
}


@pytest.fixture(autouse=True)
def _libraries() -> None:
    """Skip, or fail where the environment says ``PANEL=required``, if a library is missing."""
    if not MISSING:
        define_missing_operators()
        return
    reason = f"{' and '.join(MISSING)} missing: make setup installs them"
    if os.environ.get("PANEL") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def profile_of(entry: str, shape: tuple[int, ...]) -> Profile:
    return cspbench.profile(entry, shape)


def counts_of(model: PanelModel) -> Counts:
    counts = profile_of(f"timm:{model.name}", model.shape).counts
    assert counts is not None
    return counts


def name_of(model: PanelModel) -> str:
    return model.name


def test_the_panel_has_75_models() -> None:
    """Each by a name of its own."""
    assert len({model.name for model in MODELS}) == 75


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_parameters_are_those_that_timm_publishes(model: PanelModel) -> None:
    """To the unit as fvcore counts them, and rounded as published."""
    counts = counts_of(model)
    assert counts.params == model.params
    assert f"{counts.params / 1e6:.2f}" == model.published.params


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_macs_and_activations_are_fvcores_by_operator(model: PanelModel) -> None:
    """Convolutions and fully connected layers, and products of activations, each to the unit."""
    counts, by_operator = counts_of(model), model.macs
    layers, products, activations = DIFFERENCES.get(model.name, (0, 0, 0))
    assert counts.macs == by_operator["conv"] + by_operator["linear"] + layers
    assert counts.matmul_macs == by_operator["matmul"] + products
    assert counts.activations == (
        model.activations["conv"] + model.activations["linear"] + activations
    )


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_published_gmacs_are_met_by_their_convention(model: PanelModel) -> None:
    """To the two decimals that are published, with the pooling that fvcore adds to it."""
    missed = sum(DIFFERENCES.get(model.name, (0, 0, 0))[:2])
    pooling = model.macs["adaptive_avg_pool2d"] + model.macs["upsample_nearest2d"]
    total = counts_of(model).fvcore_macs
    assert total is not None
    gmacs = (total - missed + pooling) / 1e9
    assert f"{gmacs:.2f}" == model.published.gmacs


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_every_model_has_a_tensor_peak(model: PanelModel) -> None:
    """Its weights and its input at least."""
    peak = profile_of(f"timm:{model.name}", model.shape).tensor_peak
    assert peak is not None
    assert peak.split.weights == 4 * model.params
    assert peak.peak_tensor_bytes > 4 * (model.params + 3 * model.size**2)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_of_torchvision_have_their_published_counts_and_a_peak(name: str) -> None:
    """Parameters to the unit, MACs to the three decimals that the library publishes."""
    from torchvision.models import get_model_weights

    arguments = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    profile = cspbench.profile(f"torchvision:{name}", (1, 3, 224, 224), arguments=dict(arguments))
    published = get_model_weights(name).DEFAULT.meta
    counts, peak = profile.counts, profile.tensor_peak
    assert counts is not None
    assert counts.matmul_macs is not None
    assert peak is not None
    assert counts.params == published["num_params"]
    assert f"{(counts.macs + counts.matmul_macs) / 1e9:.3f}" == f"{published['_ops']:.3f}"
    assert peak.split.weights == 4 * counts.params
