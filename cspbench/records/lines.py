"""What is measured, as typed values; a line of ``records.jsonl`` each.

Nothing here imports torch. Suffixes carry base units. What could not be read is a `Failure` with
its reason, never 0 and never an absent key.
"""

from typing import Annotated, Literal, Self

import msgspec

from ..catalogue.entry import Shape
from .base import Frozen, Share, Whole
from .gradient_terms import Structure
from .trainings import Training

YARDSTICK = "yardstick"

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Samples = Annotated[tuple[Seconds, ...], msgspec.Meta(min_length=1)]


Cause = Literal["raised", "absent", "out_of_memory", "signal", "timeout", "exited", "too_large"]
Stage = Literal[
    "counts",
    "disk_size",
    "tensor_peak",
    "allocated",
    "graph",
    "resident",
    "latency",
    "gradient_terms",
    "training",
]
COSTS: tuple[Stage, ...] = ("counts", "tensor_peak", "allocated", "resident", "latency")
"""What a run measured whose ``run.json`` names no stages."""

CONTENDED = 0.05
"""A launch that lost more than this share of its processor time to others is contended."""


EXACT_COUNTS = (
    "params",
    "weights",
    "macs",
    "thop_macs",
    "flops",
    "backward_flops",
    "activations",
    "cio",
)
EXACT_PEAKS = ("peak_tensor_bytes", "baseline_bytes")
EXACT_TERMS = ("used_terms", "shared_terms")
EXACT = (*EXACT_COUNTS, *EXACT_PEAKS, *EXACT_TERMS)
"""Fields of `Counts`, `TensorPeak` and `GradientTerms` that the same code has in every run."""

OF_TRAININGS = ("parts_cka", "mean_cka", "relative_rank", "accuracy")
"""What is compared of trainings: fields of the last `Reading`."""


class Failure(Frozen, frozen=True, kw_only=True):
    """A reading that is missing, and why."""

    reason: str


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


class Counts(Frozen, frozen=True, kw_only=True, tag="counts", tag_field="kind"):
    """What is counted from one forward pass on meta tensors (and, in training, the backward).

    ``params``: all trainable parameters. ``weights``: elements of convolution and fully connected
    weights only. ``macs``: multiply-accumulates of convolutions and fully connected layers, bias
    left out. ``thop_macs``: thop's own total, which adds operations of normalisation and pooling.
    ``flops``: torch's counter, forward; ``backward_flops`` likewise, None at inference.
    ``activations``: output elements of convolutions and fully connected layers. ``cio``: input
    plus output elements, summed over convolutions (after HarDNet).
    """

    case: str
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


class DiskSize(Frozen, frozen=True, kw_only=True, tag="disk_size", tag_field="kind"):
    """Bytes of a model's weights as `torch.save` and safetensors store them, headers left out."""

    case: str
    disk_bytes: Whole


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


class TensorPeak(Frozen, frozen=True, kw_only=True, tag="tensor_peak", tag_field="kind"):
    """The highest sum of live tensor storages in one call, exact, from fake tensors.

    ``split`` is the peak by kind; ``baseline_bytes`` is what stands before the call (weights,
    buffers, input, and in training the optimizer's state). ``operator`` and ``module`` say where
    the peak stands: in the backward pass, ``module`` is the one whose forward made the autograd
    node that runs; the module itself and the optimizer's step are ''.
    """

    case: str
    peak_tensor_bytes: Whole
    baseline_bytes: Whole
    split: Split
    operator: str
    module: str


class Allocated(Frozen, frozen=True, kw_only=True, tag="allocated", tag_field="kind"):
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

    case: str
    peak_tensor_bytes: Whole
    peak_alloc_bytes: Whole | Failure
    baseline_alloc_bytes: Whole | None = None
    peak_requested_bytes: Whole | None = None
    peak_reserved_bytes: Whole | None = None
    compile_s: Seconds | None = None
    is_one_graph: bool | None = None


