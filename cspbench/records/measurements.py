"""Measurements of single cases: one type for each measure, each a line of ``records.jsonl``.

Suffixes carry base units. A missing reading is a `Failure` with its reason, never 0 and never an
absent key.
"""

from typing import Annotated, ClassVar, Literal, get_args

import msgspec

from .base import (
    MAX_REASON,
    Amount,
    Failure,
    Frozen,
    Joules,
    Name,
    Reason,
    Seconds,
    Share,
    Whole,
    bound_texts,
)
from .deployment import Deployment
from .gradient_terms import Structure
from .layers import Disagreement, Layer, Uncounted
from .machine import PowerSensor
from .measurement import Basis, Measurement
from .memory_series import MemorySeries
from .tensor_peak import TensorPeak
from .traffic import Traffic


class Counts(Measurement, frozen=True, kw_only=True, tag="counts", tag_field="kind"):
    """Counts of one call after a first one: of a forward pass, and in training of the backward.

    ``params``: all trainable parameters; ``frozen_params``: all others. ``weights``: elements of
    convolution and fully connected weights only. ``macs``: multiply-accumulates of convolutions and
    fully connected layers, without bias, wherever their weights come from. ``matmul_macs``: those
    of all other products, above all attention's; None in runs of versions that did not count them.
    ``fvcore_macs``: both, and operations of normalisation (2 an element of BatchNorm, 5 of other
    norms), as fvcore and timm publish GMACs; pooling, which they add, is left out. ``thop_macs``:
    thop's total, which adds operations of normalisation and pooling. ``flops``: by torch's counter,
    forward; ``backward_flops`` likewise, None at inference. ``activations``: output elements of
    convolutions and fully connected layers. ``cio``: input plus output elements, summed over
    convolutions (after HarDNet). Elements count once, complex ones too. ``layers`` are in order of
    registration.
    """

    exact: ClassVar = (
        "params",
        "weights",
        "macs",
        "matmul_macs",
        "thop_macs",
        "flops",
        "backward_flops",
        "activations",
        "cio",
    )

    params: Whole
    frozen_params: Whole = 0
    weights: Whole
    macs: Whole
    matmul_macs: Whole | None = None
    fvcore_macs: Whole | None = None
    thop_macs: Whole | Failure
    flops: Whole
    backward_flops: Whole | None
    activations: Whole
    cio: Whole
    uncounted: tuple[Uncounted, ...]
    disagreements: tuple[Disagreement, ...]
    layers: tuple[Layer, ...]
    counted_on: Basis = "meta"


class Allocated(Measurement, frozen=True, kw_only=True, tag="allocated", tag_field="kind"):
    """Peaks of one call on real tensors.

    ``peak_tensor_bytes``: as in `TensorPeak`, on real tensors. ``peak_alloc_bytes``: the peak of
    allocated bytes, workspaces inside operators included; it depends on the thread count. On a GPU
    also ``baseline_alloc_bytes``, allocated before the call (workspaces that libraries keep
    included), ``peak_requested_bytes``, before the allocator rounds requests up to its blocks, and
    ``peak_reserved_bytes``, the device memory that the allocator held.

    ``compile_s`` is how much longer the first two calls of a compiled module took than two later
    ones, without a cache of earlier compilations. ``is_one_graph`` says whether the compiler took
    in the whole module, leaving no part to Python. Both are None in eager mode.

    ``observed_only``: at inference on a CPU, the operators that were called more often while the
    tensor peak was taken than in a call that torch's profiler alone recorded. If there are any, the
    model takes another path while it is observed, and its exact figures are of that path.
    """

    peak_tensor_bytes: Whole
    peak_alloc_bytes: Whole | Failure
    baseline_alloc_bytes: Whole | None = None
    peak_requested_bytes: Whole | None = None
    peak_reserved_bytes: Whole | None = None
    compile_s: Seconds | None = None
    is_one_graph: bool | None = None
    observed_only: tuple[Name, ...] = ()


class Graph(Measurement, frozen=True, kw_only=True, tag="graph", tag_field="kind"):
    """The GPU memory that a CUDA graph of one call keeps, or why none can be captured."""

    graph_bytes: Whole | Failure


class EnergyWindow(Frozen, frozen=True, kw_only=True):
    """The energy of a whole GPU over ``seconds`` in which it made ``calls``, by two ways.

    ``counter_j`` is the difference of NVML's energy counter, ``power_j`` the integral of power
    readings.
    """

    calls: Whole
    seconds: Seconds
    counter_j: Joules | Failure
    power_j: Joules | Failure


