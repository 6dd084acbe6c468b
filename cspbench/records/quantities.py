"""The quantities that a report can show of a case: their names, units and headers, as one table.

The most important come first, as a narrow page has room for few of them in one table.
A quantity with a ``stage`` is the field ``key`` of that measurement; the others are derived.
"""

from functools import partial

from .quantity import Quantity

MISSING = "–"
"""The cell of a missing figure."""

_exact = partial(Quantity, part="exact", form="whole")
_trained = partial(Quantity, part="trained", form="thousandths", interval=True, default="gradients")
_timed = partial(Quantity, part="timed", form="milliseconds")

QUANTITIES: tuple[Quantity, ...] = (
    _exact("params", "params", "all trainable parameters", stage="counts", default="always"),
    _exact(
        "macs",
        "MACs",
        "multiply-accumulates of convolutions and fully connected layers",
        stage="counts",
        default="always",
    ),
    _exact(
        "matmul_macs",
        "MACs, other\nproducts",
        "multiply-accumulates of all other products, above all attention's",
        stage="counts",
        default="always",
        nonzero=True,
    ),
    _exact(
        "peak_tensor_bytes",
        "peak tensor\nmemory [bytes]",
        "highest sum of live tensor storages in one call",
        stage="tensor_peak",
    ),
    _exact(
        "thop_macs",
        "MACs (thop)",
        "thop's total, which adds operations of normalisation and pooling",
        stage="counts",
    ),
    _exact("flops", "FLOPs", "torch's counter, forward pass", stage="counts", default="never"),
    _exact(
        "backward_flops",
        "FLOPs,\nbackward",
        "torch's counter, backward pass; in training only",
        stage="counts",
        default="never",
    ),
    _exact(
        "activations",
        "activations\n[elements]",
        "output elements of convolutions and fully connected layers",
        stage="counts",
    ),
    _exact(
        "cio",
        "CIO\n[elements]",
        "input plus output elements, summed over convolutions",
        stage="counts",
    ),
    _exact(
        "weights",
        "weights",
        "elements of convolution and fully connected weights only",
        stage="counts",
        default="never",
    ),
    _exact(
        "disk_bytes",
        "weights on\ndisk [bytes]",
        "parameters and persistent buffers as torch.save and safetensors store them",
        stage="disk_size",
        default="never",
    ),
    _exact(
        "baseline_bytes",
        "tensors before\nthe call [bytes]",
        "weights, buffers, input, and in training the optimizer's state",
        stage="tensor_peak",
        default="never",
    ),
    _exact(
        "traffic_bytes",
        "memory traffic\n[bytes]",
        "what a call's operators read and write at least: each input once, each output once",
        stage="traffic",
    ),
    _exact(
        "intensity",
        "intensity\n[FLOP/byte]",
        "FLOPs of a call's products over its memory traffic",
        form="significant",
    ),
    _exact(
        "top1",
        "top-1, as\npublished [%]",
        "accuracy as the suite states it, with its source in the notes; not measured here",
        form="tenths",
    ),
    _exact(
        "used_terms",
        "gradient\nterms used",
        "over all weights: terms that each reads, and its own outputs",
        stage="gradient_terms",
        default="gradients",
    ),
    _exact(
        "reuse",
        "updates\na term",
        "in how many updates a gradient term takes part, on average",
        form="ratio",
        stage="gradient_terms",
        default="gradients",
    ),
    _exact(
        "shared_terms",
        "terms shared\nacross cuts",
        "terms that weights on more than one side of a cut read",
        stage="gradient_terms",
        default="gradients",
    ),
    _exact(
        "cuts",
        "flow between\nthe parts",
        "of the tensors that are cut by channels: truncated where no term is shared",
        form="word",
        default="gradients",
    ),
    _trained(
        "parts_cka",
        "similarity\nof the parts",
        "linear CKA of the gradients of the two parts of the base, at the end",
    ),
    _trained(
        "control_cka",
        "similarity,\ncontrol",
        "the same of the even and the odd channels, which no design tells apart",
    ),
    _trained("parts_cka_start", "similarity at\nthe start", "of the two parts, before any step"),
    _trained(
        "mean_cka",
        "similarity\nof maps",
        "linear CKA of the gradients of two feature maps, mean over pairs, at the end",
    ),
    _trained(
        "relative_rank",
        "effective rank\na channel",
        "effective rank of all maps' gradients side by side, over their channels, at the end",
    ),
    _trained("accuracy", "accuracy", "of the images held out, at the end"),
    _trained(
        "parts_directions",
        "directions\nof the parts",
        "mean cosine of the directions that the two parts share, at the end",
        default="never",
    ),
    _timed(
        "latency",
        "latency\n[ms]",
        "time of one call: median of a launch, geometric mean over launches",
        interval=True,
    ),
    _timed(
        "latency_ratio",
        "ratio",
        "latency over the reference entry's, turn by turn, summarised by launch",
        form="ratio",
        interval=True,
    ),
    _timed(
        "verdict",
        "verdict",
        "latency against the reference entry's: Student's t over launches, Holm over cases",
        form="word",
        follows=True,
    ),
    _timed(
        "detectable",
        "detectable\nchange",
        "least change that so many launches would show in four of five such runs",
        form="percent",
        default="never",
    ),
    _timed(
        "p",
        "p (t,\nHolm)",
        "Student's t against a ratio of 1, adjusted over the cases",
        form="probability",
        default="never",
    ),
    _timed(
        "permutation_p",
        "p (permu-\ntation)",
        "sign flips of the launches; only where there are enough of them to decide",
        form="probability",
        default="never",
    ),
    _timed(
        "flops_per_s",
        "reached\n[GFLOP/s]",
        "FLOPs of a call's products over its latency",
        form="billions",
    ),
    _timed(
        "roof_share",
        "share of\nthe roof",
        "the time that the device needs at least for FLOPs and traffic, over the latency",
        form="percent",
    ),
    _timed(
        "roof",
        "roof",
        "what most of that time is owed to: compute, or the memory that the traffic comes from",
        form="word",
    ),
    _timed(
        "outliers",
        "outliers",
        "samples outside Tukey's fences of their launch; counted, never removed",
        form="whole",
        default="never",
    ),
    _timed(
        "images_per_s",
        "samples\n/s",
        "throughput at the input's batch size: images, or rows of another first input",
        form="significant",
        default="batches",
    ),
    _timed(
        "host_latency",
        "latency, host\n[ms]",
        "on a GPU: the same calls by the host's clock, until the device is idle again",
        interval=True,
    ),
    _timed(
        "graph_latency",
        "as a graph\n[ms]",
        "on a GPU: the same work replayed as a CUDA graph (--cuda-graph)",
        interval=True,
    ),
    _timed(
        "launch_overhead",
        "launch\noverhead",
        "share of the latency that a replayed graph saves",
        form="percent",
    ),
    _timed(
        "energy",
        "energy\n[mJ]",
        "on a GPU: energy of one call of the whole device, by NVML's counter (--energy)",
        form="millijoules",
        interval=True,
    ),
    _timed(
        "power_energy",
        "energy by\npower [mJ]",
        "on a GPU: the same from the power that NVML reads every 20 ms, over time",
        form="millijoules",
        interval=True,
    ),
    _timed(
        "energy_distance",
        "energy,\ndistance",
        "how far the energy by power lies from the counter's, as a share of that",
        form="percent",
    ),
    _timed(
        "power",
        "power\n[W]",
        "on a GPU: mean power while it makes calls, by the counter, else by readings of power",
        form="significant",
    ),
    _timed(
        "idle_power",
        "power,\nidle [W]",
        "on a GPU: mean power in a second without calls, before them",
        form="significant",
    ),
    _timed(
        "peak_alloc_bytes",
        "peak\nalloc.\n[MiB]",
        "peak of what the allocator gave out; depends on the thread count",
        form="mebibytes",
        stage="allocated",
    ),
    _timed(
        "peak_reserved_bytes",
        "peak\nreserved\n[MiB]",
        "most that torch's allocator held of the GPU's memory",
        form="mebibytes",
        stage="allocated",
        only="gpu",
    ),
    _timed(
        "peak_requested_bytes",
        "peak\nrequested\n[MiB]",
        "on a GPU: as allocated, before its allocator rounds up to blocks",
        form="mebibytes",
        stage="allocated",
        only="gpu",
        default="never",
    ),
    _timed(
        "graph_bytes",
        "kept by\na graph\n[MiB]",
        "what a captured CUDA graph of a call keeps of the GPU's memory (--cuda-graph)",
        form="mebibytes",
        stage="graph",
        default="never",
    ),
    _timed(
        "baseline_alloc_bytes",
        "alloc. before\nthe call [MiB]",
        "on a GPU: weights, buffers, input, optimizer state, and what libraries keep",
        form="mebibytes",
        stage="allocated",
        only="gpu",
        default="never",
    ),
    _timed(
        "peak_rss_bytes",
        "peak\nRSS\n[MiB]",
        "the operating system's high-water mark above the baseline",
        form="mebibytes",
        stage="resident",
    ),
    _timed(
        "compile_s",
        "compile\n[s]",
        "what torch.compile took, once, without the cache of an earlier one",
        form="significant",
        stage="allocated",
        only="compiled",
    ),
    _timed(
        "outputs",
        "outputs\nbeside eager's",
        "of a form other than eager: equal within rounding, or the signal-to-noise ratio (SQNR) in "
        "decibels, with the largest error over the largest magnitude",
        form="word",
    ),
    _timed(
        "prepare_s",
        "prepare\n[s]",
        "time to make the form, once: fuse, export, quantize, compile, load",
        form="significant",
        stage="deployment",
        only="deployed",
    ),
    _timed(
        "form_bytes",
        "form on\ndisk [MiB]",
        "size of the form's files, or of a module's weights",
        form="mebibytes",
        stage="deployment",
        only="deployed",
    ),
    _timed(
        "first_call",
        "first call\n[ms]",
        "time of the first call in a process, median over launches",
        default="never",
    ),
)

NONZERO = frozenset(quantity.key for quantity in QUANTITIES if quantity.nonzero)
"""Quantities that views leave out where they are 0."""

NAMES = {quantity.key: quantity.name for quantity in QUANTITIES}
"""The name of each quantity within a sentence, by its key."""