class Graph(Frozen, frozen=True, kw_only=True, tag="graph", tag_field="kind"):
    """A CUDA graph of one call: what it keeps of the GPU's memory, or why none can be captured."""

    case: str
    graph_bytes: Whole | Failure


class Resident(Frozen, frozen=True, kw_only=True, tag="resident", tag_field="kind"):
    """The operating system's high-water mark of one call and what it needs, above the baseline.

    The baseline is a warmed-up process that holds no model; the allocator maps every block.
    """

    case: str
    peak_rss_bytes: Whole | Failure


class Latency(Frozen, frozen=True, kw_only=True, tag="latency", tag_field="kind"):
    """Samples of one case in one launch: one a turn, in seconds per iteration.

    ``first_call_s`` is the first call's time; ``warmup_iterations`` ran untimed before the turns,
    and ``steady`` says whether warm-up ended on steadiness rather than at its cap.

    On a GPU ``samples_s`` are by its own events, ``host_samples_s`` of the same iterations by the
    host's clock, until the device is idle again (None on a CPU, and where the cache is flushed in
    between); ``issued_share`` is the part of a single call's time after which the host had handed
    it over (median): near 1, the device waited for the host. ``graph_samples_s`` are of the same
    work as a replayed CUDA graph. ``throttled`` counts the samples in which something held the
    clocks down.
    """

    case: str
    launch: Whole
    samples_s: Samples
    iterations: Whole
    first_call_s: Seconds
    warmup_iterations: Whole
    steady: bool
    host_samples_s: Samples | None = None
    issued_share: Share | None = None
    graph_samples_s: Samples | Failure | None = None
    throttled: Whole = 0


class GradientTerms(Frozen, frozen=True, kw_only=True, tag="gradient_terms", tag_field="kind"):
    """The gradient terms of a case. ``is_block``: it returns one feature map (N, C, H, W)."""

    case: str
    structure: Structure
    is_block: bool

    @property
    def used_terms(self) -> int:
        """Terms over all weights: what each reads, and its own outputs."""
        return self.structure.used_terms

    @property
    def shared_terms(self) -> int:
        """Terms that more than one side of a split reads, over all splits."""
        return self.structure.shared_terms


class BlockTraining(Frozen, frozen=True, kw_only=True, tag="training", tag_field="kind"):
    """One training of a block, of one seed, inside a small classifier."""

    case: str
    training: Training


class Equivalence(Frozen, frozen=True, kw_only=True, tag="equivalence", tag_field="kind"):
    """Whether two builds of a case compute the same from the same weights and input.

    ``distance`` is the largest distance of an output's element over what is tolerated of it
    (``atol`` + ``rtol`` * its size): at most 1 where they are equal; None where nothing could be
    compared, and ``reason`` says why. ``weights``: ``shared`` where one could take the other's,
    ``seeded`` where both only began from the same seed.
    """

    case: str
    is_equal: bool
    distance: float | None
    rtol: float
    atol: float
    weights: Literal["shared", "seeded"]
    reason: str = ""


class Activity(Frozen, frozen=True, kw_only=True):
    """What a process and the others did on its cores while it took turns.

    ``threads`` could have been busy all of ``wall_s``: those that compute on a CPU, one beside a
    GPU. ``cpu_s`` is the process's own processor time, ``others_s`` that of all others on the
    cores that it may use, ``steal_s`` what the host of a virtual machine kept of them.
    ``queued_s`` is what its threads waited for a core, read beside a GPU only. Load averages are
    over one minute; the frequency is the mean over those cores.
    """

    threads: Whole
    wall_s: float
    cpu_s: float
    others_s: float | Failure
    steal_s: float | Failure
    load_before: float
    load_after: float
    mhz_before: float | Failure
    mhz_after: float | Failure
    queued_s: float | Failure | None = None

    @property
    def taken_share(self) -> float:
        """The share of its processor time that others, or the host, took.

        Beside a GPU what it waited for a core, where that could be read: it may sleep there. Else
        what it lacked, as far as others ran: a thread may also have waited.
        """
        if isinstance(self.queued_s, float):
            return min(1.0, self.queued_s / self.wall_s) if self.wall_s > 0 else 0.0
        wanted = self.wall_s * self.threads
        lacked = max(0.0, wanted - self.cpu_s)
        if not isinstance(self.others_s, Failure):
            stolen = 0.0 if isinstance(self.steal_s, Failure) else self.steal_s
            lacked = min(lacked, self.others_s + stolen)
        return lacked / wanted if wanted > 0 else 0.0


