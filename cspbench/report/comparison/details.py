"""The details of a comparison: every figure in absolute numbers, differences, reasons."""

from collections.abc import Sequence
from itertools import chain
from statistics import median_high
from typing import Generic, NamedTuple, TypeVar

from ...comparison.result import RANK, CaseComparison, Change, Comparison
from ...plan.labels import label, plain
from ...records.gate import LATENCY
from ...records.quantities import MISSING, NAMES, NONZERO
from ...records.trainings import COMPARED
from ...text import listing
from ...units import percent_text, ratio_text, shape_text, significant_text, span_text
from ..quoting import Quote
from ..words import AT, out_of_reach, plural, within_reach

INTERVAL = "95%\ninterval"
"""The header of the interval of a ratio."""

_YARDSTICKS = "in units of the yardstick"

Cells = tuple[str, ...]
Row = TypeVar("Row")
_EXACT_HEADERS = ("entry", "mode", "measure", "baseline", "candidate", "ratio", "verdict")
_TRAINED_HEADERS = (*_EXACT_HEADERS[:5], "difference", "verdict")
_LATENCY_HEADERS = ("entry", "mode", "baseline", "candidate", "ratio", INTERVAL, "verdict")


class Line(NamedTuple):
    """The figures of a case in one measure, '' if only one side has the case."""

    case: CaseComparison
    measure: str
    cells: Cells


class Table(NamedTuple, Generic[Row]):
    """A table of figures: its title, headers, changed rows, and unchanged ones."""

    title: str
    headers: Sequence[str]
    changed: list[Row]
    same: list[Row]


def tables(comparison: Comparison) -> tuple[Table[Cells], ...]:
    """The cells of `lines`, exact ones that differ in their mode alone as one."""
    exact, *others = (
        Table(title, headers, [line.cells for line in changed], [line.cells for line in same])
        for title, headers, changed, same in lines(comparison)
    )
    merged = Table(exact.title, exact.headers, *map(_over_modes, (exact.changed, exact.same)))
    return (merged, *others)


def lines(comparison: Comparison) -> tuple[Table[Line], ...]:
    """The tables of exact figures, of trainings and of latencies, the worst cases first."""
    ordered = sorted(comparison.cases, key=lambda case: RANK.index(case.verdict))
    exact: tuple[list[Line], list[Line]] = [], []
    timed: dict[str, tuple[list[Line], list[Line]]] = {}  # by their unit
    trained: tuple[list[Line], list[Line]] = [], []
    for case in ordered:
        name = (label(case.label), case.mode)
        if case.verdict in {"added", "removed"}:
            exact[0].append(Line(case, "", (*name, "", "", "", "", case.verdict)))
            continue
        for measure, change in case.measures.items():
            verdict = change.verdict
            ratio = "" if change.ratio is None else ratio_text(change.ratio)
            if measure == LATENCY:
                unit = _time_unit(change, in_turns=comparison.in_turns)
                kind = timed.setdefault(unit, ([], []))
                sides = (_time(change.baseline, unit), _time(change.candidate, unit))
                cells: Cells = (*name, *sides, ratio, _interval(change), verdict)
            elif measure in COMPARED:
                kind, cells = trained, (*name, NAMES[measure], *_means(change), verdict)
            elif measure not in NONZERO or change.baseline or change.candidate:
                values = (_count(change.baseline), _count(change.candidate))
                kind, cells = exact, (*name, NAMES[measure], *values, ratio, verdict)
            else:
                continue
            kind[verdict == "same"].append(Line(case, measure, cells))
    return (
        Table("Counts, tensor peaks and gradient terms, exact", _EXACT_HEADERS, *exact),
        Table("Trained, means over seeds", _TRAINED_HEADERS, *trained),
        *(Table(f"Latency, {unit}", _LATENCY_HEADERS, *timed[unit]) for unit in sorted(timed)),
    )


def _over_modes(rows: Sequence[Cells]) -> list[Cells]:
    """The rows with those that differ in their mode alone as one, of both modes."""
    modes: dict[Cells, list[str]] = {}
    for name, mode, *cells in rows:
        modes.setdefault((name, *cells), []).append(mode)
    return [
        (name, "both" if len(with_cells) > 1 else with_cells[0], *cells)
        for (name, *cells), with_cells in modes.items()
    ]


