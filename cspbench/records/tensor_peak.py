"""The exact peak of live tensor storages, and its parts by kind."""

from typing import ClassVar

import msgspec

from .base import Frozen, Name, Whole
from .measurement import Basis, Measurement


class Split(Frozen, frozen=True, kw_only=True):
    """Bytes of live tensor storages by kind.

    Buffers include all else that outlives a call: tensors in attributes and lists, and what a first
    call keeps.
    Storages created in the forward pass count as activations, in the backward pass as gradients.
    The optimizer's state exists before the step; other storages created in the optimizer's step
    (temporaries) count as other.
    """

    weights: Whole
    buffers: Whole
    inputs: Whole
    activations: Whole
    gradients: Whole
    optimizer_state: Whole
    other: Whole

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(msgspec.structs.astuple(self))


class TensorPeak(Measurement, frozen=True, kw_only=True, tag="tensor_peak", tag_field="kind"):
    """The highest sum of live tensor storages during one call, exact.

    The call follows a first one. ``split`` is the peak by kind. ``baseline_bytes`` is the sum
    before: weights, buffers, input, and in training the optimizer's state. ``operator`` and
    ``module`` say where the peak occurs; in the backward pass, ``module`` is the module whose
    forward created the running autograd node. ``module`` is '' for the whole model and for the
    optimizer's step.
    """

    exact: ClassVar = ("peak_tensor_bytes", "baseline_bytes")

    peak_tensor_bytes: Whole
    baseline_bytes: Whole
    split: Split
    operator: Name
    module: Name
    counted_on: Basis = "fake"
