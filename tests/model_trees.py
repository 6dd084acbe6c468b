"""Trees of somebody's code: a package of two modules, and a case of its block."""

from pathlib import Path

from cspbench.catalogue import find
from cspbench.plan.case import Case, make_case

MODULE = """
import torch
from torch import nn
from .parts import layer

class Block(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first = layer(8, width)
        {more}

    def forward(self, x):
        x = self.first(x)
        {forward}
        return x {scaled}
"""

TWO_MORE = "self.more = nn.Sequential(layer(width, width), layer(width, width))"


def write_tree(folder: Path, *, more: str = "", forward: str = "", scaled: str = "") -> None:
    """A package whose module imports a sibling by a relative import."""
    package = folder / "src" / "mine"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(
        "from torch import nn\n\n"
        "def layer(inputs, outputs):\n"
        "    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)\n"
    )
    (package / "blocks.py").write_text(MODULE.format(more=more, forward=forward, scaled=scaled))


def make_tree_case(**overrides: int) -> Case:
    return make_case(find("mine.blocks:Block"), dict(overrides), shape=(1, 8, 6, 6))