def unchanged(comparison: Comparison) -> str:
    """A sentence on how many measures are the same; '' if none is."""
    number = sum(len(table.same) for table in tables(comparison))
    are = "is" if number == 1 else "are"
    return f"{plural(number, 'measure')} {are} the same." if number else ""


def _means(change: Change) -> tuple[str, str, str]:
    """The cells of both means and their difference."""
    if change.baseline is None or change.candidate is None:
        return MISSING, MISSING, ""
    difference = change.candidate - change.baseline
    return f"{change.baseline:.3f}", f"{change.candidate:.3f}", f"{difference:+.3f}"


def _time_unit(change: Change, *, in_turns: bool) -> str:
    """The unit of both sides of a latency: each has a table of its own."""
    if in_turns:
        return "milliseconds, in turns"
    return _YARDSTICKS if change.is_comparable else "milliseconds"


def _time(value: float | None, unit: str) -> str:
    if value is None:
        return MISSING
    return significant_text(value if unit == _YARDSTICKS else value * 1e3)


def _count(value: float | None) -> str:
    return MISSING if value is None else f"{value:,}"


def _interval(change: Change) -> str:
    if change.interval is None:
        return ""
    return span_text(*change.interval, ratio_text, change.launches or 0)


def differences(comparison: Comparison, quote: Quote) -> list[str]:
    """Items on the circumstances in which the runs differ."""
    return [
        f"{plain(discrepancy.what)}: {quote(plain(discrepancy.baseline))} → "
        f"{quote(plain(discrepancy.candidate))}"
        + (" (latency is not compared)" if discrepancy.misleads else "")
        for discrepancy in comparison.discrepancies
    ]


def reasons(comparison: Comparison, quote: Quote) -> list[str]:
    """Items on undecided latencies, one for each threshold, and on measures without a verdict."""
    undecided: dict[float, list[tuple[str, Change]]] = {}
    unjudged: dict[str, dict[str, dict[str, None]]] = {}  # names of measures by case, by reason
    for case in comparison.cases:
        for measure, change in case.measures.items():
            name = _name(case, quote)
            if change.verdict == "undecided" and change.interval is not None:
                undecided.setdefault(change.threshold or 0.0, []).append((name, change))
            elif change.verdict == "undecided" or (
                change.verdict == "changed" and None in (change.baseline, change.candidate)
            ):
                measures = unjudged.setdefault(change.reason, {}).setdefault(name, {})
                measures[NAMES[measure]] = None
    return [
        *(_undecided(changes, threshold) for threshold, changes in undecided.items()),
        *(
            f"{listing(list(cases))}: no verdict on "
            f"{listing(list(dict.fromkeys(chain.from_iterable(cases.values()))))}: "
            f"{quote(plain(reason))}"
            for reason, cases in unjudged.items()
        ),
    ]


def _undecided(changes: Sequence[tuple[str, Change]], threshold: float) -> str:
    """An item on undecided latencies, and how many more launches should decide half of them."""
    names = listing([name for name, _ in changes])
    latency = "latency" if len(changes) == 1 else "latencies"
    are = "is" if len(changes) == 1 else "are"
    text = f"{latency} of {names} {are} undecided at a threshold of {percent_text(threshold)}"
    more_launches = within_reach(change.more_launches for _, change in changes)
    if not more_launches:
        return f"{text}: {out_of_reach(len(changes))}"
    enough = median_high(more_launches)
    decided = sum(number <= enough for number in more_launches)
    cases = "it" if len(changes) == 1 else f"{decided} of them"
    return f"{text}: {plural(enough, 'more launch')} on each side should decide {cases}"


def input_shapes(comparison: Comparison) -> str:
    """The input of all cases, if they share it, or their first; else '', as labels then name it."""
    shapes = {case.input_shape for case in comparison.cases}
    if len(shapes) != 1 or not all(shapes):
        return ""
    shape = shape_text(*shapes)
    is_only = all(f" {shape} " in case.key for case in comparison.cases)
    return f"Input: {shape}." if is_only else f"First input: {shape}."


def _name(case: CaseComparison, quote: Quote) -> str:
    return f"{quote(label(case.label))} {AT[case.mode]}"
