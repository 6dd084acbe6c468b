"""Time by module: the figures of a row, tables of a case, and how the times add up."""

from collections.abc import Callable, Mapping, Sequence

from ..choices import Depth
from ..plan.case import is_gpu
from ..records.measurements import Counts
from ..records.module_times import PROFILES, ModuleTime, ModuleTimes
from ..records.run import Record
from ..units import seconds_text, significant_text
from ..verdicts.profiles import over_profiles, share_over_profiles
from ..verdicts.stats import Estimate
from . import markdown, module_table
from .columns import milliseconds
from .layout import FILE, Layout
from .markdown import Block
from .module_table import TYPE, ModuleColumn, macs_share_column, products_by_module
from .modules import ModuleRow, module_rows
from .quoting import Quote
from .rows import Row
from .words import MODE_TITLES, case_name, plural

Figure = Callable[[ModuleRow], Estimate | None]

_SUMMED = ("total_s", "other_s", "latency_s", "profiled_s", "observing_s", "operators_s")
_FAR_OFF = 0.1  # of the latency, for the sum of all times
_TOP = 3  # modules of a case in a list of all cases


class Times:
    """The times of a case's modules over its profiles, by rows of a table of modules."""

    def __init__(self, record: Record) -> None:
        self._profiles = record.module_times
        self._self_s = [_by_path(times, lambda module: module.self_s) for times in self._profiles]
        self._forward_s = [
            _by_path(times, lambda module: module.forward_s) for times in self._profiles
        ]
        self._products = {} if record.counts is None else products_by_module(record.counts)

    def own(self, row: ModuleRow) -> Estimate:
        """The seconds in the row's own modules, and in none that has a row below it."""
        return over_profiles([row.own_sum(self_s) for self_s in self._self_s])

    def total(self, row: ModuleRow) -> Estimate:
        """The seconds in the row and in all rows below it."""
        return over_profiles([row.total(self_s) for self_s in self._self_s])

    def forward(self, row: ModuleRow) -> Estimate:
        """The part of `total` in the forward pass."""
        return over_profiles([row.total(forward_s) for forward_s in self._forward_s])

    def own_share(self, row: ModuleRow) -> Estimate:
        """`own` as a share of all times of the call, those in no module included."""
        return self._share([row.own_sum(self_s) for self_s in self._self_s])

    def share(self, row: ModuleRow) -> Estimate:
        """`total` as a share of all times of the call, those in no module included."""
        return self._share([row.total(self_s) for self_s in self._self_s])

    def macs_per_s(self, row: ModuleRow) -> Estimate | None:
        """The MACs of the row and of all rows below it by second of forward; None for none."""
        macs = row.total(self._products)
        seconds = [row.total(forward_s) for forward_s in self._forward_s]
        if not macs or not all(seconds):
            return None
        return over_profiles([macs / forward_s for forward_s in seconds])

    def _share(self, seconds: Sequence[float]) -> Estimate:
        return share_over_profiles(
            [part / times.total_s for part, times in zip(seconds, self._profiles, strict=True)]
        )


def time_columns(record: Record) -> list[ModuleColumn]:
    """Self and total time of each row, its share of all times, and its MACs by second."""
    times = Times(record)
    columns = [
        ModuleColumn(header="self\n[ms]", cell=_cell(times.own, milliseconds)),
        ModuleColumn(header="total\n[ms]", cell=_cell(times.total, milliseconds)),
    ]
    if record.case.mode == "train":
        columns.append(
            ModuleColumn(header="forward\n[ms]", cell=_cell(times.forward, milliseconds))
        )
    return [
        *columns,
        ModuleColumn(header="share", cell=lambda row: _share_text(times.share(row))),
        ModuleColumn(header="GMAC/s", cell=_cell(times.macs_per_s, _billions)),
    ]


