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
    the ranked rows with a ratio to it. ``fastest`` is one of these, None if there are fewer than
    two; ``rivals`` are those that do not differ significantly from it.
    """

    group: tuple[Row, ...]
    ranked: tuple[Row, ...]
    unranked: tuple[Row, ...]
    compared: tuple[Row, ...]
    reference: Row | None
    fastest: Row | None
    rivals: tuple[Row, ...]

    @property
    def mode(self) -> Mode:
        """The mode of all rows."""
        return self.group[0].mode

    @property
    def has_own_batches(self) -> bool:
        """Whether entries have different batches and no reference, so that calls are not ranked."""
        batches = {batch_of(row.record.case) for row in self.group} - {None}
        return len(batches) > 1 and not any(row.is_reference for row in self.group)


def rankings(table: Sequence[Row]) -> tuple[Ranking, ...]:
    """The ranking of each mode and reference, in order of appearance."""
    groups: dict[tuple[Mode, str | None], list[Row]] = {}
    for mode, rows in by_mode(table).items():
        for row in rows:
            reference = row.name if row.is_reference else row.reference
            groups.setdefault((mode, reference), []).append(row)
    return tuple(map(_ranking, groups.values()))


def _ranking(group: Sequence[Row]) -> Ranking:
    ranked, unranked = _at_one_input(group)
    compared = [row for row in ranked if row.latency and (row.ratio or row.is_reference)]
    reference = next((row for row in compared if row.is_reference), None)
    fastest, rivals = None, []
    if reference is not None and len(compared) > 1:
        fastest = min(compared, key=lambda row: row.ratio.value if row.ratio else 1.0)
        rivals = [
            row
            for row in compared
            if row is not fastest and not _is_told_apart(row, fastest, reference)
        ]
    return Ranking(
        group=tuple(group),
        ranked=tuple(ranked),
        unranked=tuple(unranked),
        compared=tuple(compared),
        reference=reference,
        fastest=fastest,
        rivals=tuple(rivals),
    )


def _at_one_input(group: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows at the reference's inputs (all rows without a reference), and the others."""
    reference = next((row for row in group if row.is_reference), None)
    if reference is None:
        return list(group), []
    inputs = inputs_of(reference.record.case)
    ranked = [row for row in group if inputs_of(row.record.case) == inputs]
    return ranked, [row for row in group if inputs_of(row.record.case) != inputs]


def _is_told_apart(row: Row, fastest: Row, reference: Row) -> bool:
    """Whether ``fastest`` is significantly faster than ``row`` (the reference: by its verdict)."""
    if row is reference:
        return fastest.verdict is not None and fastest.verdict.answer == "better"
    ratio = latency_ratio(row, fastest)
    return ratio is not None and ratio.low is not None and ratio.low > 1
