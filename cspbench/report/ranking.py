"""Rankings: rows that can be ranked against each other, the fastest, and its rivals."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..plan.case import Mode, batch_of, inputs_of
from .rows import Row, by_mode, latency_ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """The rows of one mode and one reference (``group``).

    ``ranked`` are the rows at the reference's inputs, ``unranked`` the others, because only
    cases with the same input can be ranked. ``compared`` are the reference, if it was timed, and
    the ranked rows with a ratio to it. ``fastest`` is one of the ``decided``; None if there are
    fewer than two. ``rivals`` are those compared that do not differ significantly from it.
    ``is_apart``: no reference has the inputs of these rows, although other rows have one.
    """

    group: tuple[Row, ...]
    ranked: tuple[Row, ...]
    unranked: tuple[Row, ...]
    compared: tuple[Row, ...]
    reference: Row | None
    fastest: Row | None
    rivals: tuple[Row, ...]
    is_apart: bool

    @property
    def mode(self) -> Mode:
        """The mode of all rows."""
        return self.group[0].mode

    @property
    def decided(self) -> tuple[Row, ...]:
        """The reference, and the compared rows whose verdict against it is decided."""
        return tuple(filter(_is_decided, self.compared))

    @property
    def has_own_batches(self) -> bool:
        """Whether entries have different batches and no reference, so that calls are not ranked."""
        batches = {batch_of(row.record.case) for row in self.group} - {None}
        return len(batches) > 1 and not any(row.is_reference for row in self.group)


def rankings(table: Sequence[Row]) -> tuple[Ranking, ...]:
    """The ranking of each mode and reference, in order of appearance.

    Cases that are compared with the same entry in another form are not ranked among entries.
    """
    table = [row for row in table if not row.is_form]
    groups: dict[tuple[Mode, str | None], list[Row]] = {}
    for mode, rows in by_mode(table).items():
        for row in rows:
            reference = row.name if row.is_reference else row.reference
            groups.setdefault((mode, reference), []).append(row)
    has_references = any(row.is_reference for row in table)
    return tuple(
        _ranking(group, is_apart=has_references and reference is None)
        for (_, reference), group in groups.items()
    )


def _ranking(group: Sequence[Row], *, is_apart: bool) -> Ranking:
    ranked, unranked = _at_one_input(group)
    compared = [row for row in ranked if row.latency and (row.ratio or row.is_reference)]
    reference = next((row for row in compared if row.is_reference), None)
    fastest, rivals = None, []
    decided = [*filter(_is_decided, compared)]
    if reference is not None and len(decided) > 1:
        fastest = min(decided, key=lambda row: row.ratio.value if row.ratio else 1.0)
        rivals = [
            row
            for row in compared
            if row is not fastest and not _is_slower(row, fastest, reference)
        ]
    return Ranking(
        group=tuple(group),
        ranked=tuple(ranked),
        unranked=tuple(unranked),
        compared=tuple(compared),
        reference=reference,
        fastest=fastest,
        rivals=tuple(rivals),
        is_apart=is_apart,
    )


def _at_one_input(group: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows at the reference's inputs (all rows without a reference), and the others."""
    reference = next((row for row in group if row.is_reference), None)
    if reference is None:
        return list(group), []
    inputs = inputs_of(reference.record.case)
    ranked = [row for row in group if inputs_of(row.record.case) == inputs]
    return ranked, [row for row in group if inputs_of(row.record.case) != inputs]


def is_slower(row: Row, fastest: Row) -> bool:
    """Whether ``row`` takes significantly longer than ``fastest``.

    By the interval of their ratio, or by both intervals if no launch had both.
    """
    ratio = latency_ratio(row, fastest)
    if ratio is not None:
        return ratio.low is not None and ratio.low > 1
    slow, fast = row.latency, fastest.latency
    if slow is None or fast is None or slow.low is None or fast.high is None:
        return False
    return slow.low > fast.high


def _is_slower(row: Row, fastest: Row, reference: Row) -> bool:
    """`is_slower`, but of the reference by the verdict on ``fastest``."""
    if row is reference:
        return fastest.verdict is not None and fastest.verdict.answer == "better"
    return is_slower(row, fastest)


def _is_decided(row: Row) -> bool:
    return row.is_reference or (row.verdict is not None and row.verdict.is_decided)
