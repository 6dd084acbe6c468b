"""The ceilings of a device as tables: rates of products, and of bytes by level of memory."""

from ..plan.labels import plain
from ..records.ceilings import Ceilings, Rates, disagreement
from ..units import bytes_text, percent_text, significant_text
from .layout import FILE, Layout
from .tables import Strip, draw
from .words import plural

_SPREAD = "best two\ndiffer by"


def text(ceilings: Ceilings, layout: Layout = FILE) -> str:
    """The ceilings: the highest rate of any launch, and how far the best two differ."""
    precisions = tuple(ceilings.peaks)
    peaks = tuple(ceilings.peaks.values())
    levels = ceilings.bandwidths
    largest = max((level.capacity_bytes or 0 for level in levels), default=0)
    launches = max(map(len, ceilings.rates))
    title = (
        f"Ceilings of {plain(ceilings.device)} with {plural(ceilings.threads, 'thread')}, the "
        f"highest of {plural(launches, 'launch')}"
    )
    products = draw(
        [
            Strip(header="precision", cells=precisions, left=True),
            _rates("matrix products\n[GFLOP/s]", [peak.product_flops for peak in peaks]),
            _rates("convolutions\n[GFLOP/s]", [peak.convolution_flops for peak in peaks]),
            Strip(
                header=_SPREAD,
                cells=tuple(percent_text(disagreement(peak.rates)) for peak in peaks),
            ),
        ]
    )
    memory = draw(
        [
            Strip(header="level", cells=tuple(plain(level.level) for level in levels), left=True),
            Strip(
                header="holds",
                cells=tuple(
                    ""
                    if level.capacity_bytes is None
                    else bytes_text(level.capacity_bytes, largest)
                    for level in levels
                ),
            ),
            _rates("copy\n[GB/s]", [level.copy_bytes for level in levels]),
            _rates("triad\n[GB/s]", [level.triad_bytes for level in levels]),
            _rates("sum\n[GB/s]", [level.sum_bytes for level in levels]),
            Strip(
                header=_SPREAD,
                cells=tuple(percent_text(disagreement(level.rates)) for level in levels),
            ),
        ]
    )
    return "\n".join([layout.filled(title), products, memory])


def brief(ceilings: Ceilings) -> str:
    """The ceilings in one line: the peak of each precision, and the bandwidth of each level."""
    peaks = [
        f"{significant_text(peak.flops_per_s / 1e9, 3)} GFLOP/s in {precision}"
        for precision, peak in ceilings.peaks.items()
    ]
    bandwidths = [
        f"{significant_text(level.bytes_per_s / 1e9, 3)} GB/s "
        f"{'from' if level.capacity_bytes is None else 'in'} {plain(level.level)}"
        for level in reversed(ceilings.bandwidths)
    ]
    return ", ".join([*peaks, *bandwidths])


def _rates(header: str, rates: list[Rates]) -> Strip:
    cells = (significant_text(max(launches) / 1e9, 3) for launches in rates)
    return Strip(header=header, cells=tuple(cells))
