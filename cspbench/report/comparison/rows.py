"""The compact table of a comparison: a row for each changed entry, changes in percent."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...catalogue.entry import Shape
from ...comparison.result import RANK, Answer, CaseComparison, Change, Comparison
from ...plan.case import MODES, Mode
from ...plan.labels import label
from ...records.gate import LATENCY
from ...records.quantities import NAMES
from ...records.trainings import COMPARED
from ...units import is_wide, wide_text
from ..percents import exact_change_text, signed_change
from ..tones import toned
from ..words import AT

PEAK = "peak_tensor_bytes"
COLUMNS = (LATENCY, "macs", "params", PEAK)
"""The measures that have columns; others stand in the details, or in a column of their own."""

OTHER = "other"
"""The measure of that column."""

_MAX_OTHERS = 2  # measures in a cell
_LATENCY_WORDS: dict[Answer, str] = {"worse": "slower", "better": "faster"}


@dataclass(frozen=True, slots=True)
class ComparedEntry:
    """An entry with its arguments and input: its ``label``, and its case in each mode."""

    label: str
    cases: Mapping[Mode, CaseComparison]

    @property
    def verdict(self) -> Answer:
        """The first in `RANK` of the verdicts of its cases."""
        return min((case.verdict for case in self.cases.values()), key=RANK.index)

    @property
    def input_shape(self) -> Shape:
        """The shape of the input of its cases."""
        return next(iter(self.cases.values())).input_shape

    def changes(self, measure: str, *answers: Answer) -> dict[Mode, Change]:
        """The changes of a measure by mode, those with one of ``answers`` or else all but same."""
        return {
            mode: change
            for mode, case in self.cases.items()
            if (change := case.measures.get(measure)) is not None
            and (change.verdict in answers if answers else change.verdict != "same")
        }

    def measures(self) -> list[str]:
        """The names of all measures of its cases."""
        return list(dict.fromkeys(name for case in self.cases.values() for name in case.measures))

    def severity(self, *answers: Answer) -> tuple[float, float]:
        """How far its latency changed, then how far anything did, as logarithms of ratios."""

        def farthest(*measures: str) -> float:
            ratios = [
                change.ratio
                for measure in measures
                for change in self.changes(measure, *answers).values()
                if change.ratio is not None
            ]
            return max((abs(math.log(ratio)) if ratio else math.inf for ratio in ratios), default=0)

        return farthest(LATENCY), farthest(*self.measures())


class Cell(NamedTuple):
    """A change, its interval, a word on it, and the verdict; '' if there is nothing to say."""

    value: str = ""
    interval: str = ""
    word: str = ""
    answer: str = ""

    @property
    def line(self) -> str:
        """On one line: ``+12% (+10% to +14%) slower``."""
        interval = self.interval and f"({self.interval})"
        parts = (self.value, interval, self.word) if self.value else (self.word, interval)
        return " ".join(filter(None, parts))

    @property
    def lines(self) -> str:
        """The interval on a line of its own, below the change and the word with its tone."""
        word = toned(self.word, self.answer)
        return "\n".join(filter(None, (f"{self.value} {word}".strip(), self.interval)))


class Column(NamedTuple):
    """A column of the compact table: a measure, in one mode if it has one for each."""

    measure: str
    mode: Mode | None
    cells: tuple[Cell, ...]


def entries(comparison: Comparison) -> list[ComparedEntry]:
    """The entries of ``comparison`` in its order, without cases that only one side has."""
    shared = [case for case in comparison.cases if case.verdict not in {"added", "removed"}]
    return _grouped(shared)


def changed_entries(comparison: Comparison) -> list[ComparedEntry]:
    """The entries with a change or something undecided, the worst first."""
    changed = [
        entry
        for entry in entries(comparison)
        if entry.verdict != "same" and any(_cells(comparison, entry))
    ]
    return sorted(changed, key=_order)


def one_sided(comparison: Comparison, answer: Answer) -> list[ComparedEntry]:
    """The entries, or their cases in one mode, that were added or removed."""
    return _grouped([case for case in comparison.cases if case.verdict == answer])


def columns(comparison: Comparison, rows: Sequence[ComparedEntry]) -> list[Column]:
    """The columns of a table of ``rows``, without those that would be empty."""
    shown = [*_keys(), (OTHER, None)]
    cells = zip(*(_cells(comparison, entry) for entry in rows), strict=True)
    return [
        Column(measure, mode, column)
        for (measure, mode), column in zip(shown, cells, strict=True)
        if any(cell.line for cell in column)
    ]


def exact_text(change: Change) -> str:
    """The change of an exact figure in percent, or as both figures where one is 0 or missing."""
    if change.candidate is None:
        return "missing"
    if change.baseline is None:
        return "new"
    if change.ratio is None:
        return f"{change.baseline:,} → {change.candidate:,}"
    return exact_change_text(change.ratio)


def _grouped(cases: Sequence[CaseComparison]) -> list[ComparedEntry]:
    """The entries of ``cases``: a case for each mode, and what else a key states is the same."""
    groups: dict[tuple[str, int], dict[Mode, CaseComparison]] = {}
    for case in cases:
        stem, number = case.key.removesuffix(f" {case.mode}") or case.label, 0
        while case.mode in groups.get((stem, number), {}):
            number += 1
        groups.setdefault((stem, number), {})[case.mode] = case
    return [
        ComparedEntry(label(next(iter(group.values())).label), group) for group in groups.values()
    ]


def _order(entry: ComparedEntry) -> tuple[float, ...]:
    if entry.verdict == "undecided":  # what may be slower comes first
        ratios = [change.ratio or 0.0 for change in entry.changes(LATENCY).values()]
        return RANK.index(entry.verdict), -max(ratios, default=0.0)
    latency, anything = entry.severity(entry.verdict)
    return RANK.index(entry.verdict), -latency, -anything


def _keys() -> Iterator[tuple[str, Mode | None]]:
    for measure in COLUMNS:
        modes: Sequence[Mode | None] = MODES if measure in {LATENCY, PEAK} else [None]
        for mode in modes:
            yield measure, mode


def _cells(comparison: Comparison, entry: ComparedEntry) -> list[Cell]:
    """The cells of a row; those of other measures only if it has none besides, so all may be ''."""
    cells = [
        _latency(entry, mode, is_comparable=comparison.is_latency_comparable)
        if measure == LATENCY and mode
        else _figure(entry, measure, mode)
        for measure, mode in _keys()
    ]
    is_empty = not any(cell.line for cell in cells)
    row = [*cells, _others(entry) if is_empty else Cell()]
    return row if any(cell.line for cell in row) else []


def _latency(entry: ComparedEntry, mode: Mode, *, is_comparable: bool) -> Cell:
    change = entry.changes(LATENCY).get(mode)
    if change is None or not is_comparable:
        return Cell()
    if not change.is_comparable or change.ratio is None:
        return Cell("not compared")
    word = _LATENCY_WORDS.get(change.verdict, "undecided")
    if change.interval is None:
        return Cell("", "one launch", word, change.verdict)
    if is_wide(*change.interval):
        return Cell("", wide_text(change.launches or 0), word, change.verdict)
    return Cell(*signed_change(change.ratio, *change.interval), word, change.verdict)


def _figure(entry: ComparedEntry, measure: str, mode: Mode | None) -> Cell:
    changes = entry.changes(measure)
    if mode is not None:
        return Cell(exact_text(changes[mode])) if mode in changes else Cell()
    return Cell(_over_modes(entry, {mode: exact_text(changes[mode]) for mode in changes}))


def _over_modes(entry: ComparedEntry, texts: Mapping[Mode, str]) -> str:
    """Texts by mode as one: once if they are the same in all modes, else with their modes."""
    if len(set(texts.values())) == 1 and set(texts) == set(entry.cases):
        return next(iter(texts.values()))
    return ", ".join(f"{text} {AT[mode]}" for mode, text in texts.items())


def _others(entry: ComparedEntry) -> Cell:
    """The changes of all measures without a column."""
    items = []
    for measure in entry.measures():
        changes = entry.changes(measure) if measure not in COLUMNS else {}
        if changes:
            text = _trained_text if measure in COMPARED else exact_text
            texts = {mode: text(change) for mode, change in changes.items()}
            items.append(f"{NAMES[measure]} {_over_modes(entry, texts)}")
    more = f" and {len(items) - _MAX_OTHERS} more" if len(items) > _MAX_OTHERS else ""
    return Cell(", ".join(items[:_MAX_OTHERS]) + more)


def _trained_text(change: Change) -> str:
    if change.verdict == "undecided" or change.baseline is None or change.candidate is None:
        return "undecided" if change.verdict == "undecided" else exact_text(change)
    return f"{change.baseline:.3f} → {change.candidate:.3f}"
