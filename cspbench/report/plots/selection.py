"""The choice of entries that a figure shows if a run has too many.

At most `MAX_ENTRIES` are drawn: with a line for each they make a figure about 20 inches high, the
largest that can be read on a screen without losing sight of the axis, and their looks remain
distinguishable. The caption says how many entries there are and which are shown, in suite order;
tables and CSV files hold all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

from ..rows import Row, estimate
from ..words import plural

MAX_ENTRIES = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The rows of the entries that a figure shows; ``note`` says which they are, '' if all are."""

    rows: tuple[Row, ...]
    note: str

    @property
    def entries(self) -> str:
        """The number of entries, and which they are, as part of a sentence."""
        number, _, choice = self.note.partition(": ")
        return f"{number} ({choice})" if choice else plural(self.number, "entry")

    @property
    def number(self) -> int:
        """The number of entries."""
        return len({row.place for row in self.rows})


def by_difference(table: Sequence[Row]) -> Selection:
    """The entries whose latency differs most from the reference's, else the slowest.

    Entries with a verdict of faster or slower come first.
    """
    if any(row.ratio for row in table):
        return _select(table, _difference, "those whose latency differs most from the reference's")
    return _select(table, _latency, "the slowest")


def by_time_per_mac(table: Sequence[Row]) -> Selection:
    """The entries whose time per MAC differs most from the reference's, else the slowest."""
    if any(row.ratio for row in table):
        description = "those whose time per MAC differs most from the reference's"
        return _select(table, _time_per_mac, description)
    return _select(table, _latency, "the slowest")


def by_accuracy(table: Sequence[Row]) -> Selection:
    """The entries with the highest published accuracy."""
    return _select(table, _accuracy, "the most accurate")


def by_peak(table: Sequence[Row]) -> Selection:
    """The entries with the highest peaks of tensor memory."""
    return _select(table, _peak, "those with the highest peaks of tensor memory")


def by_energy(table: Sequence[Row]) -> Selection:
    """The entries whose call takes the most energy."""
    return _select(table, _energy, "those whose call takes the most energy")


def in_suite_order(table: Sequence[Row], max_entries: int = MAX_ENTRIES) -> Selection:
    """The first entries of the suite."""
    return _select(table, lambda row: (-row.place,), "the first of the suite", max_entries)


def _select(
    table: Sequence[Row],
    rank: Callable[[Row], tuple[float, ...]],
    description: str,
    max_entries: int = MAX_ENTRIES,
) -> Selection:
    """The reference entries, then those with the highest ranks; ``description`` is for the note."""
    ranks: dict[int, tuple[float, ...]] = {}
    for row in table:
        ranks[row.place] = max(ranks.get(row.place, ()), (float(row.is_reference), *rank(row)))
    if len(ranks) <= max_entries:
        return Selection(rows=tuple(table), note="")
    chosen = set(sorted(ranks, key=lambda place: ranks[place], reverse=True)[:max_entries])
    rows = tuple(row for row in table if row.place in chosen)
    reference = "the reference and " if any(row.is_reference for row in rows) else ""
    return Selection(
        rows=rows,
        note=f"{max_entries} of {len(ranks)} entries: {reference}{description}",
    )


def _difference(row: Row) -> tuple[float, ...]:
    if row.ratio is None:
        return 0.0, -1.0
    is_different = row.verdict is not None and row.verdict.answer in {"better", "worse"}
    return float(is_different), abs(log(row.ratio.value))


def _time_per_mac(row: Row) -> tuple[float, ...]:
    macs = row.ratios["macs"]
    return (abs(log(row.ratio.value / macs)) if row.ratio and macs else -1.0,)


def _accuracy(row: Row) -> tuple[float, ...]:
    return (row.record.case.accuracy.top1 if row.record.case.accuracy else -1.0,)


def _latency(row: Row) -> tuple[float, ...]:
    return (row.latency.value if row.latency else -1.0,)


def _peak(row: Row) -> tuple[float, ...]:
    peak = row.readings["peak_tensor_bytes"]
    return (float(peak) if isinstance(peak, int) else -1.0,)


def _energy(row: Row) -> tuple[float, ...]:
    energy = estimate(row.readings["energy"])
    return (energy.value if energy else -1.0,)
