"""The fused form of CNNs from timm: what is merged of each, and how far off its outputs are.

    python bench/fused_timm.py [NAME ...] [--img-size 224] [--double]

Weights are random. Each norm has the statistics of its own input, and random weights and biases,
so that activations neither vanish nor grow as layers follow on each other. Exits with 1 if an error
exceeds the tolerance: the largest difference of an output over the largest magnitude. With
``--double``, what remains of an error is that of a fold, as rounding hardly adds to it.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import panel_models
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from cspbench.catalogue import find
from cspbench.measures.counts import counts_of
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.copying import copy_with
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.execution.placement import place_on_meta
from cspbench.measures.forms.fused import fuse
from cspbench.plan.case import make_case
from cspbench.records.deployment import Fusion
from cspbench.records.measurements import Counts

PANEL = Path(panel_models.__file__)
TOLERANCE = 1e-4
MODELS = """
    convmixer_768_32 cs3darknet_m cspdarknet53 cspresnet50 darknet53 densenet121 dla34 dpn68
    edgenext_x_small efficientnet_b0 ese_vovnet19b_dw fastvit_t8 fbnetc_100 ghostnet_100
    ghostnetv2_100 ghostnetv3_100 hardcorenas_a hgnetv2_b0 hrnet_w18_small inception_v3 lcnet_050
    legacy_seresnet18 levit_128s mixnet_s mnasnet_100 mobilenetv2_100 mobilenetv3_large_100
    mobilenetv4_conv_small mobileone_s0 regnetx_002 regnety_004 repghostnet_050 repvgg_a0 repvgg_b0
    repvit_m1 res2net50_26w_4s resnet18 resnet50 resnetv2_50 resnext50_32x4d rexnet_100
    selecsls42b semnasnet_075 shvit_s1 skresnet18 spnasnet_100 tf_efficientnet_b0 tf_mixnet_s
    tinynet_a tiny_vit_5m_224 vgg11_bn xception41
""".split()  # noqa: SIM905 -- a list would be fifty lines


class Row(NamedTuple):
    """A model's fusion, the error of its outputs, and its counts before and after."""

    name: str
    fusion: Fusion
    error: float
    sqnr_db: float
    before: Counts
    after: Counts


def main() -> int:
    """Fuse the models, print what came of it, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=MODELS, help="models (a list of its own)")
    parser.add_argument("--img-size", type=int, help="height and width (those of each model)")
    parser.add_argument("--double", action="store_true", help="compute in double precision")
    options = parser.parse_args()
    torch.set_default_dtype(torch.float64 if options.double else torch.float32)
    rows = []
    for name in options.names:
        row = fused(name, options.img_size)
        rows.append(row)
        print("\n".join(_lines(row)), flush=True)
    errors = sorted(row.error for row in rows)
    far = [row.name for row in rows if not row.error <= TOLERANCE]
    print(
        f"{len(rows)} models: errors from {errors[0]:.1e} to {errors[-1]:.1e}, median "
        f"{statistics.median(errors):.1e}; SQNR from {min(row.sqnr_db for row in rows):.0f} dB; "
        f"above {TOLERANCE:.0e}: {', '.join(far) or 'none'}"
    )
    return 1 if far else 0


@torch.no_grad()
def fused(name: str, img_size: int | None = None) -> Row:
    """Fuse the model of timm called ``name`` on one image."""
    torch.manual_seed(0)
    model = panel_models.timm_model(name).eval()
    config: dict[str, tuple[int, int, int]] = model.pretrained_cfg  # type: ignore[assignment]
    size = img_size or config["input_size"][-1]
    images = _images(4, size)
    _vary_norms(model, images)
    image = images[:1]
    expected, before = model(image), _counts(name, model, image)
    model, fusion = fuse(model, lambda device: Arguments((image.to(device),), {}))
    actual = model(image)
    difference = (expected - actual).double()
    noise = float(difference.square().sum())
    power = float(expected.double().square().sum())
    return Row(
        name=name,
        fusion=fusion,
        error=float(difference.abs().max() / expected.abs().max()),
        sqnr_db=10 * math.log10(power / noise) if noise else math.inf,
        before=before,
        after=_counts(name, model, image),
    )


def _images(number: int, size: int) -> Tensor:
    """Images of colours and patches of their own, so that their features differ, too."""
    colours, patches = torch.randn(number, 3, 1, 1), torch.randn(number, 3, 7, 7)
    noise = torch.randn(number, 3, size, size)
    return colours + functional.interpolate(patches, size=(size, size), mode="bilinear") + noise / 4


def _vary_norms(model: nn.Module, images: Tensor) -> None:
    """Give each norm the statistics of its input, and random weights and biases."""

    def vary(norm: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].transpose(0, 1).flatten(1)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(x.mean(1))
        norm.running_var.copy_(x.var(1))
        if norm.affine:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.3)

    norms = [child for child in model.modules() if isinstance(child, _BatchNorm)]
    handles = [norm.register_forward_pre_hook(vary) for norm in norms]
    model(images)
    for handle in handles:
        handle.remove()


def _counts(name: str, model: nn.Module, image: Tensor) -> Counts:
    shape = tuple(image.shape)
    case = make_case(find(f"{PANEL}:timm_model"), {"name": name}, shape=shape)
    arguments = Arguments((image.to("meta"),), {})
    return counts_of(Call(case, copy_with(model, place_on_meta()), arguments, "meta"))


def _millions(counts: Counts) -> float:
    """All parameters: those that a model's own method makes may be frozen."""
    return (counts.params + counts.frozen_params) / 1e6


def _lines(row: Row) -> Iterator[str]:
    fusion, before, after = row.fusion, row.before, row.after
    assert before.fvcore_macs is not None
    assert after.fvcore_macs is not None
    yield (
        f"{row.name:24} {fusion.folded:4} folded {sum(fusion.left.values()):3} left "
        f"{row.error:8.1e} {row.sqnr_db:4.0f} dB "
        f"{_millions(before):6.2f} -> {_millions(after):6.2f} M "
        f"{before.fvcore_macs / 1e9:5.2f} -> {after.fvcore_macs / 1e9:5.2f} GMACs "
        f"{before.activations / 1e6:5.2f} -> {after.activations / 1e6:5.2f} M activations"
    )
    if fusion.methods:
        yield f"    by {', '.join(fusion.methods)}"
    for reason, number in fusion.left.items():
        yield f"    {number} left: {reason}"


if __name__ == "__main__":
    sys.exit(main())
