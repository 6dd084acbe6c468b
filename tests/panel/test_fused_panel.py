"""The fused form of RepVGG from timm, with the counts that timm publishes of both forms."""

import importlib.util
import os

import panel_models
import pytest
import torch

from cspbench.catalogue import find
from cspbench.measures.counts import counts_of
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.forms.fused import fuse
from cspbench.plan.case import make_case

MISSING = [name for name in ("timm", "torchvision") if importlib.util.find_spec(name) is None]


@pytest.fixture(autouse=True)
def _libraries() -> None:
    """Skip, or fail where the environment says ``PANEL=required``, if a library is missing."""
    if MISSING:
        reason = f"{' and '.join(MISSING)} missing: make setup installs them"
        if os.environ.get("PANEL") == "required":
            pytest.fail(reason)
        pytest.skip(reason)


def on_meta(device: str) -> Arguments:
    return Arguments((torch.empty(1, 3, 224, 224, device=device),), {})


@pytest.mark.parametrize(
    ("name", "merged", "figures"),
    [
        ("repvgg_a0", False, ("9.11", "1.52", "3.59")),
        ("repvgg_a0", True, ("8.31", "1.36", "1.79")),
        ("repvgg_b0", False, ("15.82", "3.41", "6.15")),
        ("repvgg_b0", True, ("14.34", "3.06", "3.07")),
    ],
)
def test_repvgg_has_the_published_counts(
    name: str, merged: bool, figures: tuple[str, str, str]
) -> None:
    """Parameters [M], GMACs and activations [M] at 224 x 224."""
    with torch.device("meta"):
        module = panel_models.timm_model(name)
    if merged:
        module, fusion = fuse(module, on_meta)
        assert fusion.methods == ("RepVggBlock.reparameterize",)
        assert not fusion.left
    case = make_case(find(f"timm:{name}"), {}, shape=(1, 3, 224, 224))
    counts = counts_of(Call(case, module, on_meta("meta"), "meta"))
    assert counts.fvcore_macs is not None
    assert figures == (
        f"{counts.params / 1e6:.2f}",
        f"{counts.fvcore_macs / 1e9:.2f}",
        f"{counts.activations / 1e6:.2f}",
    )
