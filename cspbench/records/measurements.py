"""What is measured of a case by itself: one type a measure, each a line of ``records.jsonl``.

Suffixes carry base units. What could not be read is a `Failure` with its reason, never 0 and never
an absent key.
"""

from typing import ClassVar, Literal, get_args

import msgspec

from ..catalogue.entry import Shape
from .base import Failure, Frozen, Seconds, Whole
from .gradient_terms import Structure


class Measurement(Frozen, frozen=True, kw_only=True):
    """The result of one measure of the case whose key is ``case``.

    ``exact`` names the fields that the same code has in every run.
    """

    exact: ClassVar[tuple[str, ...]] = ()

    case: str

    @property
    def stage(self) -> str:
        """The name of the measure, which is the record's tag on disk."""
        return str(self.__struct_config__.tag)


class Layer(Frozen, frozen=True, kw_only=True):
    """One module of the model, in order of registration.

    ``path`` is its dotted name ('' for the whole model). ``params`` are its own trainable
    parameters, those of its children left out; ``macs`` likewise are of the convolutions and fully
    connected layers that ran directly in it. ``output_shape`` is None for a module that was never
    called; ``calls`` counts forward calls.
    """

    path: str
    type: str
    output_shape: Shape | None
    params: Whole
    macs: Whole
    calls: Whole


class Uncounted(Frozen, frozen=True, kw_only=True):
    """An operator or module that a counter could not see: ``name`` ran ``calls`` times."""

    counter: Literal["thop", "torch", "cspbench"]
    name: str
    calls: Whole
    reason: str


class Disagreement(Frozen, frozen=True, kw_only=True):
    """A module where thop's MACs differ from torch's FLOPs / 2, and the explanation by name."""

    path: str
    type: str
    thop_macs: Whole
    torch_macs: Whole
    explanation: str


class Counts(Measurement, frozen=True, kw_only=True, tag="counts", tag_field="kind"):
    """What is counted from one forward pass on meta tensors (and, in training, the backward).

    ``params``: all trainable parameters. ``weights``: elements of convolution and fully connected
    weights only. ``macs``: multiply-accumulates of convolutions and fully connected layers, bias
    left out. ``thop_macs``: thop's own total, which adds operations of normalisation and pooling.
    ``flops``: torch's counter, forward; ``backward_flops`` likewise, None at inference.
    ``activations``: output elements of convolutions and fully connected layers. ``cio``: input
    plus output elements, summed over convolutions (after HarDNet).
    """

    exact: ClassVar = (
        "params",
        "weights",
        "macs",
        "thop_macs",
        "flops",
        "backward_flops",
        "activations",
        "cio",
    )

    params: Whole
    weights: Whole
    macs: Whole
    thop_macs: Whole | Failure
    flops: Whole
    backward_flops: Whole | None
    activations: Whole
    cio: Whole
    uncounted: tuple[Uncounted, ...]
    disagreements: tuple[Disagreement, ...]
    layers: tuple[Layer, ...]


class Split(Frozen, frozen=True, kw_only=True):
    """Bytes of live tensor storages by what they are; their sum is the whole.

    What arises in the forward pass counts as activations, in the backward as gradients. The
    optimizer's state stands before the step; what arises in the optimizer's step and is not its
    state (temporaries) counts as other.
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
    """The highest sum of live tensor storages in one call, exact, from fake tensors.

    ``split`` is the peak by kind; ``baseline_bytes`` is what stands before the call (weights,
    buffers, input, and in training the optimizer's state). ``operator`` and ``module`` say where
    the peak stands: in the backward pass, ``module`` is the one whose forward made the autograd
    node that runs; the module itself and the optimizer's step are ''.
    """

    exact: ClassVar = ("peak_tensor_bytes", "baseline_bytes")

    peak_tensor_bytes: Whole
    baseline_bytes: Whole
    split: Split
    operator: str
    module: str


class Allocated(Measurement, frozen=True, kw_only=True, tag="allocated", tag_field="kind"):
    """Peaks of one call on real tensors.

    ``peak_tensor_bytes``: as in `TensorPeak`, on real tensors. ``peak_alloc_bytes``: what the
    allocator had given out, workspaces inside operators included; it depends on the thread count.
    On a GPU also ``baseline_alloc_bytes``, what it had given out before the call (what libraries
    keep as workspace included), ``peak_requested_bytes``, what was asked of it before it rounded up
    to its blocks, and ``peak_reserved_bytes``, what it held of the device at most.

    ``compile_s`` is what the first two calls of a compiled module took beyond two later ones,
    without any cache of earlier compilations; ``is_one_graph`` whether the compiler took all of the
    module in, rather than leave parts of it to Python. Both are None where the module runs as it
    is.
    """

    peak_tensor_bytes: Whole
    peak_alloc_bytes: Whole | Failure
    baseline_alloc_bytes: Whole | None = None
    peak_requested_bytes: Whole | None = None
    peak_reserved_bytes: Whole | None = None
    compile_s: Seconds | None = None
    is_one_graph: bool | None = None


class Graph(Measurement, frozen=True, kw_only=True, tag="graph", tag_field="kind"):
    """A CUDA graph of one call: what it keeps of the GPU's memory, or why none can be captured."""

    graph_bytes: Whole | Failure


class Resident(Measurement, frozen=True, kw_only=True, tag="resident", tag_field="kind"):
    """The operating system's high-water mark of one call and what it needs, above the baseline.

    The baseline is a warmed-up process that holds no model; the allocator maps every block.
    """

    peak_rss_bytes: Whole | Failure


class GradientTerms(Measurement, frozen=True, kw_only=True, tag="gradient_terms", tag_field="kind"):
    """The gradient terms of a case. ``is_block``: it returns one feature map (N, C, H, W)."""

    exact: ClassVar = ("used_terms", "shared_terms")

    structure: Structure
    is_block: bool

    @property
    def used_terms(self) -> int:
        """Terms over all weights: what each reads, and its own outputs."""
        return self.structure.used_terms

    @property
    def reuse(self) -> float:
        """In how many updates a term takes part, on average."""
        return self.structure.reuse

    @property
    def shared_terms(self) -> int:
        """Terms that more than one side of a split reads, over all splits."""
        return self.structure.shared_terms


class Equivalence(Measurement, frozen=True, kw_only=True, tag="equivalence", tag_field="kind"):
    """Whether two builds of a case compute the same from the same weights and input.

    ``distance`` is the largest distance of an output's element over what is tolerated of it
    (``atol`` + ``rtol`` * its size): at most 1 where they are equal; None where nothing could be
    compared, and ``reason`` says why. ``weights``: ``shared`` where one could take the other's,
    ``seeded`` where both only began from the same seed.
    """

    is_equal: bool
    distance: float | None
    rtol: float
    atol: float
    weights: Literal["shared", "seeded"]
    reason: str = ""


class DiskSize(Measurement, frozen=True, kw_only=True, tag="disk_size", tag_field="kind"):
    """Bytes of a model's weights as `torch.save` and safetensors store them, headers left out."""

    exact: ClassVar = ("disk_bytes",)

    disk_bytes: Whole | Failure


AnyMeasurement = (
    Counts | TensorPeak | Allocated | Graph | Resident | GradientTerms | Equivalence | DiskSize
)
MEASUREMENTS: tuple[type[Measurement], ...] = get_args(AnyMeasurement)

EXACT: tuple[str, ...] = tuple(name for kind in MEASUREMENTS for name in kind.exact)
"""Fields that the same code has in every run; more is worse, less is better."""
