"""The model summary of `show`: golden text for a small model."""

from pathlib import Path

import pytest
from torch import nn

import cspbench
from cspbench.report import summary

GOLDEN = Path(__file__).parent.parent / "golden"


def model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.Sequential(nn.SiLU())
    )


def test_the_summary_meets_its_golden_text() -> None:
    """Layers with shape, parameters, MACs and share; totals; both peaks; what was not counted."""
    records = [cspbench.profile(model(), (2, 3, 8, 8), mode=mode) for mode in ("infer", "train")]
    golden = (GOLDEN / "summary.txt").read_text(encoding="utf-8")
    assert summary.text(records) + "\n" == golden


@pytest.mark.parametrize("entry", ["dense", "c3"])
def test_no_layer_table_is_wider_than_100_columns(entry: str) -> None:
    """A terminal's width, for every entry that nests deepest."""
    text = str(cspbench.profile(entry))
    assert max(len(line) for line in text.splitlines()) <= 100
