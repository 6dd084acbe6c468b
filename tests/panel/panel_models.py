"""The panel: 75 models of timm with the figures that timm publishes and those of fvcore.

``models.csv`` holds, by model and image size, timm's published parameters [M], GMACs and
activations [M] (its repository's results/benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv;
starnet_s1 from benchmark-infer-amp-nchw-pt291-cu128-4090.csv), and what fvcore 0.1.5.post20221221
counts on the models of timm 1.0.31, by operator, with attention unfused: parameters, MACs, then
activations. ``write_figures.py`` writes the columns of fvcore anew.

As an entry, ``tests/panel/panel_models.py:timm_model`` and ``torchvision_model`` build the models
where torchvision is not the build that torch needs, too.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from torch import nn
from torchvision_operators import define_missing_operators

FILE = Path(__file__).parent / "models.csv"

CLASSIFIERS = (
    "convnext_tiny",
    "efficientnet_b0",
    "googlenet",
    "maxvit_t",
    "regnet_y_400mf",
    "shufflenet_v2_x1_0",
    "swin_t",
    "vit_b_32",
)
"""Models of torchvision that take 224 x 224 images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """Figures as timm publishes them: millions, 10^9 MACs, millions; rounded to two decimals."""

    params: str
    gmacs: str
    mact: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelModel:
    """A model, its input's height and width, and fvcore's figures by operator."""

    name: str
    size: int
    published: Published
    params: int
    macs: dict[str, int]
    activations: dict[str, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, 3, H, W)."""
        return (1, 3, self.size, self.size)


def panel() -> tuple[PanelModel, ...]:
    """All models, in the file's order."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_model(row) for row in csv.DictReader(file))


def _model(row: dict[str, str]) -> PanelModel:
    published = {name: row.pop(f"published_{name}") for name in ("params", "gmacs", "mact")}
    name, size, params = row.pop("model"), int(row.pop("size")), int(row.pop("params"))
    suffix = "_activations"
    return PanelModel(
        name=name,
        size=size,
        published=Published(**published),
        params=params,
        macs={key: int(value) for key, value in row.items() if not key.endswith(suffix)},
        activations={
            key.removesuffix(suffix): int(value)
            for key, value in row.items()
            if key.endswith(suffix)
        },
    )


def timm_model(name: str) -> nn.Module:
    """The model of timm with that name, initialised anew."""
    define_missing_operators()
    import timm

    model: nn.Module = timm.create_model(name)
    return model


def torchvision_model(name: str) -> nn.Module:
    """The classifier of torchvision with that name, initialised anew, as its weights expect it."""
    define_missing_operators()
    from torchvision.models import get_model

    options = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    model: nn.Module = get_model(name, weights=None, **options)
    return model