def text(record: Record, layout: Layout = FILE, depth: Depth | None = None) -> str:
    """The times of a profiled case as text: a table, if its modules were counted, and their sum."""
    lines = [f"{MODE_TITLES[record.case.mode]}: time by module"]
    if record.counts is not None:
        rows = module_rows(record.counts.layers, depth)
        lines.append(module_table.text(rows, time_columns(record), layout))
    return "\n".join([*lines, *map(layout.filled, sums(record))])


def details(record: Record) -> list[Block]:
    """The times of a profiled case as Markdown: how they add up, and a table."""
    blocks = list(map(markdown.paragraph, sums(record)))
    if record.counts is not None:
        rows = module_rows(record.counts.layers)
        columns = [TYPE, *time_columns(record), macs_share_column(record.counts)]
        blocks.append(module_table.markdown_table(rows, columns))
        blocks += map(markdown.paragraph, module_table.notes(rows))
    return blocks


def most_expensive(table: Sequence[Row], quote: Quote) -> list[str]:
    """An item for each profiled case: the modules in which the most of its time is spent."""
    return [
        f"{case_name(row, quote)}: {_most_expensive(row.record, row.record.counts, quote)}"
        f"{_incomplete(row.record)}"
        for row in table
        if row.record.module_times and row.record.counts
    ]


def _incomplete(record: Record) -> str:
    number = len(record.module_times)
    return "" if number >= PROFILES else f" ({number} of {PROFILES} profiles measured)"


def _most_expensive(record: Record, counts: Counts, quote: Quote) -> str:
    times = Times(record)
    shares = [(times.own_share(row).value, row) for row in module_rows(counts.layers)]
    shares.sort(key=lambda item: item[0], reverse=True)
    return ", ".join(
        f"{_percent(share)} in {quote(row.path or 'itself')} ({quote(row.title)})"
        for share, row in shares[:_TOP]
        if share
    )


def sums(record: Record) -> list[str]:
    """Sentences on how the times of a profiled case add up, beside a call that is not observed."""
    total, other, latency, profiled, observing, operators = (
        over_profiles([getattr(times, name) for times in record.module_times]).value
        for name in _SUMMED
    )
    number = len(record.module_times)
    processes = "1 process" if number == 1 else f"{number} processes"
    calls = plural(sum(times.passes for times in record.module_times), "profiled call")
    together = (
        f"All times sum to {seconds_text(total)} ({seconds_text(other)} of it in no module), "
        f"{total / latency - 1:+.1%} beside the {seconds_text(latency)} of a call that nothing "
        f"observes in the same {processes}."
    )
    remark = ""
    if is_gpu(record.case.device):
        means = f"Times are those of kernels, in {calls} of {seconds_text(profiled)} each; while "
        means += "the GPU waits, no module has time."
    else:
        means = f"A profiled call takes {seconds_text(profiled)} ({calls}), of which "
        means += f"{seconds_text(observing)} are the profiler's by calibration; operators take "
        means += f"{seconds_text(operators)} of its forward, and Python the rest."
        if abs(total / latency - 1) > _FAR_OFF:
            remark = "A sum so far off shows that other processes took time, or that calls differ."
    return [sentence for sentence in (together, means, remark) if sentence]


def _by_path(times: ModuleTimes, seconds: Callable[[ModuleTime], float]) -> Mapping[str, float]:
    return {module.path: seconds(module) for module in times.modules}


def _cell(figure: Figure, words: Callable[[float], str]) -> Callable[[ModuleRow], str]:
    """The cells of ``figure``; empty for 0 and for none."""

    def cell(row: ModuleRow) -> str:
        estimate = figure(row)
        return "" if estimate is None or not estimate.value else words(estimate.value)

    return cell


def _share_text(share: Estimate) -> str:
    """A share with half the width of its interval, if it has one; empty for 0."""
    if not share.value:
        return ""
    if share.low is None or share.high is None:
        return _percent(share.value)
    return f"{_percent(share.value)} ±{_percent((share.high - share.low) / 2)}"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _billions(number: float) -> str:
    return significant_text(number / 1e9, 3)
