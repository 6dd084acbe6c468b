"""The parts of a model's counts: its modules, and what a counter does not cover or disagrees on."""

from typing import Literal

from ..catalogue.entry import Shape
from .base import MAX_REASON, Frozen, Name, Reason, Whole, bound_texts


class Layer(Frozen, frozen=True, kw_only=True):
    """One module of the model.

    ``path`` is its dotted name ('' for the whole model). ``params`` counts its trainable parameters
    without those of its children, a shared one in the first module that holds it; ``macs`` likewise
    counts convolutions and fully connected layers that ran directly in it, ``matmul_macs`` other
    products. ``output_shape`` is None for a module that was never called; ``calls``
    counts forward calls.
    """

    path: Name
    type: Name
    output_shape: Shape | None
    params: Whole
    macs: Whole
    matmul_macs: Whole = 0
    calls: Whole

    @property
    def products(self) -> int:
        """The MACs of all products."""
        return self.macs + self.matmul_macs


class Uncounted(Frozen, frozen=True, kw_only=True):
    """An operator or module that ``counter`` does not count; it ran ``calls`` times."""

    counter: Literal["thop", "torch", "cspbench"]
    name: Name
    calls: Whole
    reason: Reason

    def __post_init__(self) -> None:
        """Bound the reason."""
        bound_texts(self, reason=MAX_REASON)


class Disagreement(Frozen, frozen=True, kw_only=True):
    """A module for which thop's MACs differ from torch's FLOPs / 2, and why."""

    path: Name
    type: Name
    thop_macs: Whole
    torch_macs: Whole
    explanation: Reason

    def __post_init__(self) -> None:
        """Bound the explanation."""
        bound_texts(self, explanation=MAX_REASON)
