"""The columns that a table can hold, as one literal table, and how each reading becomes text."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import unknown
from ..records.lines import Failure
from ..units import percent_text, ratio_text, significant_text
from ..verdicts.stats import Estimate
from .rows import Reading

Part = Literal["exact", "trained", "timed"]
Shown = Literal["always", "costs", "batches", "gradients", "never"]
"""In which runs a column is shown unless others are named; batches: of more than one image."""

MISSING = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One quantity in a table.

    ``header`` holds the unit; ``part`` says whether the figure is the same in every run, the same
    for a seed, or different. ``interval``: an interval stands beside it. ``text`` makes text of a
    value in base units. ``default`` says in which runs it is shown unless others are named.
    """

    key: str
    header: str
    help: str
    part: Part
    text: Callable[[float], str]
    interval: bool = False
    default: Shown = "costs"

    def cell(self, reading: Reading) -> str:
        """The reading as text: blank where it does not apply, a dash where it is missing."""
        if reading is None:
            return ""
        if isinstance(reading, Failure):
            return MISSING
        if isinstance(reading, str):
            return reading
        return self.text(reading.value if isinstance(reading, Estimate) else reading)

    def interval_cell(self, reading: Reading) -> str:
        """The reading's interval as text."""
        if isinstance(reading, Failure):
            return MISSING
        if not isinstance(reading, Estimate):
            return ""
        return interval_text(reading, self.text) or MISSING