class GpuState(Frozen, frozen=True, kw_only=True):
    """A GPU at one moment, each reading or why it is missing.

    ``limits`` name what holds its clocks down; ``others`` counts the other processes on it.
    """

    sm_mhz: float | Failure
    memory_mhz: float | Failure
    celsius: float | Failure
    watts: float | Failure
    limits: tuple[str, ...] | Failure
    others: Whole | Failure

    @classmethod
    def unknown(cls, reason: Failure) -> Self:
        """A state of which nothing can be read."""
        return cls(**dict.fromkeys(cls.__struct_fields__, reason))


class GpuFlags(Frozen, frozen=True, kw_only=True):
    """The flags of torch's backends that a GPU's results depend on."""

    matmul_tf32: bool
    cudnn_tf32: bool
    cudnn_benchmark: bool
    deterministic: bool


class GpuActivity(Frozen, frozen=True, kw_only=True):
    """A GPU around the turns of a launch.

    ``limits`` name all that held its clocks down in any sample.
    ``empty_region_s`` is what two events with nothing between them read (median).
    """

    device: str
    before: GpuState
    after: GpuState
    limits: tuple[str, ...]
    empty_region_s: float
    flags: GpuFlags

    @property
    def others(self) -> int:
        """The most other processes that were seen on it."""
        seen = (self.before.others, self.after.others)
        return max((number for number in seen if isinstance(number, int)), default=0)


class Launch(Frozen, frozen=True, kw_only=True, tag="launch", tag_field="kind"):
    """One launch that ended well: a fresh process in which ``cases`` took turns.

    ``allocator`` is the mode in force. ``activity`` is of the turns; ``seconds`` are of the whole
    launch, building and warm-up included. ``gpu`` is None on a CPU.
    """

    launch: Whole
    cases: tuple[str, ...]
    seed: Whole
    threads: int
    allocator: Literal["pinned", "system"]
    activity: Activity
    seconds: float
    gpu: GpuActivity | None = None

    @property
    def is_contended(self) -> bool:
        """Whether others took so much of the cores, or ran on the GPU, that it does not count."""
        on_gpu = self.gpu is not None and self.gpu.others > 0
        return on_gpu or self.activity.taken_share > CONTENDED

    @property
    def is_throttled(self) -> bool:
        """Whether heat or power held the GPU's clocks down."""
        return self.gpu is not None and bool(self.gpu.limits)

    @property
    def is_disturbed(self) -> bool:
        """Whether the launch is to be repeated."""
        return self.is_contended or self.is_throttled


class CaseFailure(Frozen, frozen=True, kw_only=True, tag="failure", tag_field="kind"):
    """A case that could not be measured at a stage; ``reason`` is one line, ``detail`` the rest.

    ``requested_bytes`` is what was asked for where memory ran out, as far as it was told.
    """

    case: str
    stage: Stage
    cause: Cause
    reason: str
    launch: Whole | None = None
    detail: str = ""
    requested_bytes: Whole | None = None


Line = (
    Counts
    | DiskSize
    | TensorPeak
    | Allocated
    | Graph
    | Resident
    | Latency
    | Launch
    | GradientTerms
    | BlockTraining
    | Equivalence
    | CaseFailure
)