class Energy(Measurement, frozen=True, kw_only=True, tag="energy", tag_field="kind"):
    """The energy that a GPU takes while it makes calls back to back, or why it cannot be read.

    ``windows`` follow each other; in ``idle``, before them, there was no call. ``power_sensor``
    says whether readings of power are of an instant or an average over about a second.
    ``counter_period_s`` and ``power_period_s`` are the median times between two changes of what is
    read, None where it changed less than twice. ``others`` is the number of other processes on the
    device, whose energy is included.
    """

    windows: tuple[EnergyWindow, ...] | Failure
    idle: EnergyWindow | None = None
    power_sensor: PowerSensor | Failure | None = None
    counter_period_s: Seconds | None = None
    power_period_s: Seconds | None = None
    others: Whole | Failure | None = None


class Resident(Measurement, frozen=True, kw_only=True, tag="resident", tag_field="kind"):
    """The operating system's high-water mark during one call, above a baseline.

    The baseline is a warmed-up process without a model. The allocator maps every block, so that
    freed memory leaves the process.
    """

    peak_rss_bytes: Whole | Failure


class GradientTerms(Measurement, frozen=True, kw_only=True, tag="gradient_terms", tag_field="kind"):
    """The gradient terms of a case; ``is_block`` if it maps one (N, C, H, W) to another."""

    exact: ClassVar = ("used_terms", "shared_terms")

    structure: Structure
    is_block: bool
    counted_on: Basis = "meta"

    @property
    def used_terms(self) -> int:
        """The number of terms over all weights, see `Structure.used_terms`."""
        return self.structure.used_terms

    @property
    def reuse(self) -> float:
        """The mean number of updates that a term takes part in."""
        return self.structure.reuse

    @property
    def shared_terms(self) -> int:
        """The number of terms that weights of more than one part of a split read."""
        return self.structure.shared_terms


class UnsharedWeights(Frozen, frozen=True, kw_only=True):
    """Why one build cannot take the other's weights: what their state dicts ``differ_in``.

    ``detail`` names a tensor, or says how many tensors there are, on either side.
    """

    differ_in: tuple[Literal["number", "name", "shape"], ...]
    detail: Reason

    def __post_init__(self) -> None:
        """Bound the detail."""
        bound_texts(self, detail=MAX_REASON)


class Equivalence(Measurement, frozen=True, kw_only=True, tag="equivalence", tag_field="kind"):
    """Whether two builds of a case compute the same from the same weights and input.

    ``distance`` is the largest difference of two output elements over its tolerance, ``atol`` +
    ``rtol`` * magnitude: at most 1 if they are equal, None if they could not be compared.
    ``reason`` says why they could not, or which outputs differ in type or in exact values.
    ``weights`` is ``shared`` if one build took the other's, ``seeded`` if both were initialised
    from the same seed; ``unshared`` then says why, None in runs of versions that did not record it.
    ``nans`` counts elements that are NaN in both, which are equal.
    """

    is_equal: bool
    distance: Annotated[float, msgspec.Meta(ge=0)] | None
    rtol: Share
    atol: Amount
    weights: Literal["shared", "seeded"]
    reason: Reason = ""
    nans: Whole = 0
    unshared: UnsharedWeights | None = None

    def __post_init__(self) -> None:
        """Bound the reason."""
        bound_texts(self, reason=MAX_REASON)


class DiskSize(Measurement, frozen=True, kw_only=True, tag="disk_size", tag_field="kind"):
    """The bytes of a model's weights as `torch.save` and safetensors store them, less headers."""

    exact: ClassVar = ("disk_bytes",)

    disk_bytes: Whole | Failure
    counted_on: Basis = "fake"


AnyMeasurement = (
    Counts
    | TensorPeak
    | MemorySeries
    | Allocated
    | Graph
    | Energy
    | Resident
    | GradientTerms
    | Equivalence
    | DiskSize
    | Deployment
    | Traffic
)
MEASUREMENTS: tuple[type[Measurement], ...] = get_args(AnyMeasurement)

EXACT: tuple[str, ...] = tuple(name for kind in MEASUREMENTS for name in kind.exact)
"""Fields that are the same in every run of the same code; more is worse, less is better."""


def stage_of(kind: type[Measurement]) -> str:
    """The stage whose measurements have the type ``kind``."""
    return str(kind.__struct_config__.tag)