def interval_text(estimate: Estimate, text: Callable[[float], str]) -> str:
    """``low–high``, '' where one launch gave no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{text(estimate.low)}–{text(estimate.high)}"


def estimate_text(estimate: Estimate, text: Callable[[float], str]) -> str:
    """``value (low–high)``, the value alone where there is no interval."""
    interval = interval_text(estimate, text)
    return text(estimate.value) + (f" ({interval})" if interval else "")


def milliseconds(seconds: float) -> str:
    """Seconds in ms, four significant digits."""
    return significant_text(seconds * 1e3)


def _whole(count: float) -> str:
    return f"{count:,.0f}" if isinstance(count, float) else f"{count:,}"


def _probability(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _mebibytes(count: float) -> str:
    return significant_text(count / 2**20)


def _trained(key: str, header: str, text: str, *, default: Shown = "gradients") -> Column:
    return Column(
        key=key,
        header=header,
        help=text,
        part="trained",
        text="{:.3f}".format,
        interval=True,
        default=default,
    )


COLUMNS: tuple[Column, ...] = (
    Column(
        key="params",
        header="params",
        help="all trainable parameters",
        part="exact",
        text=_whole,
        default="always",
    ),
    Column(
        key="thop_macs",
        header="MACs (thop)",
        help="thop's total, which adds operations of normalisation and pooling",
        part="exact",
        text=_whole,
    ),
    Column(
        key="peak_tensor_bytes",
        header="peak tensor\nmemory [bytes]",
        help="highest sum of live tensor storages in one call",
        part="exact",
        text=_whole,
    ),
    Column(
        key="macs",
        header="MACs",
        help="multiply-accumulates of convolutions and fully connected layers",
        part="exact",
        text=_whole,
        default="always",
    ),
    Column(
        key="flops",
        header="FLOPs",
        help="torch's counter, forward pass",
        part="exact",
        text=_whole,
        default="never",
    ),
    Column(
        key="backward_flops",
        header="FLOPs,\nbackward",
        help="torch's counter, backward pass; in training only",
        part="exact",
        text=_whole,
        default="never",
    ),
    Column(
        key="activations",
        header="activations\n[elements]",
        help="output elements of convolutions and fully connected layers",
        part="exact",
        text=_whole,
    ),
    Column(
        key="cio",
        header="CIO\n[elements]",
        help="input plus output elements, summed over convolutions",
        part="exact",
        text=_whole,
    ),
    Column(
        key="weights",
        header="weights",
        help="elements of convolution and fully connected weights only",
        part="exact",
        text=_whole,
        default="never",
    ),
    Column(
        key="disk_bytes",
        header="weights on\ndisk [bytes]",
        help="parameters and persistent buffers as torch.save and safetensors store them",
        part="exact",
        text=_whole,
        default="never",
    ),
    Column(
        key="baseline_bytes",
        header="tensors before\nthe call [bytes]",
        help="weights, buffers, input, and in training the optimizer's state",
        part="exact",
        text=_whole,
        default="never",
    ),
    Column(
        key="top1",
        header="top-1, as\npublished [%]",
        help="accuracy as the suite states it, with its source in the notes; not measured here",
        part="exact",
        text="{:.1f}".format,
    ),
    Column(
        key="used_terms",
        header="gradient\nterms used",
        help="over all weights: terms that each reads, and its own outputs",
        part="exact",
        text=_whole,
        default="gradients",
    ),
    Column(
        key="reuse",
        header="updates\na term",
        help="in how many updates a gradient term takes part, on average",
        part="exact",
        text=ratio_text,
        default="gradients",
    ),
    Column(
        key="shared_terms",
        header="terms shared\nacross cuts",
        help="terms that weights on more than one side of a cut read",
        part="exact",
        text=_whole,
        default="gradients",
    ),
    Column(
        key="cuts",
        header="flow between\nthe parts",
        help="of the tensors that are cut by channels: truncated where no term is shared",
        part="exact",
        text=str,
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
    Column(
        key="latency",
        header="latency\n[ms]",
        help="time of one call: median of a launch, geometric mean over launches",
        part="timed",
        text=milliseconds,
        interval=True,
    ),
    Column(
        key="host_latency",
        header="latency, host\n[ms]",
        help="on a GPU: the same calls by the host's clock, until the device is idle again",
        part="timed",
        text=milliseconds,
        interval=True,
    ),
    Column(
        key="graph_latency",
        header="as a graph\n[ms]",
        help="on a GPU: the same work replayed as a CUDA graph (--cuda-graph)",
        part="timed",
        text=milliseconds,
        interval=True,
    ),
    Column(
        key="launch_overhead",
        header="launch\noverhead",
        help="share of the latency that a replayed graph saves",
        part="timed",
        text=percent_text,
    ),
    Column(
        key="latency_ratio",
        header="ratio",
        help="latency over the reference entry's, turn by turn, summarised by launch",
        part="timed",
        text=ratio_text,
        interval=True,
    ),
    Column(
        key="verdict",
        header="verdict",
        help="latency against the reference entry's: Student's t over launches, Holm over cases",
        part="timed",
        text=str,
    ),
    Column(
        key="detectable",
        header="detectable\nchange",
        help="least change that so many launches would show in four of five such runs",
        part="timed",
        text=percent_text,
        default="never",
    ),
    Column(
        key="p",
        header="p (t,\nHolm)",
        help="Student's t against a ratio of 1, adjusted over the cases",
        part="timed",
        text=_probability,
        default="never",
    ),
    Column(
        key="permutation_p",
        header="p (permu-\ntation)",
        help="sign flips of the launches; only where there are enough of them to decide",
        part="timed",
        text=_probability,
        default="never",
    ),
    Column(
        key="outliers",
        header="outliers",
        help="samples outside Tukey's fences of their launch; counted, never removed",
        part="timed",
        text=_whole,
        default="never",
    ),
    Column(
        key="images_per_s",
        header="images\n/s",
        help="throughput at the input's batch size",
        part="timed",
        text=significant_text,
        default="batches",
    ),
    Column(
        key="peak_alloc_bytes",
        header="peak\nalloc.\n[MiB]",
        help="peak of what the allocator gave out; depends on the thread count",
        part="timed",
        text=_mebibytes,
    ),
    Column(
        key="peak_reserved_bytes",
        header="peak\nreserved\n[MiB]",
        help="most that torch's allocator held of the GPU's memory",
        part="timed",
        text=_mebibytes,
    ),
    Column(
        key="peak_requested_bytes",
        header="peak\nrequested\n[MiB]",
        help="on a GPU: as allocated, before its allocator rounds up to blocks",
        part="timed",
        text=_mebibytes,
        default="never",
    ),
    Column(
        key="graph_bytes",
        header="kept by\na graph\n[MiB]",
        help="what a captured CUDA graph of a call keeps of the GPU's memory (--cuda-graph)",
        part="timed",
        text=_mebibytes,
        default="never",
    ),
    Column(
        key="baseline_alloc_bytes",
        header="alloc. before\nthe call [MiB]",
        help="on a GPU: weights, buffers, input, optimizer state, and what libraries keep",
        part="timed",
        text=_mebibytes,
        default="never",
    ),
    Column(
        key="peak_rss_bytes",
        header="peak\nRSS\n[MiB]",
        help="the operating system's high-water mark above the baseline",
        part="timed",
        text=_mebibytes,
    ),
    Column(
        key="compile_s",
        header="compile\n[s]",
        help="what torch.compile took, once, without the cache of an earlier one",
        part="timed",
        text=significant_text,
    ),
    Column(
        key="first_call",
        header="first call\n[ms]",
        help="time of the first call in a process, median over launches",
        part="timed",
        text=milliseconds,
        default="never",
    ),
)


def choose(
    keys: Sequence[str] | None = None, kinds: Collection[str] = ("costs",)
) -> tuple[Column, ...]:
    """The columns named, in that order, once each; those of runs of such ``kinds`` for None.

    Raises `CspbenchError` for a name that is no column.
    """
    if keys is None:
        return tuple(column for column in COLUMNS if column.default in {"always", *kinds})
    known = {column.key: column for column in COLUMNS}
    for key in keys:
        if key not in known:
            raise unknown("column", key, known, hint="python -m cspbench list shows all")
    return tuple(known[key] for key in dict.fromkeys(keys))
